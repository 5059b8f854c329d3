package whip

import (
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// nalBuilder collects the NAL units of one access unit, each led by its length in four bytes.
type nalBuilder struct {
	builder
	count        int
	at           int  // where the last NAL unit's length stands
	open         bool // it is a fragment without its end
	picture      bool // a slice is among them
	randomAccess bool
}

func (b *nalBuilder) reset() {
	b.builder.reset()
	b.count, b.open, b.picture, b.randomAccess = 0, false, false, false
}

// begin opens a NAL unit of at least n bytes.
func (b *nalBuilder) begin(n int) error {
	if b.open {
		return ingest.Errorf(ingest.ReasonBadMedia, "a fragmented NAL unit without its end")
	}
	if b.count++; b.count > maxNALUnits {
		return ingest.Errorf(ingest.ReasonBadMedia, "more than %d NAL units in one picture", maxNALUnits)
	}
	if err := b.grow(4 + n); err != nil {
		return err
	}
	b.at = len(b.buf)
	b.buf = append(b.buf, 0, 0, 0, 0)
	return nil
}

func (b *nalBuilder) end() []byte {
	n := b.buf[b.at+4:]
	binary.BigEndian.PutUint32(b.buf[b.at:], uint32(len(n)))
	return n
}

// whole adds a NAL unit.
func (b *nalBuilder) whole(n []byte) error {
	if err := b.begin(len(n)); err != nil {
		return err
	}
	b.buf = append(b.buf, n...)
	b.end()
	return nil
}

// fragment adds a part of a NAL unit, whose header is given for its first. It returns the NAL unit with its end, and nil
// before.
func (b *nalBuilder) fragment(first, last bool, header, part []byte) ([]byte, error) {
	switch {
	case first:
		if err := b.begin(len(header) + len(part)); err != nil {
			return nil, err
		}
		b.buf, b.open = append(b.buf, header...), true
	case !b.open:
		return nil, ingest.Errorf(ingest.ReasonBadMedia, "a fragment of a NAL unit without its start")
	}
	if err := b.grow(len(part)); err != nil {
		return nil, err
	}
	b.buf = append(b.buf, part...)
	if !last {
		return nil, nil
	}
	b.open = false
	return b.end(), nil
}

// note takes down what the last NAL unit makes of the access unit.
func (b *nalBuilder) note(kind nal.Kind) {
	b.picture = b.picture || kind.Picture()
	b.randomAccess = b.randomAccess || kind == nal.RandomAccess
}

// drop takes the last NAL unit out again.
func (b *nalBuilder) drop() { b.buf = b.buf[:b.at] }

// unit ends the access unit. config is that of its track, which a random access unit must have.
func (b *nalBuilder) unit(codec media.Codec, config []byte) (unit, error) {
	defer b.reset()
	switch {
	case b.open:
		return unit{}, ingest.Errorf(ingest.ReasonBadMedia, "a fragmented NAL unit without its end")
	case b.randomAccess && config == nil:
		return unit{}, ingest.Errorf(ingest.ReasonBadMedia, "%s key frame without parameter sets", codec)
	case !b.picture:
		return unit{}, nil
	}
	u := unit{payload: b.take(), randomAccess: b.randomAccess}
	if u.randomAccess {
		u.config = config
	}
	return u, nil
}

// eachAggregated walks the NAL units of an aggregation packet, each led by its length in two bytes (RFC 6184, 5.7.1;
// RFC 7798, 4.4.2). Empty ones are nothing.
func eachAggregated(codec media.Codec, p []byte, take func([]byte) error) error {
	for len(p) > 0 {
		if len(p) < 2 || len(p)-2 < int(binary.BigEndian.Uint16(p)) {
			return errShort(codec)
		}
		n := p[2 : 2+int(binary.BigEndian.Uint16(p))]
		p = p[2+len(n):]
		if len(n) == 0 {
			continue
		}
		if err := take(n); err != nil {
			return err
		}
	}
	return nil
}

package whip

import (
	"bytes"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/obu"
)

// The aggregation header of RTP Payload Format For AV1, 4.4: Z, Y, two bits of W, N.
const (
	av1Continued = 0x80 // Z: the first element goes on with the last of the packet before
	av1Continues = 0x40 // Y: the last element goes on in the next packet
)

// The OBU types of AV1, 6.2.2, that matter here.
const (
	obuSequenceHeader = 1
	obuDelimiter      = 2
	obuFrameHeader    = 3
	obuFrame          = 6
	obuTileList       = 8
	obuPadding        = 15
)

// av1Depacketizer reads RTP Payload Format For AV1.
type av1Depacketizer struct {
	out     builder
	obu     []byte // the element under way
	open    bool   // it goes on in the next packet
	picture bool
	header  []byte // the sequence header of the access unit under way
	config  []byte // of the last one
}

func (d *av1Depacketizer) reset() {
	d.out.reset()
	d.obu, d.open, d.picture, d.header = d.obu[:0], false, false, nil
}

func (d *av1Depacketizer) push(p []byte) error {
	aggregation, rest := p[0], p[1:]
	if d.open != (aggregation&av1Continued != 0) {
		return ingest.Errorf(ingest.ReasonBadMedia, "av1 element without its other part")
	}
	elements := int(aggregation >> 4 & 3)
	for i := 1; len(rest) > 0; i++ {
		element := rest
		if i != elements { // "the last OBU element MUST NOT be preceded by a length field", where W is not 0
			size, n := obu.LEB128(rest)
			if n == 0 || size > len(rest)-n {
				return errShort(media.AV1)
			}
			element = rest[n : n+size]
			rest = rest[n+size:]
		} else {
			rest = nil
		}
		if err := d.element(element, len(rest) == 0 && aggregation&av1Continues != 0); err != nil {
			return err
		}
	}
	return nil
}

// element adds a part of an OBU; more says that others follow.
func (d *av1Depacketizer) element(b []byte, more bool) error {
	if len(d.obu)+len(b) > maxUnit {
		return ingest.Errorf(ingest.ReasonBadMedia, "an OBU of more than %d bytes", maxUnit)
	}
	d.obu = append(d.obu, b...)
	if d.open = more; more {
		return nil
	}
	err := d.finish(d.obu)
	d.obu = d.obu[:0]
	return err
}

// finish adds a whole OBU, with its size in it (AV1, 5.3).
func (d *av1Depacketizer) finish(b []byte) error {
	const hasExtension, hasSize = 1 << 2, 1 << 1
	if len(b) == 0 {
		return nil
	}
	head := 1
	if b[0]&hasExtension != 0 {
		head = 2
	}
	if len(b) < head {
		return errShort(media.AV1)
	}
	body := b[head:]
	if b[0]&hasSize != 0 {
		size, n := obu.LEB128(body)
		if n == 0 || size != len(body)-n {
			return errShort(media.AV1)
		}
		body = body[n:]
	}
	kind := b[0] >> 3 & 15
	switch kind {
	case obuDelimiter, obuTileList, obuPadding:
		return nil
	case obuFrameHeader, obuFrame:
		d.picture = true
	}
	if err := d.out.grow(head + 5 + len(body)); err != nil {
		return err
	}
	at := len(d.out.buf)
	d.out.buf = append(d.out.buf, b[:head]...)
	d.out.buf[at] |= hasSize
	d.out.buf = append(appendLEB128(d.out.buf, len(body)), body...)
	if kind == obuSequenceHeader {
		d.header = bytes.Clone(d.out.buf[at:])
	}
	return nil
}

// unit ends a temporal unit. One that begins a coded video sequence has its sequence header, and only such ones.
func (d *av1Depacketizer) unit() (unit, error) {
	defer d.reset()
	if d.open {
		return unit{}, ingest.Errorf(ingest.ReasonBadMedia, "av1 element without its other part")
	}
	if !d.picture {
		return unit{}, nil
	}
	u := unit{randomAccess: d.header != nil}
	if u.randomAccess {
		if d.config == nil || !bytes.Equal(d.config[4:], d.header) {
			config, err := obu.Config(d.header)
			if err != nil {
				return unit{}, &ingest.Error{Reason: ingest.ReasonBadMedia, Err: err}
			}
			d.config = config
		}
		u.config = d.config
	}
	u.payload = d.out.take()
	return u, nil
}

func appendLEB128(b []byte, v int) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

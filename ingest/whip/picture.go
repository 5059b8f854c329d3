package whip

import (
	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// unit is one access unit as a depacketizer found it. The payload is its own, and no one else's.
type unit struct {
	payload      []byte
	randomAccess bool
	config       []byte // media.Track.Config, in a random access unit; shared, and never written
	width        int    // where the configuration does not tell
	height       int
}

// depacketizer puts the RTP payloads of one access unit together, given in order and without a hole. Its errors are
// *ingest.Error; after one, and after a hole, the access unit cannot be used and reset must be called.
type depacketizer interface {
	push(payload []byte) error
	// unit ends the access unit. Its payload is empty where nothing in it is to be decoded.
	unit() (unit, error)
	reset()
}

// newDepacketizer serves a codec that newOffer has chosen.
func newDepacketizer(codec media.Codec) depacketizer {
	switch codec {
	case media.HEVC:
		return &hevcDepacketizer{}
	case media.AV1:
		return &av1Depacketizer{}
	case media.VP9:
		return &vp9Depacketizer{}
	case media.Opus:
		return &opusDepacketizer{}
	}
	return &avcDepacketizer{}
}

// assembler turns the packets of one track, in order, into access units: the packets of one timestamp, of which the last
// has the marker. It is for one goroutine.
type assembler struct {
	depacketizer depacketizer
	single       bool // a packet is an access unit: sound

	begun     bool // a packet of timestamp has come
	timestamp uint32
	spoilt    bool  // and something of that access unit is missing or cannot be read
	hole      bool  // packets are missing before the next one
	damaged   bool  // an access unit was lost since damage was last called
	fault     error // why the last one that could not be read could not
}

// push takes the next packet and calls emit for each access unit that is whole, with its timestamp. after says that packets
// before this one are missing: the access unit under way is then lost, and so is the one that the packet belongs to, since
// its start may be missing.
func (a *assembler) push(p packet, after bool, emit func(unit, uint32)) {
	a.hole = a.hole || after
	if len(p.payload) == 0 { // padding, by which a sender feels out the network
		return
	}
	hole := a.hole
	a.hole = false
	if a.begun && (hole || a.timestamp != p.timestamp) { // the latter for an encoder that sets no marker
		a.spoilt = a.spoilt || hole
		a.finish(emit)
	}
	if !a.begun {
		a.begun, a.timestamp, a.spoilt = true, p.timestamp, hole && !a.single
	}
	if !a.spoilt {
		if err := a.depacketizer.push(p.payload); err != nil {
			a.spoilt, a.fault = true, err
		}
	}
	if p.marker || a.single {
		a.finish(emit)
	}
}

// finish ends the access unit under way.
func (a *assembler) finish(emit func(unit, uint32)) {
	a.begun = false
	if a.spoilt {
		a.damaged = true
		a.depacketizer.reset()
		return
	}
	u, err := a.depacketizer.unit()
	if err != nil {
		a.damaged, a.fault = true, err
		return
	}
	if len(u.payload) > 0 {
		emit(u, a.timestamp)
	}
}

// damage reports whether access units were lost since the last call, and what is wrong with the last that could not be read.
func (a *assembler) damage() (lost bool, fault error) {
	lost, fault = a.damaged, a.fault
	a.damaged, a.fault = false, nil
	return lost, fault
}

// builder collects one access unit within its bounds.
type builder struct {
	buf  []byte
	last int // size of the last one: a guess for the next
}

// grow makes room for n more bytes.
func (b *builder) grow(n int) error {
	if len(b.buf)+n > maxUnit {
		return ingest.Errorf(ingest.ReasonBadMedia, "an access unit of more than %d bytes", maxUnit)
	}
	if b.buf == nil {
		b.buf = make([]byte, 0, max(b.last+b.last/4, n+256))
	}
	return nil
}

// take gives what was collected away.
func (b *builder) take() []byte {
	out := b.buf
	b.last, b.buf = len(out), nil
	if 2*len(out) < cap(out) {
		out = append(make([]byte, 0, len(out)), out...) // or it would keep the room for a key frame in memory
	}
	return out
}

func (b *builder) reset() { b.buf = b.buf[:0] }

// errShort is for a payload that ends inside its own header.
func errShort(codec media.Codec) error {
	return ingest.Errorf(ingest.ReasonBadMedia, "%s packet cut off", codec)
}

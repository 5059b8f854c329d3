package rtmp

import (
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// E-RTMP v2's AvMultitrackType.
const (
	oneTrack         = 0
	manyTracks       = 1
	manyTracksCodecs = 2
)

// exHeader reads what audio and video of E-RTMP v2 have in common: ModEx prefixes, multitrack, FourCC.
type exHeader struct {
	kind   media.Kind
	packet byte // the packet type
	rest   []byte
}

// take cuts n bytes off rest; nil where there are not as many.
func (x *exHeader) take(n int) []byte {
	if n > len(x.rest) {
		return nil
	}
	b := x.rest[:n]
	x.rest = x.rest[n:]
	return b
}

// skipModifications skips ModEx prefixes: one carries a fraction of a millisecond, below what our timeline takes from RTMP.
func (x *exHeader) skipModifications() error {
	for x.packet == packetModification {
		b := x.take(1)
		if b == nil {
			return errShort(x.kind)
		}
		size := int(b[0]) + 1
		if size == 256 { // "If maximum 8-bit size is not sufficient, use a 16-bit value"
			if b = x.take(2); b == nil {
				return errShort(x.kind)
			}
			size = int(binary.BigEndian.Uint16(b)) + 1
		}
		if b = x.take(size + 1); b == nil {
			return errShort(x.kind)
		}
		x.packet = b[size] & 15
	}
	return nil
}

// tracks reads the FourCC, and in a multitrack message the tracks, and calls take for each. multitrack is the packet type
// that says so.
//
// E-RTMP v2, Track Ordering: "it is RECOMMENDED that trackId 0 be used for the default track of a given media type".
func (x *exHeader) tracks(multitrack byte, take func(id uint8, fourCC, body []byte) error) error {
	if x.packet != multitrack {
		fourCC, err := x.readFourCC()
		if err != nil {
			return err
		}
		return take(0, fourCC, x.rest)
	}
	b := x.take(1)
	if b == nil {
		return errShort(x.kind)
	}
	kind := b[0] >> 4
	if x.packet = b[0] & 15; x.packet == multitrack || kind > manyTracksCodecs {
		return ingest.Errorf(ingest.ReasonBadMedia, "%v multitrack header %#02x", x.kind, b[0])
	}
	if kind == manyTracksCodecs {
		return x.manyTracks(nil, take)
	}
	fourCC, err := x.readFourCC()
	if err != nil {
		return err
	}
	if kind == manyTracks {
		return x.manyTracks(fourCC, take)
	}
	id := x.take(1)
	if id == nil {
		return errShort(x.kind)
	}
	return take(id[0], fourCC, x.rest)
}

func (x *exHeader) readFourCC() ([]byte, error) {
	fourCC := x.take(4)
	if fourCC == nil {
		return nil, errShort(x.kind)
	}
	return fourCC, nil
}

// manyTracks walks all tracks of a message, each led by its size, and by its codec where common is nil.
func (x *exHeader) manyTracks(common []byte, take func(id uint8, fourCC, body []byte) error) (err error) {
	for n := 0; len(x.rest) > 0; n++ {
		if n == maxTracks {
			return ingest.Errorf(ingest.ReasonBadMedia, "more than %d %v tracks in one message", maxTracks, x.kind)
		}
		fourCC := common
		if fourCC == nil {
			if fourCC, err = x.readFourCC(); err != nil {
				return err
			}
		}
		head := x.take(4) // track ID and size
		if head == nil {
			return errShort(x.kind)
		}
		body := x.take(uint24(head[1:]))
		if body == nil {
			return errShort(x.kind)
		}
		if len(body) == 0 {
			continue // nothing of this track at this time
		}
		if err := take(head[0], fourCC, body); err != nil {
			return err
		}
	}
	return nil
}

// refuse is for a codec that the house does not carry: the default track is what a broadcast is for, the others are more.
func (x *exHeader) refuse(t tag, codec string, take func(tag) error) error {
	if t.track == 0 {
		return errCodec(x.kind, codec)
	}
	t.content = foreign
	return take(t)
}

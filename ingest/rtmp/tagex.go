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

	found  bool // the default track is in the message, and rest is its body
	fourCC []byte
	others int // tracks that are not the default one
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

// selectTrack reads the FourCC and, in a message of many tracks, finds the default one. multitrack is the packet type that
// says so.
//
// E-RTMP v2, Track Ordering: "it is RECOMMENDED that trackId 0 be used for the default track of a given media type".
func (x *exHeader) selectTrack(multitrack byte) error {
	if x.packet != multitrack {
		x.found = true
		return x.readFourCC()
	}
	b := x.take(1)
	if b == nil {
		return errShort(x.kind)
	}
	kind := b[0] >> 4
	if x.packet = b[0] & 15; x.packet == multitrack || kind > manyTracksCodecs {
		return ingest.Errorf(ingest.ReasonBadMedia, "%v multitrack header %#02x", x.kind, b[0])
	}
	if kind != manyTracksCodecs {
		if err := x.readFourCC(); err != nil {
			return err
		}
	}
	if kind == oneTrack {
		return x.readOneTrack()
	}
	return x.readTracks(kind)
}

func (x *exHeader) readFourCC() error {
	if x.fourCC = x.take(4); x.fourCC == nil {
		return errShort(x.kind)
	}
	return nil
}

func (x *exHeader) readOneTrack() error {
	id := x.take(1)
	if id == nil {
		return errShort(x.kind)
	}
	if x.found = id[0] == 0; !x.found {
		x.others = 1
	}
	return nil
}

// readTracks walks all tracks of a message, each led by its size.
func (x *exHeader) readTracks(kind byte) error {
	var fourCC, body []byte
	for len(x.rest) > 0 {
		if kind == manyTracksCodecs {
			if err := x.readFourCC(); err != nil {
				return err
			}
		}
		head := x.take(4) // track ID and size
		if head == nil {
			return errShort(x.kind)
		}
		data := x.take(uint24(head[1:]))
		switch {
		case data == nil:
			return errShort(x.kind)
		case head[0] == 0 && !x.found:
			x.found, fourCC, body = true, x.fourCC, data
		default:
			x.others++
		}
	}
	x.fourCC, x.rest = fourCC, body
	return nil
}

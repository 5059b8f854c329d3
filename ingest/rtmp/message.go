package rtmp

import (
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
)

// The message types that a server meets (RTMP 1.0, 5.4, 6.2 and 7.1).
const (
	typeSetChunkSize  = 1
	typeAbort         = 2
	typeAck           = 3
	typeUserControl   = 4
	typeWindowAckSize = 5
	typePeerBandwidth = 6
	typeAudio         = 8
	typeVideo         = 9
	typeDataAMF3      = 15
	typeCommandAMF3   = 17
	typeData          = 18
	typeCommand       = 20
	typeAggregate     = 22
)

// message is one RTMP message, joined from its chunks. Whoever gets it owns the payload.
type message struct {
	typeID    uint8
	streamID  uint32
	timestamp uint32 // milliseconds
	payload   []byte
}

// isMedia tells the types whose messages may be large.
func isMedia(typeID uint8) bool {
	return typeID == typeAudio || typeID == typeVideo || typeID == typeAggregate
}

// amf0 is the payload of a command or data message without the format byte that the AMF3 types put before it.
//
// E-RTMP v2, Important AMF3-encoded Historical Specification Clarification: "Message payload for message types of 15, 16
// and 17 starts with a format selector byte. Currently, only format 0 is defined to indicate AMF0-encoded values."
func (m message) amf0() []byte {
	if (m.typeID == typeDataAMF3 || m.typeID == typeCommandAMF3) && len(m.payload) > 0 {
		return m.payload[1:]
	}
	return m.payload
}

// number is the payload of a control message: one 32-bit number.
func (m message) number() (uint32, error) {
	if len(m.payload) < 4 {
		return 0, ingest.Errorf(ingest.ReasonBadMessage, "control message %d of %d bytes", m.typeID, len(m.payload))
	}
	return binary.BigEndian.Uint32(m.payload), nil
}

// unbundle calls f for each message inside an aggregate (RTMP 1.0, 7.1.6): FLV tags, each with a header of 11 bytes and the
// size of the whole after it.
func (m message) unbundle(f func(message) error) error {
	const header, trailer = 11, 4
	first, rest := uint32(0), m.payload
	for n := 0; len(rest) > 0; n++ {
		if len(rest) < header || len(rest)-header < uint24(rest[1:]) {
			return ingest.Errorf(ingest.ReasonBadMessage, "aggregate cut off in message %d", n)
		}
		at := uint32(uint24(rest[4:])) | uint32(rest[7])<<24
		if n == 0 {
			first = at
		}
		end := header + uint24(rest[1:])
		part := message{typeID: rest[0], streamID: m.streamID, timestamp: m.timestamp + at - first, payload: rest[header:end:end]}
		if part.typeID == typeAggregate {
			return ingest.Errorf(ingest.ReasonBadMessage, "aggregate within an aggregate")
		}
		if err := f(part); err != nil {
			return err
		}
		rest = rest[min(end+trailer, len(rest)):]
	}
	return nil
}

// appendMessage appends a message of ours, as one chunk with a full header: it must fit outChunkSize.
func appendMessage(b []byte, chunkStream byte, m message) []byte {
	b = append(b, chunkStream, 0, 0, 0) // fmt 0, timestamp 0: nothing we say has a time
	b = appendUint24(b, len(m.payload))
	b = append(b, m.typeID)
	b = binary.LittleEndian.AppendUint32(b, m.streamID)
	return append(b, m.payload...)
}

// The chunk streams that our messages go out on; the first is RTMP 1.0's for control messages (5.4), the other is what
// clients expect commands on.
const (
	controlChunks = 2
	commandChunks = 3
)

// appendControl appends a control message of one number and, in tail, what follows it.
func appendControl(b []byte, typeID uint8, n uint32, tail ...byte) []byte {
	payload := append(binary.BigEndian.AppendUint32(nil, n), tail...)
	return appendMessage(b, controlChunks, message{typeID: typeID, payload: payload})
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func appendUint24(b []byte, n int) []byte { return append(b, byte(n>>16), byte(n>>8), byte(n)) }

// Package rtmptest plays the other side of package rtmp in tests: it writes what encoders send, byte by byte, and stands in
// for the gate.
package rtmptest

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/yutopp/go-amf0"
)

// Message is one RTMP message to be cut into chunks.
type Message struct {
	Chunks    int // the chunk stream
	Type      byte
	Stream    uint32 // the message stream
	Timestamp uint32
	Payload   []byte
}

// Writer cuts messages into chunks, in the manner of one encoder or another. The zero value writes chunks of 128 bytes, each
// message with a full header.
type Writer struct {
	ChunkSize      int  // 128 when zero
	OmitExtended   bool // leave the extended timestamp out of type 3 chunks
	RepeatedHeader byte // the format of a message's first chunk: 0 to 3
}

// Append appends the chunks of m. Timestamp is what the header says: a time in format 0, a delta in 1 and 2.
func (w Writer) Append(b []byte, m Message) []byte {
	for _, c := range w.Chunks(m) {
		b = append(b, c...)
	}
	return b
}

// Chunks are the chunks of m one by one.
func (w Writer) Chunks(m Message) [][]byte {
	size := w.ChunkSize
	if size == 0 {
		size = 128
	}
	rest := m.Payload[min(size, len(m.Payload)):]
	chunks := [][]byte{append(w.appendHeader(nil, w.RepeatedHeader, m), m.Payload[:len(m.Payload)-len(rest)]...)}
	for len(rest) > 0 {
		n := min(size, len(rest))
		chunks = append(chunks, append(w.appendHeader(nil, 3, m), rest[:n]...))
		rest = rest[n:]
	}
	return chunks
}

func (w Writer) appendHeader(b []byte, format byte, m Message) []byte {
	b = appendBasic(b, format, m.Chunks)
	field := min(m.Timestamp, 0xFFFFFF)
	if format <= 2 {
		b = append(b, byte(field>>16), byte(field>>8), byte(field))
	}
	if format <= 1 {
		n := len(m.Payload)
		b = append(b, byte(n>>16), byte(n>>8), byte(n), m.Type)
	}
	if format == 0 {
		b = binary.LittleEndian.AppendUint32(b, m.Stream)
	}
	if field == 0xFFFFFF && !(format == 3 && w.OmitExtended) {
		b = binary.BigEndian.AppendUint32(b, m.Timestamp)
	}
	return b
}

func appendBasic(b []byte, format byte, id int) []byte {
	switch {
	case id < 64:
		return append(b, format<<6|byte(id))
	case id < 320:
		return append(b, format<<6, byte(id-64))
	default:
		return append(b, format<<6|1, byte(id-64), byte((id-64)>>8))
	}
}

// Handshake is C0, C1 and C2. A client may send them at once: nothing in C2 hangs on the server.
func Handshake() []byte {
	b := make([]byte, 1+2*1536)
	b[0] = 3
	return b
}

// AMF encodes values in AMF0, with an encoder other than the server's.
func AMF(values ...any) []byte {
	var b bytes.Buffer
	e := amf0.NewEncoder(&b)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			panic(fmt.Sprintf("rtmptest: AMF0 of %T: %v", v, err))
		}
	}
	return b.Bytes()
}

// Object is an AMF0 object.
type Object = map[string]any

// Command is a call on a message stream.
func Command(stream uint32, values ...any) Message {
	return Message{Chunks: 3, Type: 20, Stream: stream, Payload: AMF(values...)}
}

// Control is a protocol control message of one number.
func Control(typeID byte, n uint32) Message {
	return Message{Chunks: 2, Type: typeID, Payload: binary.BigEndian.AppendUint32(nil, n)}
}

// Join writes messages with full headers in chunks of 128 bytes.
func Join(messages ...Message) []byte {
	var b []byte
	for _, m := range messages {
		b = Writer{}.Append(b, m)
	}
	return b
}

// Connect calls connect as ffmpeg does.
func Connect(app string) Message {
	return Command(0, "connect", 1.0, Object{"app": app, "flashVer": "FMLE/3.0 (rtmptest)", "tcUrl": "rtmp://example.com/" + app})
}

// Publish calls publish on message stream 1.
func Publish(name string) Message { return Command(1, "publish", 5.0, nil, name, "live") }

// Opening is all that an encoder says up to publish.
func Opening(app, name string) []byte {
	return append(Handshake(), Join(
		Connect(app),
		Command(0, "releaseStream", 2.0, nil, name),
		Command(0, "FCPublish", 3.0, nil, name),
		Command(0, "createStream", 4.0, nil),
		Publish(name),
	)...)
}

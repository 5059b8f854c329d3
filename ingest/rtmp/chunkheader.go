package rtmp

import (
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
)

// extended in a 24-bit timestamp field says that a 32-bit one follows the header (RTMP 1.0, 5.3.1.3).
const extended = 0xFFFFFF

// chunkStream is what the headers of one chunk stream leave unsaid because an earlier one said it, and the message begun.
type chunkStream struct {
	id        int
	known     bool // a header has come
	length    int
	typeID    uint8
	streamID  uint32
	timestamp uint32
	delta     uint32 // that a message without one adds
	extended  bool   // the last header had an extended timestamp
	field     uint32 // its timestamp field, extended or not

	begun   bool
	payload []byte
	filled  int
}

// repetition is whether the encoder puts the extended timestamp on type 3 chunks too. RTMP 1.0 says that it should (5.3.1.3);
// its first implementations did not.
type repetition uint8

const (
	unseen repetition = iota
	repeated
	omitted
)

// header reads a chunk's header, and begins a message where the chunk is its first.
func (c *chunkReader) header() (*chunkStream, error) {
	format, id, err := c.basicHeader()
	if err != nil {
		return nil, err
	}
	s, err := c.stream(id)
	if err != nil {
		return nil, err
	}
	switch {
	case format != 3 && s.begun:
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "a message header inside a message")
	case format >= 2 && !s.known: // 1 has all that matters, and librtmp begins with it
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "a chunk that refers to a header that never came")
	case format != 3:
		err = c.messageHeader(s, format)
	case s.extended:
		err = c.skipRepeated(s)
	}
	if err != nil {
		return nil, err
	}
	if s.begun {
		return s, nil
	}
	if format != 0 {
		s.timestamp += s.delta
	}
	return s, c.begin(s)
}

// basicHeader reads format and chunk stream ID in their forms of 1, 2 or 3 bytes (RTMP 1.0, 5.3.1.1).
func (c *chunkReader) basicHeader() (format byte, id int, err error) {
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, id = b>>6, int(b&0x3F)
	if id >= 2 {
		return format, id, nil
	}
	low, err := c.r.ReadByte()
	if err != nil || id == 0 {
		return format, 64 + int(low), err
	}
	high, err := c.r.ReadByte()
	return format, 64 + int(low) + int(high)<<8, err
}

func (c *chunkReader) stream(id int) (*chunkStream, error) {
	for i := range c.streams {
		if c.streams[i].id == id {
			return &c.streams[i], nil
		}
	}
	if len(c.streams) == maxChunkStreams {
		return nil, ingest.Errorf(ingest.ReasonBadMessage, "more than %d chunk streams", maxChunkStreams)
	}
	c.streams = append(c.streams, chunkStream{id: id})
	return &c.streams[len(c.streams)-1], nil
}

// messageHeader reads a header of type 0, 1 or 2 (RTMP 1.0, 5.3.1.2).
func (c *chunkReader) messageHeader(s *chunkStream, format byte) error {
	size := [...]int{11, 7, 3}[format]
	h, err := c.r.Peek(size)
	if err != nil {
		return err
	}
	s.known = true
	s.field = uint32(uint24(h))
	if format <= 1 {
		s.length, s.typeID = uint24(h[3:]), h[6]
	}
	if format == 0 {
		s.streamID = binary.LittleEndian.Uint32(h[7:])
	}
	c.r.Discard(size) // cannot fail: it was peeked
	if s.extended = s.field == extended; s.extended {
		if h, err = c.r.Peek(4); err != nil {
			return err
		}
		s.field = binary.BigEndian.Uint32(h)
		c.r.Discard(4)
	}
	s.delta = s.field
	if format == 0 {
		s.timestamp, s.delta = s.field, deltaAfter(s.field)
	}
	return nil
}

// deltaAfter is what a type 3 message adds after a type 0 one. RTMP 1.0, 5.3.1.2.4: "the timestamp delta for this Type 3
// chunk is the same as the timestamp of the Type 0 chunk". That is a delta only near the start of a stream; an encoder that
// sends a type 3 message later means the same time again.
func deltaAfter(timestamp uint32) uint32 {
	if timestamp > 1000 {
		return 0
	}
	return timestamp
}

// skipRepeated skips the extended timestamp on a type 3 chunk, where there is one: where the next four bytes are it.
func (c *chunkReader) skipRepeated(s *chunkStream) error {
	if c.repeats == omitted {
		return nil
	}
	next, err := c.r.Peek(4)
	switch {
	case len(next) == 4 && binary.BigEndian.Uint32(next) == s.field:
		c.repeats = repeated
		c.r.Discard(4)
	case err != nil && !(s.begun && s.length-s.filled <= len(next)): // else the message ends before the stream does
		return err
	case c.repeats == unseen && s.begun: // the first chunk of a message may lack what the others have
		c.repeats = omitted
	}
	return nil
}

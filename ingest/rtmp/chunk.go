package rtmp

import (
	"bufio"
	"io"

	"github.com/stagecast/stagecast/ingest"
)

const (
	maxChunkStreams  = 16
	defaultChunkSize = 128
	// RTMP 1.0, 5.4.1: "sizes larger than 16777215 (0xFFFFFF) are equivalent since no chunk is larger than one message".
	maxChunkSize = 0xFFFFFF
)

// chunkReader joins chunks into messages (RTMP 1.0, 5.3), and obeys the control messages that are about chunks.
//
// Its errors are *ingest.Error with ReasonBadMessage, or the reader's.
type chunkReader struct {
	r          *bufio.Reader
	admitted   bool // the larger bounds hold
	chunkSize  int
	unfinished int // bytes, as declared, of the messages begun
	aborts     int
	repeats    repetition
	streams    []chunkStream // never more than its capacity, so that pointers into it stay good
}

func newChunkReader(r *bufio.Reader) *chunkReader {
	return &chunkReader{r: r, chunkSize: defaultChunkSize, streams: make([]chunkStream, 0, maxChunkStreams)}
}

// next is the next whole message.
func (c *chunkReader) next() (message, error) {
	for {
		s, err := c.header()
		if err != nil {
			return message{}, err
		}
		if err := c.fill(s); err != nil {
			return message{}, err
		}
		if s.filled < s.length {
			continue
		}
		m := message{typeID: s.typeID, streamID: s.streamID, timestamp: s.timestamp, payload: s.payload}
		c.release(s)
		switch m.typeID {
		case typeSetChunkSize:
			err = c.setChunkSize(m)
		case typeAbort:
			err = c.abort(m)
		default:
			return m, nil
		}
		if err != nil {
			return message{}, err
		}
	}
}

// begin makes room for a message, within the bounds of its type and of the connection.
func (c *chunkReader) begin(s *chunkStream) error {
	total := maxSetupBytes
	if c.admitted {
		total = maxMediaBytes
	}
	if s.length > maxMetadata && !(c.admitted && isMedia(s.typeID)) {
		return ingest.Errorf(ingest.ReasonBadMessage, "a message of type %d with %d bytes", s.typeID, s.length)
	}
	if c.unfinished+s.length > total {
		return ingest.Errorf(ingest.ReasonBadMessage, "more than %d bytes of unfinished messages", total)
	}
	c.unfinished += s.length
	s.begun, s.filled, s.payload = true, 0, make([]byte, s.length)
	return nil
}

// fill reads one chunk's payload.
func (c *chunkReader) fill(s *chunkStream) error {
	n := min(c.chunkSize, s.length-s.filled)
	if _, err := io.ReadFull(c.r, s.payload[s.filled:s.filled+n]); err != nil {
		return err
	}
	s.filled += n
	return nil
}

func (c *chunkReader) release(s *chunkStream) {
	c.unfinished -= s.length
	s.begun, s.filled, s.payload = false, 0, nil
}

func (c *chunkReader) setChunkSize(m message) error {
	n, err := m.number()
	if err != nil {
		return err
	}
	if n == 0 || n > 1<<31-1 {
		return ingest.Errorf(ingest.ReasonBadMessage, "chunk size %#x", n)
	}
	c.chunkSize = int(min(n, maxChunkSize))
	return nil
}

// abort forgets an unfinished message (RTMP 1.0, 5.4.2).
func (c *chunkReader) abort(m message) error {
	id, err := m.number()
	if err != nil {
		return err
	}
	// Each may cost us the room for a large message and the peer only a header.
	if c.aborts++; c.aborts > maxAborts {
		return ingest.Errorf(ingest.ReasonBadMessage, "more than %d aborted messages", maxAborts)
	}
	for i := range c.streams {
		if s := &c.streams[i]; s.id == int(id) && s.begun {
			c.release(s)
		}
	}
	return nil
}

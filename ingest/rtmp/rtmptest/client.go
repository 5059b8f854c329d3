package rtmptest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/yutopp/go-amf0"
)

// Client is one end of a conversation: it sends bytes as they are, and reads answers all the while.
type Client struct {
	net.Conn
	ended chan struct{}

	mu      sync.Mutex // guards answers
	answers []Answer
}

// Answer is one message of the server.
type Answer struct {
	Type    byte
	Stream  uint32
	Payload []byte
	Values  []any // of a command
}

// NewClient starts to read from conn. The caller must Close it and Await the end.
func NewClient(conn net.Conn) *Client {
	c := &Client{Conn: conn, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		defer conn.Close()
		c.read()
	}()
	return c
}

// Send writes bytes. A server that has hung up is no error: tests look for its reason instead.
func (c *Client) Send(b []byte) { c.Write(b) }

// Await blocks until the server has hung up, and returns all its answers.
func (c *Client) Await() []Answer {
	<-c.ended
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers
}

// Status is the information object of the last onStatus or _error; nil where there was none.
func Status(answers []Answer) Object {
	for i := len(answers) - 1; i >= 0; i-- {
		v := answers[i].Values
		if len(v) >= 4 && (v[0] == "onStatus" || v[0] == "_error") {
			o, _ := v[3].(Object)
			return o
		}
	}
	return nil
}

func (c *Client) read() {
	if _, err := io.CopyN(io.Discard, c.Conn, 1+2*1536); err != nil {
		return
	}
	for {
		a, err := readAnswer(c.Conn)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.answers = append(c.answers, a)
		c.mu.Unlock()
	}
}

// readAnswer reads a message of one chunk with a full header, which all of the server's are.
func readAnswer(r io.Reader) (Answer, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		return Answer{}, err
	}
	if head[0]>>6 != 0 {
		return Answer{}, errors.New("rtmptest: an answer in more than one chunk")
	}
	a := Answer{Type: head[7], Stream: binary.LittleEndian.Uint32(head[8:])}
	a.Payload = make([]byte, int(head[4])<<16|int(head[5])<<8|int(head[6]))
	if _, err := io.ReadFull(r, a.Payload); err != nil {
		return Answer{}, err
	}
	if a.Type == 20 {
		d := amf0.NewDecoder(bytes.NewReader(a.Payload))
		for {
			var v any
			if d.Decode(&v) != nil {
				return a, nil
			}
			a.Values = append(a.Values, v)
		}
	}
	return a, nil
}

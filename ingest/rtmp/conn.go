package rtmp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// stage is how far a connection has come: what has been asked for, granted or not.
type stage uint8

const (
	fresh stage = iota
	connecting
	connected
	publishing
)

// errGoodbye ends a connection whose encoder said that it is done.
var errGoodbye = errors.New("rtmp: goodbye")

// conn is one connection. All is done by the goroutine of serve; others only interrupt its wire.
type conn struct {
	server  *Server
	wire    *wire.Conn
	place   *wire.Place
	log     *slog.Logger
	request ingest.Request // without a key, but while the gate is asked

	reader *bufio.Reader
	chunks *chunkReader
	out    []byte // answers not yet sent
	window uint64 // bytes between acknowledgements
	acked  uint64 // bytes acknowledged

	stage       stage
	transaction float64 // of connect
	app         string  // as sent; may hold the key
	streams     uint32  // message streams created
	stream      uint32  // the one that is published
	refused     bool    // by the gate, which has entered it into its journal

	session wire.Session
	feed    *feed
}

func newConn(s *Server, nc net.Conn, p *wire.Place, r ingest.Request, log *slog.Logger) *conn {
	c := &conn{
		server: s, place: p, request: r, log: log, window: ackWindow,
		wire: wire.NewConn(nc, s.metrics.Received),
	}
	c.reader = bufio.NewReaderSize(c.wire, readBuffer)
	c.chunks = newChunkReader(c.reader)
	return c
}

// serve runs the connection to its end, whatever that is.
func (c *conn) serve(ctx context.Context) {
	var watching sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer watching.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.wire.Interrupt(&ingest.Error{Reason: ingest.ReasonShutdown}) })
	defer stop()

	err := c.run(ctx, &watching)
	c.end(err)
	c.log.Debug("connection ended", "reason", string(ingest.ReasonOf(err)), "bytes", c.wire.Received)
	if c.tell(err) {
		c.wire.Linger(err != nil)
	}
}

// run does everything up to the reason of the end; nil means that the encoder said goodbye.
func (c *conn) run(ctx context.Context, watching *sync.WaitGroup) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic", "panic", p, "stack", string(debug.Stack()))
			err = &ingest.Error{Reason: ingest.ReasonInternal}
		}
	}()
	c.wire.Expect(c.server.cfg.SetupTimeout, ingest.ReasonSlowSetup)
	if err := c.secure(ctx); err != nil {
		return err
	}
	if err := handshake(c.reader, c.wire); err != nil {
		return err
	}
	for {
		m, err := c.chunks.next()
		if err != nil {
			return err
		}
		err = c.handle(ctx, m, watching)
		if errors.Is(err, errGoodbye) {
			return c.flush()
		}
		if err != nil {
			return err
		}
		c.acknowledge()
		if err := c.flush(); err != nil {
			return err
		}
	}
}

// secure does the TLS handshake where there is one.
func (c *conn) secure(ctx context.Context) error {
	t, ok := c.wire.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	err := t.HandshakeContext(ctx)
	if fault := c.wire.Fault(err); ingest.ReasonOf(fault) != ingest.ReasonDisconnected {
		return fault
	}
	return &ingest.Error{Reason: ingest.ReasonBadHandshake, Err: err}
}

// handle acts on one message.
func (c *conn) handle(ctx context.Context, m message, watching *sync.WaitGroup) error {
	switch m.typeID {
	case typeAudio, typeVideo, typeData, typeDataAMF3:
		return c.media(m)
	case typeAggregate:
		return m.unbundle(c.media)
	case typeCommand, typeCommandAMF3:
		return c.command(ctx, m, watching)
	case typeWindowAckSize:
		n, err := m.number()
		c.window = min(max(uint64(n), minAckWindow), maxMediaBytes)
		return err
	}
	return nil // acknowledgements of our few bytes, events of a player, shared objects
}

// media takes a message of a publisher; what comes before publish is nobody's.
func (c *conn) media(m message) error {
	if c.session == nil {
		return nil
	}
	switch m.typeID {
	case typeAudio, typeVideo:
		units := c.feed.units
		err := c.feed.media(m)
		if c.feed.units > units { // a sequence header or an empty message holds no stream
			c.wire.Renew(c.server.cfg.MediaTimeout)
		}
		return err
	case typeData, typeDataAMF3:
		return c.feed.data(m)
	}
	return nil
}

// acknowledge reports the bytes received whenever a window of them has come (RTMP 1.0, 5.4.3).
func (c *conn) acknowledge() {
	if c.wire.Received-c.acked >= c.window {
		c.acked = c.wire.Received
		c.out = appendControl(c.out, typeAck, uint32(c.acked)) // wraps with the peer's own count
	}
}

// flush sends the answers.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.wire.Write(c.out)
	c.out = c.out[:0]
	return err
}

// end closes the session, or has the refusal entered into the journal.
func (c *conn) end(err error) {
	if c.session != nil {
		c.feed.end(err)
		c.session.End(err)
		return
	}
	if err == nil {
		err = ingest.Errorf(ingest.ReasonUnpublished, "the encoder left before it published")
	}
	if c.wire.Received == 0 && ingest.ReasonOf(err) == ingest.ReasonDisconnected {
		return // somebody looked whether the port is open
	}
	c.server.metrics.Refuse(err)
	if !c.refused {
		c.server.gate.Refuse(c.request, err)
	}
}

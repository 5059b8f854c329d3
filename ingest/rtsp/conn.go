package rtsp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

var errNotRTSP = errors.New("not RTSP")

// errGoodbye ends a connection whose encoder said that it is done.
var errGoodbye = errors.New("rtsp: goodbye")

// conn is one connection, which carries one session. All is done by the goroutine of serve; others only interrupt its wire,
// and one takes the datagrams of a session over UDP.
type conn struct {
	server  *Server
	wire    *wire.Conn
	reader  *bufio.Reader
	place   *wire.Place
	log     *slog.Logger
	request ingest.Request // without a key

	nonce    string // of our challenge
	asked    int    // times that we have challenged
	unproved error  // why a peer that leaves now has not been admitted; nil where it was not asked for its key
	refused  bool   // by the gate, which has entered it into its journal
	spoke    bool   // a request could be read

	id        string // of the RTSP session
	url       string // of ANNOUNCE
	session   wire.Session
	feed      *feed
	medias    []*inbound
	datagrams bool // the transport is UDP
	recording bool
	link      linkMeter
	inbox     chan datagram // of a session over UDP
	leave     []func()      // take its ports out of the server's
}

func newConn(s *Server, nc net.Conn, p *wire.Place, r ingest.Request, log *slog.Logger) *conn {
	c := &conn{server: s, place: p, request: r, log: log, wire: wire.NewConn(nc, s.metrics.Received)}
	c.reader = bufio.NewReaderSize((*setup)(c), readBuffer)
	return c
}

// setup reads the connection, and no more than maxSetupBytes of it before RECORD.
type setup conn

func (s *setup) Read(p []byte) (int, error) {
	if !s.recording && s.wire.Received >= maxSetupBytes {
		return 0, ingest.Errorf(ingest.ReasonBadMessage, "more than %d KiB before RECORD", maxSetupBytes>>10)
	}
	return s.wire.Read(p)
}

// serve runs the connection to its end, whatever that is.
func (c *conn) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.wire.Interrupt(&ingest.Error{Reason: ingest.ReasonShutdown}) })

	var beside sync.WaitGroup
	err := c.guard(func() error { return c.run(ctx, &beside) })
	stop()
	cancel()
	beside.Wait()
	c.end(err)
	c.log.Debug("connection ended", "reason", string(ingest.ReasonOf(err)), "bytes", c.wire.Received)
	if c.spoke {
		c.wire.Linger(err != nil)
	}
}

// guard makes a panic an error: it ends this connection, and no other.
func (c *conn) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic", "panic", p, "stack", string(debug.Stack()))
			err = &ingest.Error{Reason: ingest.ReasonInternal}
		}
	}()
	return do()
}

// run does everything up to the reason of the end; nil means that the encoder said goodbye.
func (c *conn) run(ctx context.Context, beside *sync.WaitGroup) error {
	c.wire.Expect(c.server.cfg.SetupTimeout, ingest.ReasonSlowSetup)
	if err := c.secure(ctx); err != nil {
		return err
	}
	for {
		err := c.next(ctx, beside)
		if errors.Is(err, errGoodbye) {
			return nil
		}
		if err != nil {
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
	return &ingest.Error{Reason: ingest.ReasonBadHandshake, Err: err, Fix: protocolFix}
}

const protocolFix = "Use rtsp:// for this port, or rtsps:// for the TLS port."

// next takes one request or one interleaved frame.
func (c *conn) next(ctx context.Context, beside *sync.WaitGroup) error {
	first, err := c.reader.Peek(1)
	if err != nil {
		return c.fault(err)
	}
	switch first[0] {
	case base.InterleavedFrameMagicByte:
		return c.frame()
	case '\r', '\n': // some write them after a body
		_, err = c.reader.Discard(1)
		return err
	}
	if first[0] < 'A' || first[0] > 'Z' { // no method: TLS on the plain port, or garbage
		return c.fault(errNotRTSP)
	}
	var req base.Request
	if err := req.Unmarshal(c.reader); err != nil {
		return c.fault(err)
	}
	c.spoke = true
	return c.answer(ctx, &req, beside)
}

// fault says what an error of reading means. Those of the parser may hold what the peer sent: their text is left out.
func (c *conn) fault(err error) error {
	if e := (*ingest.Error)(nil); errors.As(err, &e) {
		return e
	}
	if !c.spoke {
		return &ingest.Error{Reason: ingest.ReasonBadHandshake, Err: errNotRTSP, Fix: protocolFix}
	}
	return ingest.Errorf(ingest.ReasonBadMessage, "a request that cannot be read, or passes our limits")
}

// frame takes RTP or RTCP that is interleaved with the requests (RFC 2326, 10.12).
func (c *conn) frame() error {
	if !c.recording || c.datagrams {
		return ingest.Errorf(ingest.ReasonBadMessage, "media on the connection, which is not for it")
	}
	var header [4]byte
	if _, err := io.ReadFull(c.reader, header[:]); err != nil {
		return c.fault(err)
	}
	payload := make([]byte, binary.BigEndian.Uint16(header[2:]))
	if _, err := io.ReadFull(c.reader, payload); err != nil {
		return c.fault(err)
	}
	for _, m := range c.medias {
		if channel := int(header[1]); channel == m.channel || channel == m.channel+1 {
			units := c.feed.units
			err := c.packet(m, channel != m.channel, payload, time.Now())
			if c.feed.units > units {
				c.wire.Renew(c.server.cfg.MediaTimeout)
			}
			return err
		}
	}
	c.feed.drops.Add(otherMedia, 1, nil)
	return nil
}

// packet takes RTP or RTCP of a media, whose bytes are ours.
func (c *conn) packet(m *inbound, rtcp bool, payload []byte, now time.Time) error {
	if rtcp {
		m.receiver.control(payload, now)
		return nil
	}
	lost, err := m.receiver.packet(payload, now)
	c.link.received.Add(1)
	c.link.lost.Add(lost)
	c.link.report(c.session, now, c.jitter)
	return err
}

// jitter is the most that any media has, in milliseconds.
func (c *conn) jitter() (most float64) {
	for _, m := range c.medias {
		most = max(most, m.receiver.jitter())
	}
	return most
}

// receive takes the datagrams of a session over UDP until ctx ends. An error of it interrupts the wire.
func (c *conn) receive(ctx context.Context) error {
	overdue := ingest.ReasonNoMedia
	timer := time.NewTimer(c.server.cfg.MediaTimeout)
	defer timer.Stop()
	for {
		select {
		case d := <-c.inbox:
			units := c.feed.units
			if err := c.datagram(d); err != nil {
				return err
			}
			if c.feed.units > units {
				overdue = ingest.ReasonTimeout
				timer.Reset(c.server.cfg.MediaTimeout)
			}
		case <-timer.C:
			return &ingest.Error{Reason: overdue}
		case <-ctx.Done():
			return c.drain()
		}
	}
}

func (c *conn) datagram(d datagram) error {
	c.server.metrics.Received.Add(float64(len(d.payload)))
	return c.packet(c.medias[d.media], d.rtcp, d.payload, d.at)
}

// drain takes what has come before the end.
func (c *conn) drain() error {
	for {
		select {
		case d := <-c.inbox:
			if err := c.datagram(d); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// end closes the session, or has the refusal entered into the journal.
func (c *conn) end(err error) {
	for _, leave := range c.leave {
		leave()
	}
	for _, m := range c.medias {
		if m.receiver != nil {
			m.receiver.close()
		}
	}
	if c.session != nil {
		c.session.End(c.explain(err))
		if c.feed != nil {
			c.feed.drops.End()
		}
		return
	}
	switch reason := ingest.ReasonOf(err); {
	case c.unproved != nil && (reason == ingest.ReasonDisconnected || err == nil):
		err = c.unproved
	case err == nil:
		err = ingest.Errorf(ingest.ReasonUnpublished, "the encoder left before it published")
	case c.wire.Received == 0 && reason == ingest.ReasonDisconnected:
		return // somebody looked whether the port is open
	}
	c.server.metrics.Refuse(err)
	if !c.refused {
		c.server.gate.Refuse(c.request, err)
	}
}

// explain adds to the end of a session without media why what came made none.
func (c *conn) explain(err error) error {
	if ingest.ReasonOf(err) != ingest.ReasonNoMedia || c.feed == nil || c.feed.drops.Last == nil {
		return err
	}
	return &ingest.Error{Reason: ingest.ReasonNoMedia, Err: c.feed.drops.Last}
}

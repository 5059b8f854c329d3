package srt

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/mpegts"
	"github.com/stagecast/stagecast/ingest/pull"
)

// ErrURL says what the URL of a listener must look like.
var ErrURL = errors.New("srt://HOST:PORT?streamid=…&passphrase=…&latency=MILLISECONDS, all after the port optional")

// Caller is a listener elsewhere that a stream is fetched from. It is a pull.Source.
type Caller struct {
	address      string // host:port
	streamID     string
	passphrase   string
	latency      time.Duration
	mediaTimeout time.Duration
}

// NewCaller reads the URL of a listener. The error is ErrURL: nothing of the URL is in it, as that holds secrets.
func NewCaller(u *url.URL) (*Caller, error) {
	defaults := Config{}.withDefaults()
	c := &Caller{address: u.Host, latency: defaults.Latency, mediaTimeout: defaults.MediaTimeout}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Hostname() == "" || u.Port() == "" || u.User != nil {
		return nil, ErrURL
	}
	for name, values := range query {
		value := values[0]
		switch name {
		case "streamid":
			c.streamID = value
		case "passphrase":
			c.passphrase = value
		case "latency":
			ms, err := strconv.Atoi(value)
			if err != nil || ms < 20 || ms > 8000 {
				return nil, ErrURL
			}
			c.latency = time.Duration(ms) * time.Millisecond
		case "mode":
			if value != "caller" {
				return nil, ErrURL
			}
		default:
			return nil, ErrURL
		}
	}
	if len(c.streamID) > maxStreamID || c.passphrase != "" && !isPassphrase(c.passphrase) {
		return nil, ErrURL
	}
	return c, nil
}

// Protocol implements pull.Source.
func (c *Caller) Protocol() string { return protocol + "-pull" }

// Fetch implements pull.Source.
func (c *Caller) Fetch(ctx context.Context, admit pull.Admit, log *slog.Logger) error {
	to, err := pull.Resolve(ctx, c.address)
	if err != nil {
		return err
	}
	if err := probe(ctx, to); err != nil {
		return err
	}
	farewells := &said{}
	conn, err := c.dial(ctx, to, farewells)
	if err != nil {
		return err
	}
	session, err := admit(ctx, ingest.Request{Remote: to.String(), Clock: mpegts.Clock})
	if err != nil {
		conn.Close()
		return err
	}
	return newReceiver(conn, session, &farewells.said, c.mediaTimeout, nil, log).run(ctx)
}

func (c *Caller) dial(ctx context.Context, to netip.AddrPort, log gosrt.Logger) (gosrt.Conn, error) {
	config := gosrt.DefaultConfig()
	config.ReceiverLatency, config.PeerLatency = c.latency, c.latency
	config.PeerIdleTimeout = peerTimeout
	config.StreamId, config.Passphrase = c.streamID, c.passphrase
	config.Logger = log
	conn, err := gosrt.DialWithContext(ctx, "srt", to.String(), config)
	if err != nil {
		return nil, ingest.Errorf(ingest.ReasonRefused, "the listener does not take the call")
	}
	return conn, nil
}

// probe asks whether a listener is there, as a caller's first packet does. A call that fails leaves memory behind in gosrt,
// which one a minute for weeks would make much of.
func probe(ctx context.Context, to netip.AddrPort) error {
	unreachable := ingest.Errorf(ingest.ReasonUnreachable, "no SRT listener answers there")
	conn, err := new(net.Dialer).DialContext(ctx, "udp", to.String())
	if err != nil {
		return unreachable
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })()
	answer := make([]byte, gosrt.MAX_MSS_SIZE)
	for range 4 {
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := conn.Write(induction()); err != nil {
			return unreachable
		}
		if n, err := conn.Read(answer); err == nil && n >= gosrt.SRT_HEADER_SIZE {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return unreachable
}

// induction is the first handshake packet of a caller (SRT, 4.3.1.1): a control packet of type 0 to socket 0, version 4,
// extension 2, MTU, flow window, type 1.
func induction() []byte {
	b := make([]byte, 64)
	binary.BigEndian.PutUint32(b, 1<<31)
	for i, v := range []uint32{4, 2, 0, gosrt.MAX_MSS_SIZE, 8192, 1, 1} {
		binary.BigEndian.PutUint32(b[16+4*i:], v)
	}
	return b
}

// said is farewells for one connection.
type said struct {
	farewells
	said atomic.Bool
}

// Print implements gosrt.Logger.
func (s *said) Print(topic string, _ uint32, _ int, _ func() string) {
	if topic == shutdownTopic {
		s.said.Store(true)
	}
}

package rtmp

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/wire"
)

// ErrURL says what the URL of a server must look like.
var ErrURL = errors.New("rtmp://HOST:PORT/APPLICATION/NAME or rtmps://…, the port optional")

// Caller is a server elsewhere that a stream is played from. It is a pull.Source.
type Caller struct {
	scheme, address  string // host:port
	host             string
	application, key string // the key may be a secret

	// MediaTimeout is the time to the first picture or sound, and from each to the next.
	MediaTimeout time.Duration
	// TLS is for rtmps; the system's authorities when nil.
	TLS *tls.Config
}

// NewCaller reads the URL of a stream. The error is ErrURL: nothing of the URL is in it, as that holds secrets.
func NewCaller(u *url.URL) (*Caller, error) {
	ports := map[string]string{"rtmp": "1935", "rtmps": "443"} // the ports that clients assume
	port := ports[u.Scheme]
	path := strings.Trim(u.Path, "/")
	at := strings.LastIndexByte(path, '/')
	if port == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || at <= 0 || len(u.Path)+len(u.RawQuery) > maxNameSize {
		return nil, ErrURL
	}
	if u.Port() != "" {
		port = u.Port()
	}
	c := &Caller{
		scheme: u.Scheme, host: u.Hostname(), address: net.JoinHostPort(u.Hostname(), port),
		application: path[:at], key: path[at+1:], MediaTimeout: Config{}.withDefaults().MediaTimeout,
	}
	if u.RawQuery != "" {
		c.key += "?" + u.RawQuery
	}
	return c, nil
}

// Protocol implements pull.Source.
func (c *Caller) Protocol() string { return c.scheme + "-pull" }

// Fetch implements pull.Source.
func (c *Caller) Fetch(ctx context.Context, admit pull.Admit, log *slog.Logger) error {
	setup := Config{}.withDefaults().SetupTimeout
	nc, err := (&net.Dialer{Timeout: setup, Control: pull.Control}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		if ingest.ReasonOf(err) == ingest.ReasonForbidden {
			return err
		}
		return ingest.Errorf(ingest.ReasonUnreachable, "no server answers there")
	}
	defer nc.Close()
	if c.scheme == "rtmps" {
		nc = tls.Client(nc, c.client())
	}
	metrics := wire.NewMetrics("rtmp", c.Protocol()) // for this attempt: nobody collects them
	p := &play{caller: c, wire: wire.NewConn(nc, metrics.Received), metrics: metrics, window: ackWindow, log: log.With("remote", c.address)}
	defer context.AfterFunc(ctx, func() { p.wire.Interrupt(&ingest.Error{Reason: ingest.ReasonShutdown}) })()
	p.wire.Expect(setup, ingest.ReasonUnreachable)
	err = p.secure(ctx)
	if err == nil {
		err = p.open()
	}
	if err != nil {
		return asReached(err)
	}
	session, err := admit(ctx, ingest.Request{Remote: c.address, Clock: ingest.WireClock{Rate: 1000, Bits: 32}})
	if err != nil {
		return err
	}
	err = p.run(session)
	session.End(err)
	return err
}

func (c *Caller) client() *tls.Config {
	t := c.TLS.Clone()
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.ServerName = c.host
	return t
}

// play is one attempt.
type play struct {
	caller  *Caller
	wire    *wire.Conn
	metrics *wire.Metrics
	chunks  *chunkReader
	log     *slog.Logger
	window  uint64 // bytes between acknowledgements
	acked   uint64
	feed    *feed
	early   []message // media that came before the session
	size    int       // of early
}

// secure does the TLS handshake where there is one.
func (p *play) secure(ctx context.Context) error {
	t, ok := p.wire.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	err := t.HandshakeContext(ctx)
	if invalid := (*tls.CertificateVerificationError)(nil); errors.As(err, &invalid) {
		return ingest.Errorf(ingest.ReasonRefused, "the server's certificate is not one to trust")
	}
	return p.wire.Fault(err)
}

// The numbers of our calls, which the answers bear.
const (
	connectCall = 1
	createCall  = 2
	playCall    = 3
)

// open does everything up to the server's word that the stream is played, or its first media.
func (p *play) open() error {
	r := bufio.NewReaderSize(p.wire, readBuffer)
	if err := p.shakeHands(r); err != nil {
		return err
	}
	p.chunks = newChunkReader(r)
	p.chunks.admitted = true // pictures come
	c := p.caller
	// Our chunks are as large as a message before anything that needs it: connect alone is longer than a chunk by default.
	out := appendControl(nil, typeSetChunkSize, outChunkSize)
	out = p.call(out, 0, "connect", connectCall, object{
		{"app", c.application}, {"type", "nonprivate"}, {"flashVer", "FMLE/3.0 (compatible; Stagecast)"},
		{"tcUrl", c.scheme + "://" + c.address + "/" + c.application},
		{"fourCcList", serverProperties.get("fourCcList")}, {"capsEx", serverProperties.get("capsEx")},
	})
	if _, err := p.wire.Write(out); err != nil {
		return err
	}
	for {
		m, err := p.chunks.next()
		if err != nil {
			return err
		}
		playing, err := p.setup(m)
		if err != nil || playing {
			return err
		}
	}
}

// shakeHands begins (RTMP 1.0, 5.2).
func (p *play) shakeHands(r *bufio.Reader) error {
	hello := make([]byte, 1+handshakeSize) // C0, C1
	hello[0] = protocolVersion
	rand.Read(hello[9:]) // never fails; the first 8 bytes are our time and version
	if _, err := p.wire.Write(hello); err != nil {
		return err
	}
	version, err := r.ReadByte()
	if err != nil {
		return err
	}
	if version != protocolVersion {
		return ingest.Errorf(ingest.ReasonUnreachable, "what answers is no RTMP server: version %d%s", version, guess(version))
	}
	theirs := make([]byte, 2*handshakeSize) // S1, S2
	if _, err := io.ReadFull(r, theirs); err != nil {
		return err
	}
	_, err = p.wire.Write(theirs[:handshakeSize]) // C2 echoes S1
	return err
}

// asReached makes of a connection that breaks before anything is played that there is no server.
func asReached(err error) error {
	if ingest.ReasonOf(err) == ingest.ReasonDisconnected {
		return ingest.Errorf(ingest.ReasonUnreachable, "the server hangs up")
	}
	return err
}

func (p *play) call(out []byte, stream uint32, name string, number float64, values ...any) []byte {
	payload := appendAMF(appendAMF(nil, name, number), values...)
	return appendMessage(out, commandChunks, message{typeID: typeCommand, streamID: stream, payload: payload})
}

// setup acts on a message that comes before the stream is played.
func (p *play) setup(m message) (playing bool, err error) {
	switch m.typeID {
	case typeAudio, typeVideo, typeAggregate, typeData, typeDataAMF3:
		if p.size += len(m.payload); p.size > maxHeldBytes {
			return false, ingest.Errorf(ingest.ReasonBadMessage, "media without a word that the stream is played")
		}
		p.early = append(p.early, m)
		return m.typeID != typeData && m.typeID != typeDataAMF3, nil
	case typeCommand, typeCommandAMF3:
		cmd, err := parseCommand(m)
		if err != nil {
			return false, err
		}
		return p.answered(cmd)
	}
	return false, p.housekeeping(m)
}

// answered acts on an answer to one of our calls: the next call, up to the one that plays (RTMP 1.0, 7.2).
func (p *play) answered(cmd command) (playing bool, err error) {
	switch {
	case cmd.name == "_error":
		return false, ingest.Errorf(ingest.ReasonRefused, "the server refuses")
	case cmd.name == "_result" && cmd.transaction == connectCall:
		out := appendControl(nil, typeWindowAckSize, ackWindow)
		_, err = p.wire.Write(p.call(out, 0, "createStream", createCall, nil))
	case cmd.name == "_result" && cmd.transaction == createCall:
		id := 1.0
		if len(cmd.args) > 0 {
			id, _ = cmd.args[0].(float64)
		}
		stream := uint32(id)
		const live, anyLength, bufferLength, setBuffer = -1.0, -1.0, 1000, 3
		out := p.call(nil, stream, "play", playCall, nil, p.caller.key, live*1000, anyLength)
		event := binary.BigEndian.AppendUint16(nil, setBuffer) // RTMP 1.0, 7.1.7
		event = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(event, stream), bufferLength)
		_, err = p.wire.Write(appendMessage(out, controlChunks, message{typeID: typeUserControl, payload: event}))
	case cmd.name == "onStatus":
		return p.told(cmd)
	case cmd.name == "close":
		return false, ingest.Errorf(ingest.ReasonRefused, "the server closes")
	}
	return false, err
}

// told acts on what the server says of the stream.
func (p *play) told(cmd command) (playing bool, err error) {
	code := ""
	if len(cmd.args) > 0 {
		o, _ := cmd.args[0].(object)
		code = o.text("code")
	}
	switch code {
	case "NetStream.Play.Start":
		return true, nil
	case "NetStream.Play.StreamNotFound", "NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete":
		return false, ingest.Errorf(ingest.ReasonUnreachable, "the server has no such stream now")
	case "NetStream.Play.Failed", "NetConnection.Connect.Rejected", "NetConnection.Connect.Closed", "NetStream.Failed":
		return false, ingest.Errorf(ingest.ReasonRefused, "the server refuses")
	}
	return false, nil
}

// housekeeping answers what a server asks for between messages: an echo (RTMP 1.0, 7.1.7), and how much has arrived.
func (p *play) housekeeping(m message) error {
	const ping, pong = 6, 7
	switch m.typeID {
	case typeUserControl:
		if len(m.payload) < 6 || binary.BigEndian.Uint16(m.payload) != ping {
			return nil
		}
		answer := append(binary.BigEndian.AppendUint16(nil, pong), m.payload[2:6]...)
		_, err := p.wire.Write(appendMessage(nil, controlChunks, message{typeID: typeUserControl, payload: answer}))
		return err
	case typeWindowAckSize:
		n, err := m.number()
		p.window = min(max(uint64(n), minAckWindow), maxMediaBytes)
		return err
	}
	return nil
}

// run feeds the session until either ends.
func (p *play) run(session wire.Session) (err error) {
	var watching sync.WaitGroup
	over := make(chan struct{})
	defer watching.Wait()
	defer close(over)
	watching.Go(func() {
		select {
		case <-session.Done():
			p.wire.Interrupt(asError(session.Cause()))
		case <-over:
		}
	})
	p.feed = newFeed(session, wire.NewDrops(causes, p.metrics.Dropped, p.log), p.log)
	defer func() { p.feed.end(err) }()
	p.wire.Expect(p.caller.MediaTimeout, ingest.ReasonNoMedia)
	for _, m := range p.early {
		if err := p.take(m); err != nil {
			return err
		}
	}
	p.early = nil
	for {
		m, err := p.chunks.next()
		if err != nil {
			return err
		}
		if err := p.take(m); err != nil {
			return err
		}
		if p.wire.Received-p.acked >= p.window {
			p.acked = p.wire.Received
			if _, err := p.wire.Write(appendControl(nil, typeAck, uint32(p.acked))); err != nil {
				return err
			}
		}
	}
}

// take acts on a message of a stream that is played.
func (p *play) take(m message) error {
	switch m.typeID {
	case typeAudio, typeVideo:
		units := p.feed.units
		err := p.feed.media(m)
		if p.feed.units > units {
			p.wire.Renew(p.caller.MediaTimeout)
		}
		return err
	case typeAggregate:
		return m.unbundle(p.take)
	case typeData, typeDataAMF3:
		return p.feed.data(m)
	case typeCommand, typeCommandAMF3:
		cmd, err := parseCommand(m)
		if err != nil {
			return err
		}
		if cmd.name == "onStatus" {
			_, err = p.told(cmd)
		}
		return err
	}
	return p.housekeeping(m)
}

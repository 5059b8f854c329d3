package rtmp_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/ingest/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ wire.Session = (*ingest.Session)(nil)

// running is a server under test. When the test ends it is stopped, and what it logged is searched for the key.
type running struct {
	t       *testing.T
	gate    *rtmptest.Gate
	server  *rtmp.Server
	address string
	stop    func() // and wait
	log     *safeBuffer
}

// safeBuffer is a bytes.Buffer for many goroutines.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func serve(t *testing.T, cfg rtmp.Config) *running {
	g := &rtmptest.Gate{}
	return serveAt(t, cfg, g, g)
}

// serveAt serves with a gate that keeps what it sees in record.
func serveAt[S wire.Session](t *testing.T, cfg rtmp.Config, gate wire.Gate[S], record *rtmptest.Gate) *running {
	t.Helper()
	if cfg.Listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		cfg.Listener = l
	}
	r := &running{t: t, gate: record, address: cfg.Listener.Addr().String(), log: &safeBuffer{}}
	r.server = rtmp.New(cfg, gate, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.server.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(func() {
		r.stop()
		log, _ := record.Wait(context.Background(), func(rtmptest.Log) bool { return true })
		for _, err := range log.Refusals {
			require.NotContains(t, err.Error(), rtmptest.Key)
		}
		require.NotContains(t, r.log.String(), rtmptest.Key)
	})
	return r
}

func (r *running) dial() *rtmptest.Client {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	require.NoError(r.t, err)
	c := rtmptest.NewClient(conn)
	r.t.Cleanup(func() {
		c.Close()
		c.Await()
	})
	return c
}

// wait returns what the gate has seen once ready is true of it.
func (r *running) wait(ready func(rtmptest.Log) bool) rtmptest.Log {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	log, err := r.gate.Wait(ctx, ready)
	require.NoError(r.t, err, "%s", r.log)
	return log
}

func (r *running) waitEnd() rtmptest.Record {
	r.t.Helper()
	return r.wait(ended).Sessions[0]
}

func ended(l rtmptest.Log) bool     { return len(l.Sessions) > 0 && l.Sessions[0].Ended }
func published(l rtmptest.Log) bool { return len(l.Sessions) > 0 && len(l.Sessions[0].Units) == 4 }
func refused(l rtmptest.Log) bool   { return len(l.Refusals) > 0 }

// metric is the sum over the label values of a metric.
func (r *running) metric(name string) (sum float64) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.server.Collector())
	families, err := registry.Gather()
	require.NoError(r.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// broadcast is a short broadcast up to and with the goodbye.
func broadcast() []byte {
	return rtmptest.Join(
		rtmptest.AVCHeader(), rtmptest.AACHeader(),
		rtmptest.Picture(0, true, 1000), rtmptest.Sound(0, 100), rtmptest.Picture(33, false, 500), rtmptest.Sound(21, 100),
	)
}

func named(answers []rtmptest.Answer, name string) *rtmptest.Answer {
	for i, a := range answers {
		if len(a.Values) > 0 && a.Values[0] == name {
			return &answers[i]
		}
	}
	return nil
}

func TestPublishing(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key+"?clientConfigId=7"), broadcast()...))
	c.Send(rtmptest.Join(rtmptest.Command(0, "FCUnpublish", 6.0, nil, rtmptest.Key), rtmptest.Command(0, "deleteStream", 7.0, nil, 1.0)))
	answers := c.Await()

	r := s.waitEnd()
	require.NoError(t, r.Err)
	require.Len(t, r.Of(1), 2)
	require.Len(t, r.Of(2), 2)
	request := s.wait(ended).Requests[0]
	require.Equal(t, c.LocalAddr().String(), request.Remote)
	request.Remote = ""
	require.Equal(t, ingest.Request{
		Protocol: "rtmp", Key: rtmptest.Key, Agent: "FMLE/3.0 (rtmptest)", Clock: ingest.WireClock{Rate: 1000, Bits: 32},
	}, request)

	require.EqualValues(t, 1, answers[0].Type, "the chunk size is said first")
	connected := named(answers, "_result")
	require.Equal(t, 1.0, connected.Values[1])
	properties := connected.Values[2].(rtmptest.Object)
	require.Equal(t, []any{"avc1", "hvc1", "av01", "vp09", "mp4a", "Opus"}, properties["fourCcList"])
	require.Equal(t, 6.0, properties["capsEx"])
	require.Equal(t, "NetConnection.Connect.Success", connected.Values[3].(rtmptest.Object)["code"])
	require.Equal(t, 0.0, connected.Values[3].(rtmptest.Object)["objectEncoding"])
	require.Equal(t, "NetStream.Publish.Start", named(answers, "onFCPublish").Values[3].(rtmptest.Object)["code"])
	start := named(answers, "onStatus")
	require.EqualValues(t, 1, start.Stream)
	require.Equal(t, "NetStream.Publish.Start", start.Values[3].(rtmptest.Object)["code"])
	require.Equal(t, "NetStream.Unpublish.Success", rtmptest.Status(answers)["code"])
	require.NotContains(t, s.log.String(), "level=WARN")
}

func TestEveryWayToSayGoodbye(t *testing.T) {
	for _, name := range []string{"FCUnpublish", "deleteStream", "closeStream"} {
		s := serve(t, rtmp.Config{})
		c := s.dial()
		c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
		c.Send(rtmptest.Join(rtmptest.Command(1, name, 0.0, nil)))
		require.NoError(t, s.waitEnd().Err, name)
	}
}

func TestALostConnection(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
	s.wait(published)
	c.Close()
	require.Equal(t, ingest.ReasonDisconnected, ingest.ReasonOf(s.waitEnd().Err))
}

func TestTheKeyMayStandInTheApplication(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live/"+rtmptest.Key, ""), broadcast()...))
	require.Equal(t, rtmptest.Key, s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) > 0 }).Requests[0].Key)
}

func TestAMF3CommandsAndData(t *testing.T) {
	amf3 := func(m rtmptest.Message) rtmptest.Message {
		m.Type, m.Payload = m.Type-3, append([]byte{0}, m.Payload...)
		return m
	}
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Handshake(), rtmptest.Join(
		amf3(rtmptest.Connect("live")), amf3(rtmptest.Command(0, "createStream", 2.0, nil)), amf3(rtmptest.Publish(rtmptest.Key)),
		amf3(rtmptest.Message{Chunks: 4, Type: 18, Payload: rtmptest.AMF("@setDataFrame", "onMetaData", rtmptest.Object{"width": 320.0, "framerate": 25.0})}),
		rtmptest.AVCHeader(),
	)...))
	log := s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) > 0 && len(l.Sessions[0].Descriptions) > 0 })
	require.EqualValues(t, 25, log.Sessions[0].Track(1).FrameRate.Num)
}

func TestAggregatesAreMedia(t *testing.T) {
	tag := func(m rtmptest.Message) []byte {
		n, at := len(m.Payload), m.Timestamp
		b := []byte{m.Type, byte(n >> 16), byte(n >> 8), byte(n), byte(at >> 16), byte(at >> 8), byte(at), byte(at >> 24), 0, 0, 0}
		return append(append(b, m.Payload...), 0, 0, 0, 0)
	}
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), rtmptest.Join(
		rtmptest.AVCHeader(), rtmptest.AACHeader(),
		rtmptest.Message{Chunks: 4, Type: 22, Stream: 1, Timestamp: 1000, Payload: bytes.Join([][]byte{
			tag(rtmptest.Picture(77, true, 10)), tag(rtmptest.Sound(80, 10)), tag(rtmptest.Picture(110, false, 10)),
		}, nil)},
	)...))
	log := s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) > 0 && len(l.Sessions[0].Units) == 3 })
	units := log.Sessions[0].Units
	require.Equal(t, []int64{1000, 1003, 1033}, []int64{units[0].DTS, units[1].DTS, units[2].DTS})
}

func TestRefusals(t *testing.T) {
	cases := map[string]struct {
		bytes       []byte
		reason      ingest.Reason
		code        string
		description string
	}{
		"wrong key":   {rtmptest.Opening("live", "wrong"), ingest.ReasonWrongKey, "NetStream.Publish.BadName", "Copy the stream key again"},
		"no key":      {rtmptest.Opening("live", ""), ingest.ReasonWrongKey, "NetStream.Publish.BadName", "no stream key was sent"},
		"path tricks": {rtmptest.Opening("live", "../"+rtmptest.Key), ingest.ReasonBadName, "NetStream.Publish.BadName", "more than a stream key"},
		"application": {rtmptest.Opening("app", rtmptest.Key), ingest.ReasonBadName, "NetConnection.Connect.Rejected", "Server must end in /live"},
		"play": {append(rtmptest.Handshake(), rtmptest.Join(rtmptest.Connect("live"), rtmptest.Command(0, "createStream", 2.0, nil),
			rtmptest.Command(1, "play", 3.0, nil, rtmptest.Key))...), ingest.ReasonNotPublishing, "NetStream.Play.Failed", "only takes publishers"},
		"second connect": {append(rtmptest.Handshake(), rtmptest.Join(rtmptest.Connect("live"), rtmptest.Connect("live"))...),
			ingest.ReasonBadMessage, "NetConnection.Connect.Closed", "a second connect"},
		"goodbye at once": {append(rtmptest.Handshake(), rtmptest.Join(rtmptest.Connect("live"), rtmptest.Command(0, "deleteStream", 0.0, nil, 1.0))...),
			ingest.ReasonUnpublished, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, rtmp.Config{})
			client := s.dial()
			client.Send(c.bytes)
			answers := client.Await()
			log := s.wait(refused)
			require.Len(t, log.Refusals, 1, "entered into the journal once")
			require.Equal(t, c.reason, ingest.ReasonOf(log.Refusals[0]))
			require.EqualValues(t, 1, s.metric("stagecast_rtmp_refusals_total"))
			if c.code == "" {
				return
			}
			status := rtmptest.Status(answers)
			require.Equal(t, "error", status["level"])
			require.Equal(t, c.code, status["code"])
			require.Contains(t, status["description"], c.description)
			require.NotContains(t, status["description"], rtmptest.Key)
		})
	}
}

func TestUnknownCommandsAreAnsweredAndLeftAtThat(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Handshake(), rtmptest.Join(
		rtmptest.Connect("live"), rtmptest.Command(0, "_checkbw", 9.0, nil), rtmptest.Command(0, "_result", 9.0, nil),
		rtmptest.Message{Chunks: 2, Type: 4, Payload: []byte{0, 3, 0, 0, 0, 0, 0, 0, 0, 0}}, rtmptest.Message{Chunks: 5, Type: 99, Payload: []byte{1}},
		rtmptest.Command(0, "createStream", 2.0, nil), rtmptest.Publish(rtmptest.Key),
	)...))
	s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) > 0 })
	c.Send(rtmptest.Join(rtmptest.Command(1, "closeStream", 0.0, nil)))
	failed := named(c.Await(), "_error")
	require.Equal(t, 9.0, failed.Values[1])
	require.Equal(t, "NetConnection.Call.Failed", failed.Values[3].(rtmptest.Object)["code"])
}

func TestTheGateEndsASession(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
	s.wait(published)
	cause := &ingest.Error{Reason: ingest.ReasonReplaced}
	s.gate.Stop(0, cause)
	require.ErrorIs(t, s.waitEnd().Err, cause)
	status := rtmptest.Status(c.Await())
	require.Equal(t, "NetStream.Publish.Denied", status["code"])
	require.Contains(t, status["description"], "replaced")
}

func TestShutdownTellsThePublisher(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
	idle := s.dial()
	s.wait(published)
	s.stop()
	require.Equal(t, ingest.ReasonShutdown, ingest.ReasonOf(s.waitEnd().Err))
	require.Contains(t, rtmptest.Status(c.Await())["description"], "shutdown")
	require.Empty(t, idle.Await())
}

func TestAcknowledgesByTheWindowOfThePeer(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
	c.Send(rtmptest.Join(rtmptest.Control(5, 1))) // each byte, it asks; each 64 KiB, it gets
	for n := range uint32(100) {
		c.Send(rtmptest.Join(rtmptest.Picture(66+33*n, false, 10_000)))
	}
	c.Send(rtmptest.Join(rtmptest.Command(1, "closeStream", 0.0, nil)))
	var acknowledged []uint32
	for _, a := range c.Await() {
		if a.Type == 3 {
			acknowledged = append(acknowledged, uint32(a.Payload[0])<<24|uint32(a.Payload[1])<<16|uint32(a.Payload[2])<<8|uint32(a.Payload[3]))
		}
	}
	require.NotEmpty(t, acknowledged)
	require.LessOrEqual(t, len(acknowledged), 1_100_000/(64<<10))
	last := uint32(0)
	for _, n := range acknowledged {
		require.GreaterOrEqual(t, n-last, uint32(64<<10))
		last = n
	}
	require.Greater(t, s.metric("stagecast_rtmp_bytes_received_total"), 1e6)
}

// brittle is a gate whose sessions panic on the first unit.
type brittle struct{ *rtmptest.Gate }

type brittleSession struct{ *rtmptest.Session }

func (b brittle) Open(ctx context.Context, r ingest.Request) (brittleSession, error) {
	s, err := b.Gate.Open(ctx, r)
	return brittleSession{s}, err
}

func (brittleSession) Write(ingest.Unit) error { panic("a bug") }

func TestAPanicEndsOneConnection(t *testing.T) {
	g := &rtmptest.Gate{}
	s := serveAt(t, rtmp.Config{}, brittle{g}, g)
	bystander, c := s.dial(), s.dial()
	bystander.Send(rtmptest.Opening("live", rtmptest.Key))
	s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) == 1 })
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
	log := s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) == 2 && l.Sessions[1].Ended })
	require.Equal(t, ingest.ReasonInternal, ingest.ReasonOf(log.Sessions[1].Err))
	require.False(t, log.Sessions[0].Ended)
	require.Contains(t, s.log.String(), "a bug")
	require.Equal(t, 1, strings.Count(s.log.String(), "level=ERROR"))
}

func TestConnectionLimits(t *testing.T) {
	s := serve(t, rtmp.Config{MaxConnections: 3, MaxWaiting: 2})
	sessions := func(n int) {
		s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) == n })
	}
	s.dial().Send(rtmptest.Opening("live", rtmptest.Key))
	sessions(1)
	s.dial()
	s.dial()
	require.Empty(t, s.dial().Await(), "the fourth")
	log := s.wait(refused)
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(log.Refusals[0]))
	for range 20 {
		s.dial().Await()
	}
	require.Less(t, len(s.wait(refused).Refusals), 21, "a flood is not entered one by one")
	counted := func() bool {
		return s.metric("stagecast_rtmp_refusals_total") == 21.0 && s.metric("stagecast_rtmp_connections") == 3.0
	}
	require.Eventually(t, counted, 10*time.Second, 5*time.Millisecond)
}

func TestAPortThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	server := rtmp.New(rtmp.Config{Address: l.Addr().String()}, &rtmptest.Gate{}, slog.New(slog.DiscardHandler))
	require.Error(t, server.Run(context.Background()))
}

func TestAListenerThatSomeoneElseCloses(t *testing.T) {
	l := rtmptest.NewListener()
	l.Close()
	server := rtmp.New(rtmp.Config{Listener: l}, &rtmptest.Gate{}, slog.New(slog.DiscardHandler))
	require.True(t, errors.Is(server.Run(context.Background()), net.ErrClosed))
}

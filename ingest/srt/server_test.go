package srt_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/srt"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
)

// A caller of gosrt may leave one goroutine behind when it ends: see the drain of its connections.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/datarhei/gosrt.DialWithContext.func1"))
}

const (
	key        = "kQ7-secret-of-live"
	otherKey   = "zX3-secret-of-other"
	passphrase = "pH1 secret passphrase"
)

// desk is a server, and a hub that shows what it publishes.
type desk struct {
	t       *testing.T
	gate    *ingest.Gate
	hub     *hub.Hub
	address string
	log     *safeBuffer
	stop    func()
}

func serve(t *testing.T, cfg srt.Config) *desk {
	t.Helper()
	d := &desk{t: t, hub: hub.New(), log: &safeBuffer{}}
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.gate = ingest.NewGate(ingest.Config{}, auth.NewKeys(auth.Streams{{Stream: "live", Text: key}, {Stream: "other", Text: otherKey}}), d.hub, log)
	cfg.Address = "127.0.0.1:0"
	s, err := srt.Listen(cfg, d.gate, log)
	require.NoError(t, err)
	d.address = s.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(func() {
		d.stop()
		for _, secret := range []string{key, otherKey, passphrase} {
			require.NotContains(t, d.log.String(), secret)
		}
		require.NotContains(t, d.log.String(), "panic")
	})
	return d
}

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

// await blocks until the condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if condition() {
			return
		}
	}
	require.FailNow(t, "waited in vain", what)
}

// attempt is the newest line of the journal, once it has n.
func (d *desk) attempt(n int) ingest.Attempt {
	d.t.Helper()
	await(d.t, "the journal has it", func() bool { return len(d.gate.Attempts()) >= n })
	return d.gate.Attempts()[0]
}

func dial(d *desk, streamID, phrase string, bits int) (gosrt.Conn, error) {
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase, c.PBKeylen = streamID, phrase, bits/8
	return gosrt.Dial("srt", d.address, c)
}

// programme is three seconds of H.264 and AAC.
func programme(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "programme.ts")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=48000",
		"-t", "3", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-f", "mpegts", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	ts, err := os.ReadFile(file)
	require.NoError(t, err)
	return ts
}

// send writes a stream in packets as encoders make them, fast but not at once.
func send(t *testing.T, c gosrt.Conn, ts []byte) {
	t.Helper()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for len(ts) > 0 {
		n := min(1316, len(ts))
		_, err := c.Write(ts[:n])
		require.NoError(t, err)
		ts = ts[n:]
		<-pace.C
	}
}

func TestPublish(t *testing.T) {
	ts := programme(t)
	phrases, err := srt.ParsePassphrases("live=" + passphrase)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		id, phrase string
		bits       int
	}{
		"plain":   {"#!::m=publish,r=other,s=" + otherKey, "", 128},
		"AES-128": {"publish:live:" + key, passphrase, 128},
		"AES-192": {key, passphrase, 192},
		"AES-256": {"#!::m=publish,r=live,s=" + key, passphrase, 256},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, srt.Config{Passphrases: phrases})
			conn, err := dial(d, c.id, c.phrase, c.bits)
			require.NoError(t, err)
			send(t, conn, ts)
			await(t, "it is on air", func() bool { return len(d.gate.Inputs()) == 1 })
			await(t, "all has come", func() bool {
				in := d.gate.Inputs()[0]
				return in.Link != nil && in.Link.Received >= uint64(len(ts)/1316)
			})
			in := d.gate.Inputs()[0]
			require.Equal(t, "srt", in.Protocol)
			require.Equal(t, 320, in.Video.Width)
			require.EqualValues(t, 200, in.Link.LatencyMs)
			require.Zero(t, in.Link.Dropped+in.Link.Broken)
			conn.Close()
			a := d.attempt(1)
			require.True(t, a.Admitted)
			require.Equal(t, ingest.ReasonUnpublished, a.Reason, a.Detail)
			drain(conn)
		})
	}
}

// drain lets the goroutines of a caller's connection end, which wait until somebody has heard how it ended.
func drain(c gosrt.Conn) {
	c.Close()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 100 {
		<-tick.C
		if _, err := c.Read(make([]byte, 1500)); err == gosrt.ErrClientClosed {
			return
		}
	}
}

func TestRefusals(t *testing.T) {
	phrases, err := srt.ParsePassphrases("live=" + passphrase)
	require.NoError(t, err)
	d := serve(t, srt.Config{Passphrases: phrases})
	for n, c := range []struct {
		id, phrase string
		reason     ingest.Reason
	}{
		{"wrong-key", "", ingest.ReasonWrongKey},
		{"", "", ingest.ReasonWrongKey},
		{"publish:other:" + key, passphrase, ingest.ReasonWrongKey},
		{"#!::m=request,r=live,s=" + key, passphrase, ingest.ReasonNotPublishing},
		{key, "", ingest.ReasonWrongSecret},
		{key, "another passphrase", ingest.ReasonWrongSecret},
		{otherKey, passphrase, ingest.ReasonWrongSecret},
		{"two words", "", ingest.ReasonBadName},
	} {
		_, err := dial(d, c.id, c.phrase, 128)
		require.ErrorContains(t, err, "reject", n)
		a := d.attempt(n + 1)
		require.False(t, a.Admitted)
		require.Equal(t, c.reason, a.Reason)
		require.NotEmpty(t, a.Fix)
	}
}

// A caller that sends nothing, and one that sends what is no transport stream, are sent away.
func TestCallersWithoutMedia(t *testing.T) {
	d := serve(t, srt.Config{MediaTimeout: 500 * time.Millisecond})
	silent, err := dial(d, key, "", 128)
	require.NoError(t, err)
	require.Equal(t, ingest.ReasonNoMedia, d.attempt(1).Reason)
	drain(silent)
	noisy, err := dial(d, key, "", 128)
	require.NoError(t, err)
	source := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 1316)
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for len(d.gate.Attempts()) < 2 {
		_, _ = source.Read(noise)
		_, _ = noisy.Write(noise)
		<-pace.C
	}
	require.Equal(t, ingest.ReasonNoMedia, d.attempt(2).Reason)
	drain(noisy)
}

func TestTakeoverAndShutdown(t *testing.T) {
	ts := programme(t)
	d := serve(t, srt.Config{})
	first, err := dial(d, key, "", 128)
	require.NoError(t, err)
	send(t, first, ts)
	await(t, "it is on air", func() bool { return len(d.gate.Inputs()) == 1 })
	second, err := dial(d, key, "", 128)
	require.NoError(t, err)
	send(t, second, ts)
	require.Equal(t, ingest.ReasonReplaced, d.attempt(1).Reason)
	d.stop()
	require.Equal(t, ingest.ReasonShutdown, d.attempt(2).Reason)
	drain(first)
	drain(second)
}

// Garbage of every kind falls on the port while an encoder publishes: it goes on.
func TestHostileDatagrams(t *testing.T) {
	ts := programme(t)
	d := serve(t, srt.Config{})
	good, err := dial(d, key, "", 128)
	require.NoError(t, err)
	raw, err := net.Dial("udp", d.address)
	require.NoError(t, err)
	defer raw.Close()
	source := rand.New(rand.NewChaCha8([32]byte{2}))
	for range 20_000 {
		b := make([]byte, source.IntN(200))
		for i := range b {
			b[i] = byte(source.Uint32())
		}
		if len(b) >= 16 && source.IntN(4) > 0 { // a control packet to the listener or to the connection, of a type there is
			b[0], b[1], b[2], b[3] = 0x80, byte(source.IntN(8)), 0, byte(source.IntN(5))
			socket := uint32(0)
			if source.IntN(2) == 0 {
				socket = good.PeerSocketId()
			}
			b[12], b[13], b[14], b[15] = byte(socket>>24), byte(socket>>16), byte(socket>>8), byte(socket)
		}
		_, _ = raw.Write(b)
	}
	send(t, good, ts)
	await(t, "it is on air", func() bool { return len(d.gate.Inputs()) == 1 })
	good.Close()
	drain(good)
}

// handshake is an induction request, or a conclusion with that cookie (SRT, 3.2.1).
func handshake(kind, cookie, socket uint32) []byte {
	b := make([]byte, 64)
	b[0] = 0x80
	put := func(at int, v uint32) {
		b[at], b[at+1], b[at+2], b[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	put(16, 5)
	put(24, 1)
	put(28, 1500)
	put(32, 8192)
	put(36, kind)
	put(40, socket)
	put(44, cookie)
	return b
}

// Handshakes that are never completed, or with cookies of nobody, take nothing and keep no one out.
func TestHandshakeFlood(t *testing.T) {
	ts := programme(t)
	d := serve(t, srt.Config{})
	raw, err := net.Dial("udp", d.address)
	require.NoError(t, err)
	defer raw.Close()
	const induction, conclusion = 1, 0xFFFFFFFF
	for n := range uint32(5000) {
		_, _ = raw.Write(handshake(induction, 0, n))
		_, _ = raw.Write(handshake(conclusion, n*7919, n))
	}
	var conn gosrt.Conn
	await(t, "a caller gets through", func() bool {
		conn, err = dial(d, key, "", 128)
		return err == nil
	})
	send(t, conn, ts)
	await(t, "it is on air", func() bool { return len(d.gate.Inputs()) == 1 })
	conn.Close()
	require.Equal(t, ingest.ReasonUnpublished, d.attempt(1).Reason)
	drain(conn)
}

func TestAPortThatIsTaken(t *testing.T) {
	d := serve(t, srt.Config{})
	_, err := srt.Listen(srt.Config{Address: d.address}, d.gate, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "in use")
}

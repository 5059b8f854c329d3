package ingest_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

const (
	picture = 1
	sound   = 2
)

var (
	rtmpClock = ingest.WireClock{Rate: 1000, Bits: 32}

	// plainAVC is a 320×192 picture whose SPS says nothing of a frame rate.
	plainAVC = []byte{
		0x01, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0x00, 0x08, 0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x64, 0x01, 0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8,
	}
	aac48 = rtmptest.AACConfig
	aac44 = []byte{0x12, 0x10} // LC, 44.1 kHz, stereo
)

// anyone is an Authorizer for whom the key is "key-of-" and the name of the stream.
type anyone struct{}

func (anyone) Authorize(_ context.Context, r ingest.Request) (string, error) {
	stream, ok := bytes.CutPrefix([]byte(r.Key), []byte("key-of-"))
	if !ok {
		return "", &ingest.Error{Reason: ingest.ReasonWrongKey}
	}
	return string(stream), nil
}

// desk is a Gate on a clock that stands until it is moved, and a reader of the stream "live".
type desk struct {
	t    testing.TB
	gate *ingest.Gate
	hub  *hub.Hub
	now  time.Time
	logs lockedBuffer

	sub  *hub.Subscription
	read []*recording
}

// recording is what was read of one publication.
type recording struct {
	pub   *hub.Publication
	units []media.AccessUnit
}

func newDesk(t testing.TB, c ingest.Config) *desk {
	d := &desk{t: t, hub: hub.New(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(&d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.gate = ingest.NewGate(c, anyone{}, d.hub, log)
	d.gate.SetClock(func() time.Time { return d.now })
	return d
}

func (d *desk) open() *ingest.Session {
	s, err := d.gate.Open(context.Background(), ingest.Request{Protocol: "rtmp", Key: "key-of-live", Remote: "192.0.2.1:4000", Clock: rtmpClock})
	require.NoError(d.t, err)
	return s
}

// write passes a unit through a session and reads what comes out.
func (d *desk) write(s *ingest.Session, u ingest.Unit) {
	require.NoError(d.t, s.Write(u))
	d.drain()
}

var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (d *desk) drain() {
	p := d.hub.Newest(hub.Key{Stream: "live", Stage: hub.Source})
	if p == nil {
		return
	}
	if d.sub == nil || d.sub.Publication() != p {
		d.sub = p.Subscribe()
		d.read = append(d.read, &recording{pub: p})
	}
	r := d.read[len(d.read)-1]
	for {
		units, err := d.sub.Next(over, nil) // all that waits, and never blocks
		if err != nil {
			return
		}
		r.units = append(r.units, units...)
	}
}

// last is the newest recording.
func (d *desk) last() *recording {
	require.NotEmpty(d.t, d.read, "nothing was published")
	return d.read[len(d.read)-1]
}

func (r *recording) of(track int) (out []media.AccessUnit) {
	for _, u := range r.units {
		if u.Track == track {
			out = append(out, u)
		}
	}
	return out
}

// fataler is a test, of rapid's or the standard kind.
type fataler interface{ Fatalf(string, ...any) }

// keepsPromises requires what media.AccessUnit promises of DTS and Duration.
func (r *recording) keepsPromises(t fataler) {
	last := make(map[int]media.AccessUnit)
	for i, u := range r.units {
		before, ok := last[u.Track]
		switch {
		case u.Duration < 0:
			t.Fatalf("unit %d of track %d lasts %d", i, u.Track, u.Duration)
		case ok && u.DTS <= before.DTS:
			t.Fatalf("unit %d of track %d: DTS %d after %d", i, u.Track, u.DTS, before.DTS)
		case ok && before.Duration > 0 && u.DTS != before.DTS+before.Duration:
			t.Fatalf("unit %d of track %d: DTS %d, promised %d", i, u.Track, u.DTS, before.DTS+before.Duration)
		}
		last[u.Track] = u
	}
}

func describe(t testing.TB, s *ingest.Session, rate media.Rational, audio []byte) {
	t.Helper()
	var tracks []media.Track
	tracks = append(tracks, media.Track{ID: picture, Codec: media.H264, Config: plainAVC, FrameRate: rate})
	if audio != nil {
		tracks = append(tracks, media.Track{ID: sound, Codec: media.AAC, Config: audio})
	}
	require.NoError(t, s.Describe(tracks))
}

// lockedBuffer is a log that may be written from anywhere.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

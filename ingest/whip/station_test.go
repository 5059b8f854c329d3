package whip_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/whip"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// key is that of the stream "live", and otherKey that of "other".
const (
	key      = "s3cret-of-live"
	otherKey = "s3cret-of-other"
)

// keys is an Authorizer.
type keys map[string]string

func (k keys) Authorize(_ context.Context, r ingest.Request) (string, error) {
	if stream, ok := k[r.Key]; ok && (r.Stream == "" || r.Stream == stream) {
		return stream, nil
	}
	return "", &ingest.Error{Reason: ingest.ReasonWrongKey}
}

// station is a Server with all that is around it.
type station struct {
	t    *testing.T
	hub  *hub.Hub
	gate *ingest.Gate
	web  *httptest.Server
	port int // of media
	logs *lockedBuffer
	stop context.CancelFunc
}

func newStation(t *testing.T, c whip.Config) *station {
	t.Helper()
	s := &station{t: t, hub: hub.New(), logs: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.gate = ingest.NewGate(ingest.Config{}, keys{key: "live", otherKey: "other"}, s.hub, log)
	var err error
	c.Ports, err = whip.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	s.port = c.Ports.Number()
	server := whip.New(c, s.gate, log)
	s.web = httptest.NewServer(server)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		assert.NoError(t, server.Run(ctx))
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the server does not stop")
		}
		s.web.Close()
		assert.NotContains(t, s.logs.String(), "s3cret", "a key in the log")
		assert.NotContains(t, s.logs.String(), "panic")
		if t.Failed() {
			t.Log(s.logs.String())
		}
	})
	await(t, "the server runs", func() bool {
		status, _, _ := s.do(http.MethodPost, "/whip", "", http.Header{"Authorization": {"Bearer none"}, "Content-Type": {"application/sdp"}})
		return status != http.StatusServiceUnavailable
	})
	return s
}

// do sends a request, and returns what matters of the answer.
func (s *station) do(method, url, body string, h http.Header) (status int, header http.Header, text string) {
	s.t.Helper()
	if !strings.HasPrefix(url, "http") {
		url = s.web.URL + url
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	require.NoError(s.t, err)
	for name, values := range h {
		r.Header[name] = values
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer a.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	b, err := io.ReadAll(a.Body)
	require.NoError(s.t, err)
	return a.StatusCode, a.Header, string(b)
}

// reader reads what a stream publishes.
type reader struct {
	pub *hub.Publication
	sub *hub.Subscription
}

// read waits for a publication after another, which may be nil.
func (s *station) read(stream string, after *hub.Publication) *reader {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 15*time.Second)
	defer cancel()
	pub, err := s.hub.Await(ctx, hub.Key{Stream: stream, Stage: hub.Source}, after)
	require.NoError(s.t, err, "nothing is published")
	return &reader{pub, pub.Subscribe()}
}

// until reads until enough reports true of all that was read, and returns that.
func (r *reader) until(t *testing.T, enough func([]media.AccessUnit) bool) (all []media.AccessUnit) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !enough(all) {
		units, err := r.sub.Next(ctx, nil)
		require.NoError(t, err, "after %d units", len(all))
		all = append(all, units...)
	}
	return all
}

// count is how many units of a kind there are.
func (r *reader) count(units []media.AccessUnit, k media.Kind) (n int) {
	for _, u := range units {
		if r.pub.Track(u.Track).Kind() == k {
			n++
		}
	}
	return n
}

// awaitEnd waits for the last line of the journal to have a reason.
func (s *station) awaitEnd(reason ingest.Reason) ingest.Attempt {
	s.t.Helper()
	var last ingest.Attempt
	await(s.t, "the session ends: "+string(reason), func() bool {
		for _, a := range s.gate.Attempts() {
			if a.Reason == reason {
				last = a
				return true
			}
		}
		return false
	})
	return last
}

func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
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

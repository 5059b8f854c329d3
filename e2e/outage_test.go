//go:build e2e

package e2e_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// states notes the states that a stream goes through.
type states struct {
	stopped chan struct{}
	mu      sync.Mutex // guards seen
	seen    []string
}

func (s *server) watchStates(ctx context.Context, stream string) *states {
	w := &states{stopped: make(chan struct{})}
	go func() {
		defer close(w.stopped)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if now := s.state(stream); now != "" {
				w.note(now)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return w
}

func (w *states) note(state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.seen); n == 0 || w.seen[n-1] != state {
		w.seen = append(w.seen, state)
	}
}

func (w *states) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// noSlate has the time without an encoder listed as a gap, which is what the test is about.
var noSlate = []string{"--slate", "off"}

// TestEncoderLost cuts the encoder's power for three seconds, while a strict client and a viewer look on.
func TestEncoderLost(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"ladder": nil, "passed on": {"--ladder", "off"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, append(args, noSlate...)...)
			e := s.publish(liveKey, programme{size: "640x360"})
			viewer := follow(t, s.awaitLive("live"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			seen := s.watchStates(ctx, "live")
			var strict sync.WaitGroup
			strict.Go(func() { conform(ctx, t, s.url("/live/index.m3u8"), 26*time.Second, oneRung) })
			viewer.awaitMedia(t, 2)
			before := viewer.discontinuity()

			e.kill()
			s.awaitState("live", "reconnecting")
			outage(3 * time.Second)
			s.publish(liveKey, programme{size: "640x360"})
			s.awaitState("live", "live")

			await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
			viewer.awaitMedia(t, 3)
			strict.Wait()
			cancel()
			<-seen.stopped
			viewer.stop(t)
			assert.Equal(t, []string{"live", "reconnecting", "live"}, seen.all())
			s.stop()
		})
	}
}

// TestReturnsAsAnother has the encoder come back with other sizes and another codec: the URL that a viewer has goes on.
func TestReturnsAsAnother(t *testing.T) {
	t.Parallel()
	s := start(t)
	e := s.publish(liveKey, programme{size: "640x360"})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 2)
	returns := []func() *encoder{
		func() *encoder { return s.publish(liveKey, programme{size: "320x180"}) },
		func() *encoder { return s.publishSRT(s.srt, liveKey, programme{size: "854x480", picture: "libx265"}) },
		func() *encoder { return s.publish(liveKey, programme{size: "640x360"}) },
	}
	for _, again := range returns {
		before := viewer.discontinuity()
		e.kill()
		await(t, "the slate is shown", func() bool { return s.inputs("live").OnAir == ingest.SlateOut })
		e = again()
		await(t, "the encoder is on air", func() bool { return s.inputs("live").OnAir == ingest.Primary })
		await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
		viewer.awaitMedia(t, 3)
	}
	viewer.stop(t)
	s.stop()
}

// outage is time that passes: it is what is tested or measured, not something that is waited for.
func outage(d time.Duration) { <-time.After(d) }

func TestCleanEnd(t *testing.T) {
	t.Parallel()
	s := start(t)
	e := s.publish(liveKey, programme{})
	playlist := s.awaitLive("live")
	viewer := follow(t, playlist)
	viewer.awaitMedia(t, 2)
	e.finish()
	s.awaitState("live", "reconnecting") // the grace in which the encoder may come back
	s.awaitState("live", "ended")
	awaitClosed(t, "the viewer has seen EXT-X-ENDLIST", viewer.stopped)
	require.NotNil(t, viewer.playlist())
	assert.True(t, viewer.playlist().Ended)
	last := viewer.playlist().LastMSN()
	viewer.stop(t)

	s.publish(liveKey, programme{})
	again := s.awaitLive("live")
	assert.Equal(t, playlist, again, "the same URL")
	second := follow(t, again)
	second.awaitMedia(t, 2)
	assert.Greater(t, second.media(), last, "numbers are never used twice")
	assert.False(t, second.playlist().Ended)
	second.stop(t)
	s.stop()
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	const wrong = "wR0-secret-of-nothing"
	s := start(t)
	e := s.publish(wrong, programme{})
	awaitClosed(t, "the encoder has been sent away", e.exited)
	await(t, "the journal has it", func() bool { return len(s.operator().Attempts) > 0 })
	attempt := s.operator().Attempts[0]
	assert.False(t, attempt.Admitted)
	assert.Equal(t, "wrong key", string(attempt.Reason))
	assert.NotEmpty(t, attempt.Fix)
	assert.NotEmpty(t, s.log.lines("attempt refused", "wrong key"))
	assert.Equal(t, "idle", s.state("live"))
	s.stop()
	assert.NotContains(t, s.log.String(), wrong, "a key in the log")
}

// TestTakeover publishes a second time with the same key: the first encoder is sent away, and the playlist goes on.
func TestTakeover(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.publish(liveKey, programme{})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 2)
	before := viewer.discontinuity()
	s.publish(liveKey, programme{})
	awaitClosed(t, "the first encoder has been sent away", first.exited)
	await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
	viewer.awaitMedia(t, 2)
	viewer.stop(t)
	await(t, "the journal has it", func() bool {
		a := s.operator().Attempts
		return len(a) > 0 && a[0].Admitted && a[0].Reason == "replaced"
	})
	s.stop()
}

// TestTranscoderKilled kills the ladder's process: the stream goes on.
func TestTranscoderKilled(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.publish(liveKey, programme{})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 2)
	victims := encoding(t, s.pid())
	require.Len(t, victims, 1, "the ladder is one process")
	require.NoError(t, syscall.Kill(victims[0], syscall.SIGKILL))
	await(t, "a new process runs", func() bool {
		c := encoding(t, s.pid())
		return len(c) == 1 && c[0] != victims[0]
	})
	viewer.awaitMedia(t, 3)
	viewer.stop(t)
	s.awaitState("live", "live")
	_, metrics, err := fetch(t.Context(), s.adminURL("/metrics"))
	require.NoError(t, err)
	assert.True(t, strings.Contains(string(metrics), `stagecast_transcode_restarts_total{reason="killed",stream="live"} 1`))
	s.stop()
}

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHostileConnections opens what the port of the encoders must bear: many connections that say nothing, and some that
// say rubbish.
func TestHostileConnections(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.publish(liveKey, programme{})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 1)
	var hostile []net.Conn
	defer func() {
		for _, c := range hostile {
			c.Close()
		}
	}()
	rubbish := make([]byte, 64<<10)
	source := rand.NewChaCha8([32]byte{1})
	for i := range 200 {
		c, err := net.Dial("tcp", s.rtmp)
		require.NoError(t, err)
		hostile = append(hostile, c)
		if i%4 == 0 {
			_, _ = source.Read(rubbish)
			if i%8 == 0 {
				rubbish[0] = 3 // RTMP's version: what follows is taken for a handshake
			}
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.Write(rubbish) // the server may hang up on it
		}
	}
	viewer.awaitMedia(t, 4)
	assert.Equal(t, "live", s.state("live"))
	await(t, "the journal has some", func() bool { return len(s.operator().Attempts) > 0 })
	for _, a := range s.operator().Attempts {
		assert.False(t, a.Admitted)
	}
	assert.Negative(t, viewer.discontinuity(), "the stream went on without a break")
	viewer.stop(t)
	s.stop()
}

// TestStopWhileViewersWait stops the server under fifty held playlist requests: each gets an answer.
func TestStopWhileViewersWait(t *testing.T) {
	t.Parallel()
	s := start(t, noSlate...)
	e := s.publish(liveKey, programme{})
	playlist := s.awaitLive("live")
	e.kill()
	s.awaitState("live", "reconnecting")
	var requests sync.WaitGroup
	var open atomic.Int64
	codes := make([]int, 50)
	await(t, "all of them wait", func() bool {
		if open.Load() == 0 { // the first time, or the playlist was faster than this test: all have their answer
			p, err := reload(t.Context(), playlist, "")
			require.NoError(t, err)
			query := fmt.Sprintf("?_HLS_msn=%d&_HLS_part=0", p.Next().MSN+1)
			open.Store(int64(len(codes)))
			for i := range codes {
				requests.Go(func() {
					codes[i] = status(playlist + query)
					open.Add(-1)
				})
			}
		}
		return strings.Contains(s.metrics(), "\nstagecast_origin_waiting_requests 50\n")
	})
	s.stop()
	requests.Wait()
	for _, code := range codes {
		assert.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, code)
	}
}

// metrics is the text that a metrics server scrapes.
func (s *server) metrics() string {
	s.t.Helper()
	_, body, err := fetch(s.t.Context(), s.adminURL("/metrics"))
	require.NoError(s.t, err)
	return string(body)
}

// TestFFmpegPlays decodes four seconds of what is served, in both ways of making it.
func TestFFmpegPlays(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"ladder": nil, "passed on": {"--ladder", "off"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, args...)
			s.publish(liveKey, programme{bframes: 2})
			viewer := follow(t, s.awaitLive("live"))
			viewer.awaitMedia(t, 2)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", s.url("/live/index.m3u8"),
				"-t", "4", "-map", "0:v", "-map", "0:a", "-f", "null", "-progress", "pipe:1", "-")
			said := &capture{}
			cmd.Stdout, cmd.Stderr = said, said
			require.NoError(t, cmd.Run(), "%s", said.tail(20))
			assert.NotEmpty(t, said.lines("progress=end"))
			for _, bad := range []string{"error", "Error", "invalid", "corrupt", "non-monoton", "Non-monoton", "discontinuity"} {
				assert.Empty(t, said.lines(bad))
			}
			viewer.stop(t)
			s.stop()
		})
	}
}

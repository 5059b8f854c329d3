//go:build e2e

package e2e_test

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPulledFromHLSServer has one server take a stream from another's low-latency playlist, lose it, and take it again.
func TestPulledFromHLSServer(t *testing.T) {
	t.Parallel()
	far := start(t, append(noSlate, "--ladder", "off")...)
	e := far.publish(liveKey, programme{})
	far.awaitLive("live")
	near := start(t, append(noSlate, "--ladder", "off", "--pulls", "live="+far.url("/live/index.m3u8"))...)
	near.awaitLive("live")
	conform(t.Context(), t, near.url("/live/index.m3u8"), conformTime, oneRung)
	assert.Equal(t, "hls-pull", near.operator().Streams[0].Input.Protocol)
	e.kill()
	near.awaitState("live", "reconnecting")
	far.publish(liveKey, programme{})
	near.awaitState("live", "live")
	near.stop()
	far.stop()
}

// TestPulledFromRTMPServer has ffmpeg be the server.
func TestPulledFromRTMPServer(t *testing.T) {
	t.Parallel()
	place := "rtmp://" + freeAddress(t) + "/app/qN6-secret-of-theirs"
	serve := exec.CommandContext(context.Background(), "ffmpeg", append(programme{}.arguments(), "-f", "flv", "-listen", "1", place)...)
	serve.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, serve.Start())
	t.Cleanup(func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	})
	s := start(t, "--ladder", "off", "--pulls", "live="+place)
	s.awaitLive("live")
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung)
	assert.Equal(t, "rtmp-pull", s.operator().Streams[0].Input.Protocol)
	s.stop()
	assert.False(t, strings.Contains(s.log.String()+s.banner.String(), "secret-of-theirs"), "a secret in the log")
}

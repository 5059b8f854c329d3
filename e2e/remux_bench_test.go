//go:build e2e && bench

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// windowBytes is the media of a stream's window: a minute of 3 Mb/s and sound.
const windowBytes = 60 * (3_000_000 + 128_000) / 8

// TestBenchRemux is what one stream of 3 Mb/s costs that is passed on as it came: processor time, and memory, of which so much
// is media.
func TestBenchRemux(t *testing.T) {
	file := filepath.Join(t.TempDir(), "source.flv")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i",
		"sine=sample_rate=48000", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-b:v", "3M", "-minrate", "3M",
		"-maxrate", "3M", "-bufsize", "3M", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k", file).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, n := range []int{10, 40} {
		benchRemux(t, file, n)
	}
}

func benchRemux(t *testing.T, file string, n int) {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("s%d=key-of-%d", i, i))
	}
	s := start(t, "--ladder", "off", "--log", "info", "--streams", strings.Join(list, ","))
	idle := resident(t, s.pid())
	for i := range n {
		cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", file, "-c", "copy", "-f", "flv",
			fmt.Sprintf("rtmp://%s/live/key-of-%d", s.rtmp, i))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	for i := range n {
		s.awaitLive(fmt.Sprintf("s%d", i))
	}
	// The window is full, and what has left it has been let go, after some two minutes.
	outage(150 * time.Second)
	before, began := cpu(t, s.pid()), time.Now()
	outage(30 * time.Second)
	share := (cpu(t, s.pid()) - before) / time.Since(began).Seconds() * 100
	held := s.metric("stagecast_origin_memory_bytes")
	rss := resident(t, s.pid())
	t.Logf("%d streams: %.2f %% of a core each; %.1f MiB resident each, of which %.1f MiB are held media; %.1f MiB beyond it; the window is %.1f MiB",
		n, share/float64(n), (rss-idle)/float64(n)/(1<<20), held/float64(n)/(1<<20), (rss-idle-held)/float64(n)/(1<<20), windowBytes/float64(1<<20))
	s.stop()
}

// cpu is the processor time of a process in seconds.
func cpu(t *testing.T, pid int) float64 {
	f := procStat(pid)
	require.Greater(t, len(f), 15)
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

// resident is the memory of a process in bytes.
func resident(t *testing.T, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, _ := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	return pages * float64(os.Getpagesize())
}

// metric reads one metric without labels.
func (s *server) metric(name string) float64 {
	_, body, err := fetch(context.Background(), s.adminURL("/metrics"))
	require.NoError(s.t, err)
	for line := range bytes.Lines(body) {
		if value, ok := strings.CutPrefix(string(line), name+" "); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return v
		}
	}
	return 0
}

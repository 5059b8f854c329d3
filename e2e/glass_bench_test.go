//go:build e2e && bench

package e2e_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The picture that carries a clock: the bits of the Unix time in milliseconds as blocks of black and white along its top.
const (
	clockWidth, clockHeight = 640, 360
	clockBits               = 48
	clockRows               = 40
)

// publishClock starts an encoder whose pictures carry the time at which each was made.
func (s *server) publishClock(key string) {
	cmd := exec.Command("ffmpeg", "-nostdin", "-loglevel", "error",
		"-f", "rawvideo", "-pix_fmt", "gray", "-s", "640x360", "-r", "30", "-i", "pipe:0",
		"-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
		"-g", "60", "-b:v", "1500k", "-pix_fmt", "yuv420p", "-c:a", "aac", "-flush_packets", "1", "-f", "flv",
		"rtmp://"+s.rtmp+"/live/"+key)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		drawClock(stdin)
		_ = cmd.Wait()
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
}

// drawClock writes a picture every thirtieth of a second until w is closed.
func drawClock(w io.Writer) {
	picture := make([]byte, clockWidth*clockHeight)
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for n := 0; ; n++ {
		<-tick.C
		for i := clockWidth * clockRows; i < len(picture); i++ {
			picture[i] = byte(64 + (i+n*3)%clockWidth/5) // something that moves
		}
		now := time.Now().UnixMilli()
		for x := range clockWidth {
			value := byte(16)
			if now>>(x*clockBits/clockWidth)&1 == 1 {
				value = 235
			}
			for y := range clockRows {
				picture[y*clockWidth+x] = value
			}
		}
		if _, err := w.Write(picture); err != nil {
			return
		}
	}
}

// measured is how long a benchmark watches: DURATION seconds, or a default.
func measured(fallback int) string {
	if d := os.Getenv("DURATION"); d != "" {
		return d
	}
	return strconv.Itoa(fallback)
}

// figures waits for what a script has measured and prints it.
func (b *script) figures(t *testing.T, label string) {
	t.Helper()
	<-b.exited
	for _, l := range b.all("figures") {
		var f map[string]any
		require.NoError(t, json.Unmarshal(l.raw, &f))
		delete(f, "what")
		text, _ := json.Marshal(f)
		t.Logf("%s: %s", label, strings.Trim(string(text), "{}"))
	}
	require.Empty(t, b.complaints())
}

// TestBenchGlassToGlass is the time from a picture's making to its presentation in Chromium, with the ladder running.
func TestBenchGlassToGlass(t *testing.T) {
	for _, profile := range []string{"low", "ultra"} {
		s := start(t, "--hls.profile", profile)
		s.publishClock(liveKey)
		s.awaitLive("live")
		browse(t, "glass.mjs", nil, s.url("/live"), measured(60)).figures(t, "glass to glass, "+profile)
		s.stop()
	}
}

// TestBenchFirstPicture is the time from opening the page of a running stream to its first picture, and from the start of
// an encoder to the first picture on a page that waits.
func TestBenchFirstPicture(t *testing.T) {
	s := start(t)
	waiting := browse(t, "first.mjs", nil, s.url("/live"), "1")
	await(t, "the page waits", func() bool { return waiting.last("open", "").What != "" })
	began := time.Now()
	s.publishClock(liveKey)
	<-waiting.exited
	at := waiting.last("picture", "").Time
	t.Logf("encoder started to first picture: %.2f s", at/1000-float64(began.UnixMilli())/1000)
	browse(t, "first.mjs", nil, s.url("/live"), "7").figures(t, "page opened to first picture")
	s.stop()
}

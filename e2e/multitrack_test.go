//go:build e2e

package e2e_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/rtmppush"
)

// multitrack is what OBS sends with Multitrack Video: one picture in several sizes, each encoded by x264, and sound.
type multitrack struct {
	sizes   []string // "640x360", best first
	bframes int
	gops    []int // frames between key frames of each; 60 where there is none
}

// publishTracks starts one ffmpeg that encodes all sizes, and sends what it makes to the stream of the key as OBS does. end
// ends it as a power cut does.
func (s *server) publishTracks(key string, m multitrack) (end func()) {
	s.t.Helper()
	args := []string{
		"-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", "testsrc2=size=" + m.sizes[0] + ":rate=30",
		"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
	}
	var files []io.Reader
	var theirs []*os.File
	for i, size := range m.sizes {
		gop := 60
		if i < len(m.gops) {
			gop = m.gops[i]
		}
		args = append(args, "-map", "0:v", "-map", "1:a", "-s", size, "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "500k", "-maxrate", "500k",
			"-bufsize", "500k", "-pix_fmt", "yuv420p", "-sc_threshold", "0", "-g", strconv.Itoa(gop), "-bf", strconv.Itoa(m.bframes),
			"-c:a", "aac", "-b:a", "96k", "-ac", "2", "-flvflags", "no_duration_filesize", "-flush_packets", "1", "-f", "flv", "pipe:"+strconv.Itoa(3+i))
		r, w, err := os.Pipe()
		require.NoError(s.t, err)
		files, theirs = append(files, r), append(theirs, w)
		s.t.Cleanup(func() { r.Close() })
	}
	cmd := exec.Command("ffmpeg", args...)
	cmd.ExtraFiles = theirs
	said := &capture{}
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, cmd.Start())
	for _, w := range theirs {
		w.Close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	sent := make(chan error, 1)
	go func() {
		sent <- rtmppush.Run(ctx, rtmppush.Target{Address: s.rtmp, App: "live", Key: key}, rtmppush.Multitrack(files...))
	}()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel() // before the files end, after which it would say goodbye
		<-sent
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.t.Cleanup(func() {
		end()
		if s.t.Failed() {
			s.t.Logf("the encoder said\n%s", said.tail(10))
		}
	})
	return end
}

// heights are those of a stream's variants, in their order.
func (s *server) heights(stream string) (out []int) {
	if p := s.multivariant(stream); p != nil {
		for _, v := range p.Variants {
			out = append(out, int(v.Height))
		}
	}
	return out
}

// ffmpegs is how many encoders the server runs.
func (s *server) ffmpegs() int { return len(encoding(s.t, s.pid())) }

// TestMultitrackConforms has a broadcaster that encodes its own ladder: the server encodes nothing, and every size is a
// rendition that keeps all rules.
func TestMultitrackConforms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bframes int
		args    []string
	}{"ladder auto": {0, nil}, "ladder off, B-frames": {2, []string{"--ladder", "off"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.args...)
			s.publishTracks(liveKey, multitrack{sizes: []string{"854x480", "640x360", "426x240"}, bframes: c.bframes})
			s.awaitLive("live")
			require.Equal(t, []int{480, 360, 240}, s.heights("live"))
			require.Zero(t, s.ffmpegs(), "nothing is encoded here")
			conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime)
			in := s.operator().Streams[0].Input
			require.NotNil(t, in)
			assert.Len(t, in.Rungs, 2)
			assert.Empty(t, in.Warnings)
			s.stop()
		})
	}
}

// TestMultitrackInABrowser has the watch page play what a broadcaster encodes in three sizes, over a loss of the encoder.
func TestMultitrackInABrowser(t *testing.T) {
	t.Parallel()
	s := start(t, noSlate...)
	sizes := multitrack{sizes: []string{"854x480", "640x360", "426x240"}}
	end := s.publishTracks(liveKey, sizes)
	s.awaitLive("live")
	watch := s.url("/live")
	b := browse(t, "watch.mjs", nil, watch)
	b.awaitPlaying(t, watch)
	end()
	await(t, "the page says that the encoder is away", func() bool { return b.last("report", watch).State != "live" })
	s.publishTracks(liveKey, sizes)
	b.awaitPlaying(t, watch)
	require.Equal(t, []int{480, 360, 240}, s.heights("live"))
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

// TestMultitrackThatIsNotAligned has sizes with key frames of their own: the best is taken and encoded into a ladder, which keeps the rendition of the other.
func TestMultitrackThatIsNotAligned(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.publishTracks(liveKey, multitrack{sizes: []string{"854x480", "640x360"}, gops: []int{60, 45}})
	s.awaitLive("live")
	await(t, "the operator is told", func() bool {
		in := s.operator().Streams[0].Input
		return in != nil && len(in.Warnings) > 0 && in.Warnings[0].Name == "key frames not aligned"
	})
	await(t, "a ladder is encoded", func() bool { return s.ffmpegs() == 1 })
	await(t, "its rungs are listed", func() bool { return slices.Equal(s.heights("live"), []int{480, 360, 240}) })
	s.stop()
}

// TestMultitrackOverTheSlate loses an encoder of three sizes, and has it back. The slate is encoded into the same renditions.
func TestMultitrackOverTheSlate(t *testing.T) {
	t.Parallel()
	s := start(t)
	sizes := multitrack{sizes: []string{"854x480", "640x360", "426x240"}}
	end := s.publishTracks(liveKey, sizes)
	s.awaitLive("live")
	outage(5 * time.Second) // by then there is a slate
	end()
	s.awaitOnAir(ingest.SlateOut)
	await(t, "the slate is encoded", func() bool { return s.ffmpegs() == 1 })
	assert.Equal(t, []int{480, 360, 240}, s.heights("live"))
	s.publishTracks(liveKey, sizes)
	s.awaitOnAir(ingest.Primary)
	await(t, "nothing is encoded any more", func() bool { return s.ffmpegs() == 0 })
	assert.Equal(t, []int{480, 360, 240}, s.heights("live"))
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime)
	s.stop()
}

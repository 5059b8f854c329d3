//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// programme is what an encoder sends. The zero value is 320x180 at 30 frames a second with sound and without B-frames,
// for as long as the test lasts.
type programme struct {
	size     string // "640x360"
	rate     string // "30000/1001"
	gop      int    // frames between key frames; as many as are nearest to 2 s when zero
	bframes  int
	picture  string // ffmpeg's encoder of the picture; "libx264" when empty
	sound    string // codec of the sound; "aac" when empty
	noVideo  bool
	noAudio  bool
	duration time.Duration
}

// encoder is a program that publishes in real time.
type encoder struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *capture
	exited chan struct{}
}

// publish starts an encoder that sends p to the stream of that key. It is killed at the end of the test.
func (s *server) publish(key string, p programme) *encoder {
	s.t.Helper()
	return s.client(key, "ffmpeg", append(p.arguments(), "-flvflags", "no_duration_filesize", "-f", "flv", "rtmp://"+s.rtmp+"/live/"+key)...)
}

// client starts a program that sends something to the server. It is killed at the end of the test. The secret that is among
// its arguments is kept out of what the test says.
func (s *server) client(secret, program string, args ...string) *encoder {
	s.t.Helper()
	e := &encoder{t: s.t, log: &capture{}, exited: make(chan struct{})}
	e.cmd = exec.Command(program, args...)
	e.cmd.Stderr = e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, e.cmd.Start())
	go func() {
		_ = e.cmd.Wait()
		close(e.exited)
	}()
	s.t.Cleanup(func() {
		e.kill()
		if s.t.Failed() {
			s.t.Logf("an encoder said\n%s", strings.ReplaceAll(e.log.tail(10), secret, "KEY"))
		}
	})
	return e
}

// arguments of ffmpeg up to the output.
func (p programme) arguments() []string {
	size, rate := or(p.size, "320x180"), or(p.rate, "30")
	args := []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning"}
	if !p.noVideo {
		args = append(args, "-re", "-f", "lavfi", "-i", "testsrc2=size="+size+":rate="+rate)
	}
	if !p.noAudio {
		args = append(args, "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
	}
	if !p.noVideo {
		args = append(args, "-c:v", or(p.picture, "libx264"), "-preset", "ultrafast", "-b:v", "600k", "-maxrate", "600k", "-bufsize", "600k",
			"-pix_fmt", "yuv420p", "-sc_threshold", "0", "-g", strconv.Itoa(p.keyframeEvery(rate)), "-bf", strconv.Itoa(p.bframes))
		if p.bframes == 0 {
			args = append(args, "-tune", "zerolatency")
		}
	}
	if !p.noAudio {
		args = append(args, "-c:a", or(p.sound, "aac"), "-b:a", "96k", "-ac", "2")
	}
	if p.duration > 0 {
		args = append(args, "-t", strconv.FormatFloat(p.duration.Seconds(), 'f', 3, 64))
	}
	return args
}

// keyframeEvery is the GOP in frames.
func (p programme) keyframeEvery(rate string) int {
	if p.gop > 0 {
		return p.gop
	}
	num, den, _ := strings.Cut(rate, "/")
	n, _ := strconv.ParseFloat(num, 64)
	d, _ := strconv.ParseFloat(or(den, "1"), 64)
	return int(2*n/d + 0.5)
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// kill ends the encoder as a power cut does.
func (e *encoder) kill() { e.signal(os.Kill) }

// finish ends the encoder as its user does: it says goodbye to the server.
func (e *encoder) finish() { e.signal(os.Interrupt) }

func (e *encoder) signal(sig os.Signal) {
	select {
	case <-e.exited:
		return
	default:
	}
	_ = e.cmd.Process.Signal(sig)
	awaitClosed(e.t, "the encoder has ended", e.exited)
}

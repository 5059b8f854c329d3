//go:build e2e

package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The secrets that every server is started with. They are words that stand nowhere else, so that one that leaks is found.
const (
	liveKey    = "kQ7-secret-of-live"
	otherKey   = "zX3-secret-of-other"
	thirdKey   = "mV9-secret-of-third"
	adminToken = "tB5-secret-of-admin"
	allStreams = "live=" + liveKey + ",other=" + otherKey + ",third=" + thirdKey
)

// server is one running process of ours.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	banner *capture // what goes to stdout
	log    *capture // what goes to stderr
	exited chan struct{}
	ended  bool // stop was called

	rtmp, rtsp, srt, http, admin string // host:port
	node                         string // in a cluster
}

// start runs a server on free ports until the end of the test, and returns once it is ready.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t}
	s.launch(map[*string]*regexp.Regexp{&s.rtmp: rtmpLine, &s.rtsp: rtspLine, &s.srt: srtLine, &s.http: viewersLine, &s.admin: adminLine}, append([]string{
		"--data", t.TempDir(), "--rtmp.address", "127.0.0.1:0", "--srt.address", "127.0.0.1:0", "--http.address", "127.0.0.1:0", "--admin.address", "127.0.0.1:0",
		"--rtsp.address", "127.0.0.1:0,udp://127.0.0.1:0",
		"--webrtc.address", "127.0.0.1:0", "--admin.token", adminToken, "--streams", allStreams, "--log", "debug",
	}, args...)...)
	return s
}

// launch runs the server, waits until it is ready, and takes from its banner what is asked for.
func (s *server) launch(from map[*string]*regexp.Regexp, args ...string) {
	t := s.t
	t.Helper()
	s.banner, s.log, s.exited = &capture{}, &capture{}, make(chan struct{})
	s.cmd = exec.Command(binary, args...)
	s.cmd.Stdout, s.cmd.Stderr = s.banner, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // the state is looked at in stop
		close(s.exited)
	}()
	t.Cleanup(s.cleanup)
	for to, line := range from {
		await(t, "the banner says where to connect", func() bool {
			if m := line.FindStringSubmatch(s.banner.String()); m != nil {
				*to = m[1]
			}
			return *to != "" || s.gone()
		})
	}
	await(t, "the server is ready", func() bool { return s.gone() || status(s.adminURL("/readyz")) == http.StatusOK })
	require.False(t, s.gone(), "the server ended: %s", s.log.tail(20))
}

// The lines of the banner that name the open ports.
var (
	rtmpLine    = regexp.MustCompile(`OBS server +rtmp://([^/]+)/live`)
	rtspLine    = regexp.MustCompile(`RTSP +rtsp://user:KEY@([^/]+)/`)
	srtLine     = regexp.MustCompile(`SRT +srt://([^?]+)\?streamid=`)
	viewersLine = regexp.MustCompile(`HLS +http://([^/]+)/`)
	nodeLine    = regexp.MustCompile(`Node +([^ ]+) `)
	adminLine   = regexp.MustCompile(`Status page +http://([^/]+)/`)
)

func (s *server) url(path string) string      { return "http://" + s.http + path }
func (s *server) adminURL(path string) string { return "http://" + s.admin + path }
func (s *server) pid() int                    { return s.cmd.Process.Pid }

func (s *server) gone() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// stop ends the server by SIGTERM, and checks that it ends well, leaves no child behind, saw no data race and gave no
// secret away.
func (s *server) stop() {
	s.t.Helper()
	s.ended = true
	left := children(s.t, s.pid())
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
	awaitClosed(s.t, "the server has ended", s.exited)
	assert.Equal(s.t, 0, s.cmd.ProcessState.ExitCode(), "exit status; the log ends with\n%s", s.log.tail(20))
	for _, pid := range left {
		await(s.t, "no ffmpeg is left", func() bool { return !alive(pid) })
	}
	log := s.log.String()
	assert.NotContains(s.t, log, "DATA RACE")
	assert.NotContains(s.t, log, "panic")
	for _, secret := range []string{liveKey, otherKey, thirdKey, adminToken} {
		assert.NotContains(s.t, log, secret, "a secret in the log")
	}
}

// cleanup stops a server that its test has not stopped, and keeps its log.
func (s *server) cleanup() {
	if !s.ended && !s.gone() {
		s.stop()
	}
	if !s.gone() {
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	name := strings.NewReplacer("/", "-", " ", "-").Replace(s.t.Name()) + ".log"
	assert.NoError(s.t, os.WriteFile(filepath.Join(outputs, name), []byte(s.log.String()), 0o644))
	if s.t.Failed() {
		s.t.Logf("the server's log, in %s, ends with\n%s", filepath.Join(outputs, name), s.log.tail(40))
	}
}

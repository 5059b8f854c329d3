//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// told is one line of a script in browser/.
type told struct {
	What   string  `json:"what"`
	URL    string  `json:"url"`
	Text   string  `json:"text"`
	State  string  `json:"state"`
	Time   float64 `json:"time"`  // of the video, in seconds
	Ready  int     `json:"ready"` // HTMLMediaElement.readyState
	Width  int     `json:"width"`
	Frames int     `json:"frames"`

	raw []byte
}

// script is a running script of browser/: Chromium and what drives it.
type script struct {
	stdin  io.Closer
	exited chan struct{}

	mu     sync.Mutex      // guards what follows
	latest map[string]told // by What and URL
	errors []string
	lines  []told
}

// browse runs a script until stop, or the end of the test.
func browse(t *testing.T, name string, environment []string, args ...string) *script {
	t.Helper()
	b := &script{exited: make(chan struct{}), latest: make(map[string]told)}
	cmd := exec.Command("node", append([]string{"browser/" + name}, args...)...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr := &capture{}
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	b.stdin = stdin
	go func() {
		defer close(b.exited)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			b.hear(lines.Bytes())
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		b.stop(t)
		if t.Failed() {
			t.Logf("the browser said\n%s\n%s", stderr.tail(20), strings.Join(b.complaints(), "\n"))
		}
	})
	return b
}

func (b *script) hear(line []byte) {
	told := told{raw: append([]byte(nil), line...)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := json.Unmarshal(line, &told); err != nil {
		b.errors = append(b.errors, string(line))
		return
	}
	switch told.What {
	case "console error", "page error", "failed":
		b.errors = append(b.errors, told.What+": "+told.Text)
	default:
		b.latest[told.What+told.URL] = told
		b.lines = append(b.lines, told)
	}
}

// last is the last that was told of one thing.
func (b *script) last(what, url string) told {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.latest[what+url]
}

// all is everything that was told of one thing.
func (b *script) all(what string) (out []told) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		if l.What == what {
			out = append(out, l)
		}
	}
	return out
}

// complaints are the errors on the pages' consoles, and the script's own.
func (b *script) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.errors...)
}

func (b *script) stop(t *testing.T) {
	t.Helper()
	_ = b.stdin.Close()
	awaitClosed(t, "the browser has been closed", b.exited)
}

// awaitPlaying blocks until the video of a page moves on.
func (b *script) awaitPlaying(t *testing.T, url string) {
	t.Helper()
	await(t, url+" plays", func() bool {
		r := b.last("report", url)
		return r.State == "live" && r.Ready >= 3 && r.Width > 0 && r.Time > 0
	})
	from := b.last("report", url)
	await(t, url+" goes on", func() bool {
		r := b.last("report", url)
		return r.State == "live" && r.Time > from.Time+2 && r.Frames > from.Frames+30
	})
}

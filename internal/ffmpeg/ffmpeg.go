// Package ffmpeg drives ffmpeg processes: how they are started, fed, watched and ended. What they are to encode is their
// caller's to say.
//
// A child gets bytes through pipes and nothing else: no network, no environment, no file names, bounded memory, and it dies
// with us.
package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrMissing says what to install.
var ErrMissing = errors.New("ffmpeg is not installed: run 'apt-get install ffmpeg', or put it on the PATH")

// Find is the path of the ffmpeg program.
func Find() (string, error) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return "", ErrMissing
	}
	return path, nil
}

// Process is one running ffmpeg. Stop or Wait must be called.
type Process struct {
	Stdin   io.WriteCloser // bytes in, as pipe:0
	Outputs []*os.File     // bytes out, one for each pipe: the first is pipe:3

	cmd    *exec.Cmd
	log    *tail
	done   chan struct{} // closed when the process has ended
	err    error         // of its end; read after done
	killed sync.Once
}

// common are the arguments of every child: it asks nothing, opens nothing but pipes, and says what is wrong.
var common = []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+warning", "-protocol_whitelist", "pipe"}

// Start runs ffmpeg with args behind those of every child, and outputs pipes. Its environment is empty but for the variables
// named in pass, which some devices' drivers are found by.
func Start(args []string, outputs int, pass ...string) (*Process, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	p := &Process{log: &tail{}, done: make(chan struct{})}
	p.cmd = exec.Command(path, append(append([]string{}, common...), args...)...)
	p.cmd.Env = environment(pass)
	p.cmd.Stderr = p.log
	p.cmd.SysProcAttr = confined()
	p.cmd.WaitDelay = time.Second
	if p.Stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("ffmpeg: %w", err)
	}
	var ends []*os.File
	defer func() {
		for _, w := range ends {
			w.Close()
		}
	}()
	for range outputs {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeOutputs()
			return nil, fmt.Errorf("ffmpeg: %w", err)
		}
		p.Outputs = append(p.Outputs, r)
		ends = append(ends, w)
	}
	p.cmd.ExtraFiles = ends
	if err := p.cmd.Start(); err != nil {
		p.closeOutputs()
		return nil, fmt.Errorf("ffmpeg: %w", err)
	}
	bound(p.cmd.Process.Pid)
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// environment of a child.
func environment(pass []string) []string {
	env := []string{}
	for _, name := range pass {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func (p *Process) closeOutputs() {
	for _, r := range p.Outputs {
		r.Close()
	}
}

// PID of the child.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the child at once. Wait must still be called.
func (p *Process) Kill() {
	p.killed.Do(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
}

// Wait blocks until the child has ended, closes what is left of its pipes, and returns an *ExitError, or nil where it
// ended well. It kills the child when ctx ends first.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
		<-p.done
	}
	p.Stdin.Close()
	p.closeOutputs()
	if p.err == nil {
		return nil
	}
	return &ExitError{Reason: ended(p.log.Lines(), p.err), Log: p.log.Lines(), Err: p.err}
}

// Log is the end of what the child has said, line by line.
func (p *Process) Log() []string { return p.log.Lines() }

// ExitError is how a child ended.
type ExitError struct {
	Reason Reason
	Log    []string
	Err    error
}

func (e *ExitError) Error() string {
	last := ""
	if n := len(e.Log); n > 0 {
		last = ": " + e.Log[n-1]
	}
	return fmt.Sprintf("ffmpeg: %s: %v%s", e.Reason, e.Err, last)
}

func (e *ExitError) Unwrap() error { return e.Err }

// Cause is the line of the log that tells the reason; the last where none does.
func (e *ExitError) Cause() string {
	for _, k := range known {
		for _, line := range e.Log {
			if k.reason == e.Reason && strings.Contains(line, k.text) {
				return line
			}
		}
	}
	if n := len(e.Log); n > 0 {
		return e.Log[n-1]
	}
	return e.Err.Error()
}

// The bounds of what is kept of a child's words.
const (
	tailLines = 100
	tailLine  = 400
)

// tail keeps the last lines written to it. It is safe for concurrent use.
type tail struct {
	mu    sync.Mutex // guards what follows
	lines []string
	rest  []byte
}

// Write implements io.Writer and never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range b {
		switch {
		case c == '\n' || c == '\r':
			t.flush()
		case len(t.rest) < tailLine:
			t.rest = append(t.rest, c)
		}
	}
	return len(b), nil
}

func (t *tail) flush() {
	if len(t.rest) == 0 {
		return
	}
	if t.lines = append(t.lines, string(t.rest)); len(t.lines) > tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.rest = t.rest[:0]
}

// Lines is a copy of what is kept.
func (t *tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string{}, t.lines...)
}

package ffmpeg_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/ffmpeg"
)

func TestMain(m *testing.M) {
	if os.Getenv("STAGECAST_TEST_PARENT") != "" {
		parent()
		return
	}
	goleak.VerifyTestMain(m)
}

// endless reads sound until its standard input ends.
var endless = []string{"-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "pipe:0", "-f", "s16le", "-flush_packets", "1", "pipe:3"}

func TestBytesGoInAndComeOut(t *testing.T) {
	p, err := ffmpeg.Start(endless, 1)
	require.NoError(t, err)
	in := bytes.Repeat([]byte{1, 2, 3, 4}, 12000)
	wrote := make(chan error, 1)
	go func() {
		_, err := p.Stdin.Write(in)
		wrote <- errors.Join(err, p.Stdin.Close())
	}()
	out, err := io.ReadAll(p.Outputs[0])
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	require.Equal(t, in, out)
	require.NoError(t, p.Wait(context.Background()))
}

func TestChildHasNoEnvironmentAndItsOwnGroup(t *testing.T) {
	t.Setenv("STAGECAST_SECRET", "hidden")
	p, err := ffmpeg.Start(endless, 1)
	require.NoError(t, err)
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
	require.NoError(t, err)
	require.Empty(t, environment)
	group, err := syscall.Getpgid(p.PID())
	require.NoError(t, err)
	require.Equal(t, p.PID(), group)
	p.Kill()
	require.Error(t, p.Wait(context.Background()))
}

func TestWaitKillsWhenItsContextEnds(t *testing.T) {
	p, err := ffmpeg.Start(endless, 1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var exit *ffmpeg.ExitError
	require.ErrorAs(t, p.Wait(ctx), &exit)
	require.Equal(t, ffmpeg.Killed, exit.Reason)
	require.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH)
	_, err = p.Outputs[0].Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestReasons(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		input string
		want  ffmpeg.Reason
	}{
		"bad input":     {[]string{"-f", "mp4", "-i", "pipe:0", "-f", "null", "-"}, "this is no MP4 file, whatever its beginning may be", ffmpeg.BadInput},
		"bad arguments": {[]string{"-no_such_option", "1", "-i", "pipe:0", "-f", "null", "-"}, "", ffmpeg.BadArguments},
		"no encoder": {[]string{"-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "pipe:0", "-c:a", "no_such_encoder", "-f", "null", "-"},
			"sound", ffmpeg.NoEncoder},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ffmpeg.Start(c.args, 0)
			require.NoError(t, err)
			_, _ = io.WriteString(p.Stdin, c.input) // it may have ended by then
			p.Stdin.Close()
			var exit *ffmpeg.ExitError
			require.ErrorAs(t, p.Wait(context.Background()), &exit)
			require.Equal(t, c.want, exit.Reason, "%v", exit.Log)
			require.NotEmpty(t, exit.Log)
			require.ErrorContains(t, exit, exit.Log[len(exit.Log)-1])
		})
	}
}

func TestNothingButPipesIsOpened(t *testing.T) {
	for _, url := range []string{"/etc/hostname", "file:/etc/hostname", "http://127.0.0.1:9/", "concat:/etc/hostname"} {
		p, err := ffmpeg.Start([]string{"-f", "s16le", "-i", url, "-f", "null", "-"}, 0)
		require.NoError(t, err)
		var exit *ffmpeg.ExitError
		require.ErrorAs(t, p.Wait(context.Background()), &exit, url)
		require.Contains(t, strings.Join(exit.Log, "\n"), "not on whitelist", url)
	}
}

func TestFindSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", "")
	_, err := ffmpeg.Find()
	require.ErrorIs(t, err, ffmpeg.ErrMissing)
	_, err = ffmpeg.Start(endless, 1)
	require.ErrorIs(t, err, ffmpeg.ErrMissing)
}

func TestPicturesOfTheTestSource(t *testing.T) {
	r, err := ffmpeg.TestPicture(context.Background())
	require.NoError(t, err)
	head := make([]byte, 3)
	_, err = io.ReadFull(r, head)
	require.NoError(t, err)
	require.Equal(t, "FLV", string(head))
	require.NoError(t, r.Close())
}

// A child must not outlive us, however we end: here the parent is killed.
func TestChildDiesWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STAGECAST_TEST_PARENT=1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(child, 0))

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return !alive(child) }, 10*time.Second, time.Millisecond)
}

// alive reports whether a process runs; one that has ended may still wait for somebody to take note.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// parent starts a child, says which, and waits to be killed.
func parent() {
	p, err := ffmpeg.Start(endless, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	_ = p.Wait(context.Background())
}

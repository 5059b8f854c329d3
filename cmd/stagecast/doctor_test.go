package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// examine runs `stagecast doctor` on free ports, but for what is in args.
func examine(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cleanEnvironment(t)
	var out bytes.Buffer
	err := execute(context.Background(), append([]string{
		"doctor", "--data", t.TempDir(), "--http.address", "127.0.0.1:0", "--rtmp.address", "127.0.0.1:0", "--rtsp.address", "127.0.0.1:0",
		"--srt.address", "127.0.0.1:0", "--webrtc.address", "127.0.0.1:0", "--admin.address", "127.0.0.1:0",
	}, args...), &out, io.Discard)
	return out.String(), err
}

func TestTheDoctorSaysWhatThisMachineCanDo(t *testing.T) {
	said, err := examine(t)
	require.NoError(t, err, said)
	require.Contains(t, said, "✓ ffmpeg\n")
	require.Contains(t, said, "✓ data directory")
	require.Regexp(t, `cpu +.* h264 +libx264 +yes: [0-9]+ Mpx/s veryfast`, said)
	require.NotContains(t, said, "✗")
}

func TestTheDoctorSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	said, err := examine(t, "--rtmp.address", l.Addr().String(), "--data", "/dev/null/data",
		"--cluster", "127.0.0.1:0,redis=127.0.0.1:1,secret=sixteen-letters-or-more")
	require.ErrorIs(t, err, errUnwell)
	require.Contains(t, said, "✗ rtmp.address")
	require.Contains(t, said, "✗ data directory /dev/null/data")
	require.Contains(t, said, "✗ the cluster's Redis at 127.0.0.1:1")
	require.Contains(t, said, "what to do: ")
	require.NotContains(t, said, "sixteen")
}

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPullsAreReadStrictlyAndURLsStayOutOfErrors(t *testing.T) {
	pulls, err := parsePulls("door=rtsp://user:pass@camera.example/1?x=y=z, yard=rtsps://[fd00::1]:322/,far=srt://host:9000?streamid=s,up=udp://239.1.2.3:5000," +
		"studio=rtmp://host/app/name?token=t,club=rtmps://host:1936/app/name,site=https://user:pass@host/a/b.m3u8?token=t")
	require.NoError(t, err)
	var read []string
	for _, p := range pulls {
		read = append(read, p.Stream+" "+p.From+" "+p.Source.Protocol())
	}
	require.Equal(t, []string{
		"door rtsp://camera.example rtsp-pull", "yard rtsps://[fd00::1]:322 rtsps-pull", "far srt://host:9000 srt-pull", "up udp://239.1.2.3:5000 udp",
		"studio rtmp://host rtmp-pull", "club rtmps://host:1936 rtmps-pull", "site https://host hls-pull",
	}, read)
	none, err := parsePulls(" , ")
	require.NoError(t, err)
	require.Empty(t, none)
	for _, bad := range []string{
		"door", "=rtsp://secret@camera/", "door=secret", "door=/secret", "door=rtsp:///secret", "door=rtsp://%zz:secret@camera/", "a/b=rtsp://secret@camera/",
		"whip=rtsp://secret@camera/", "door=rtsp://a/,door=rtsp://secret@b/", "door=file:///secret", "door=http://secret@camera/", "door=rtsp://secret@:554/",
		"door=srt://host:1?secret=1", "door=udp://169.254.169.254:80", "door=rtmp://secret@host/a/b", "door=rtmp://host/secret", "door=https://secret@host/page", "door=rtsp://camera/#secret",
	} {
		_, err := parsePulls(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret", bad)
	}
}

func TestWhatIsPulledMustBeAStreamAndIsInTheBannerWithoutItsSecrets(t *testing.T) {
	require.ErrorContains(t, execute(t.Context(), []string{"--data", t.TempDir(), "--streams", "live=key-of-live", "--pulls", "none=rtsp://a:secret@camera/"}, new(strings.Builder), new(strings.Builder)),
		`there is no stream "none"`)
	r := start(t, "--pulls", "two=rtsp://viewer:secret@127.0.0.1:1/1")
	require.Contains(t, r.banner.String(), "Pulled from   rtsp://127.0.0.1:1\n")
	r.stop()
	require.NotContains(t, r.banner.String()+r.logs.String(), "secret")
}

package ffmpeg_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg"
)

func TestRealTextsAndTheirReasons(t *testing.T) {
	text, err := os.ReadFile("testdata/reasons.txt")
	require.NoError(t, err)
	cases := strings.Split(string(text), "\n== ")[1:]
	require.Greater(t, len(cases), 20)
	for _, c := range cases {
		want, rest, _ := strings.Cut(c, "\n")
		var log []string
		for line := range strings.Lines(rest) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				log = append(log, line)
			}
		}
		require.NotEmpty(t, log, want)
		require.Equal(t, want, string(ffmpeg.Classify(log)), strings.Join(log, "\n"))
	}
}

func TestWhatCanBeRepairedSaysHow(t *testing.T) {
	for _, r := range []ffmpeg.Reason{
		ffmpeg.NoEncoder, ffmpeg.NoChip, ffmpeg.NoVideoPart, ffmpeg.NoDriver, ffmpeg.OldDriver, ffmpeg.SessionCap, ffmpeg.NoDevice,
		ffmpeg.NoPermission, ffmpeg.NoVADriver, ffmpeg.NoRuntime, ffmpeg.OutOfMemory, ffmpeg.DeviceMemory,
	} {
		require.NotEmpty(t, r.Fix(), r)
	}
}

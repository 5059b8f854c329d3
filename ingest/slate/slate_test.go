package slate_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest/slate"
	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func picture(w, h int, rate media.Rational) media.Track {
	return media.Track{ID: 7, Codec: media.HEVC, Width: w, Height: h, FrameRate: rate}
}

func sound(codec media.Codec, rate, channels int) media.Track {
	return media.Track{ID: 8, Codec: codec, SampleRate: rate, Channels: channels, Config: []byte{0, 2, 1, 56, 0, 0, 0xbb, 0x80, 0, 0, 0}}
}

func TestLoopHasTheStreamsParameters(t *testing.T) {
	m, err := slate.New(context.Background(), "")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		tracks []media.Track
		frames int
		ticks  int64
	}{
		"film's rate":   {[]media.Track{picture(640, 360, media.Rational{Num: 24000, Den: 1001}), sound(media.AAC, 44100, 1)}, 48, 180180},
		"unknown rate":  {[]media.Track{picture(320, 180, media.Rational{}), sound(media.Opus, 48000, 2)}, 60, 180000},
		"without sound": {[]media.Track{picture(180, 320, media.Rational{Num: 60, Den: 1})}, 120, 180000},
	} {
		loop, err := m.Make(context.Background(), c.tracks)
		require.NoError(t, err, name)
		require.Len(t, loop.Pictures, c.frames, name)
		require.Equal(t, c.ticks, loop.Length, name)
		require.True(t, loop.Pictures[0].RandomAccess, name)
		require.Len(t, loop.Tracks, len(c.tracks), name)
		for i := range loop.Tracks {
			track := loop.Tracks[i]
			require.NoError(t, cmaf.Complete(&track), name)
			require.Equal(t, c.tracks[i].Width, track.Width, name)
			require.Equal(t, c.tracks[i].Height, track.Height, name)
			require.Equal(t, c.tracks[i].SampleRate, track.SampleRate, name)
			require.Equal(t, c.tracks[i].Channels, track.Channels, name)
			if c.tracks[i].FrameRate.Known() {
				require.Equal(t, c.tracks[i].FrameRate, track.FrameRate, name)
			}
		}
		if len(c.tracks) > 1 {
			require.NotEmpty(t, loop.Sound, name)
		}
	}
}

func TestSoundAloneHasNoSlate(t *testing.T) {
	m, err := slate.New(context.Background(), "")
	require.NoError(t, err)
	_, err = m.Make(context.Background(), []media.Track{sound(media.AAC, 48000, 2)})
	require.Error(t, err)
}

// render makes a file with ffmpeg.
func render(t *testing.T, name string, args ...string) string {
	path := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("ffmpeg", append(append([]string{"-v", "error"}, args...), path)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func TestImageAndFilmOfTheOperator(t *testing.T) {
	image := render(t, "card.png", "-f", "lavfi", "-i", "testsrc2=size=400x400:rate=1", "-frames:v", "1")
	film := render(t, "loop.ts", "-f", "lavfi", "-i", "testsrc2=size=400x400:rate=10:duration=4")
	for path, frames := range map[string]int{image: 50, film: 100} {
		m, err := slate.New(context.Background(), path)
		require.NoError(t, err)
		loop, err := m.Make(context.Background(), []media.Track{picture(640, 360, media.Rational{Num: 25, Den: 1})})
		require.NoError(t, err)
		require.Len(t, loop.Pictures, frames, path)
	}
}

func TestFilesThatAreNoSlate(t *testing.T) {
	dir := t.TempDir()
	text, empty := filepath.Join(dir, "text"), filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(text, []byte("no picture"), 0o600))
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, path := range []string{text, empty, filepath.Join(dir, "none")} {
		_, err := slate.New(context.Background(), path)
		require.ErrorContains(t, err, path)
	}
}

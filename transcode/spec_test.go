package transcode

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func laddersOf(t *testing.T, text string) Ladders {
	t.Helper()
	l, err := ParseLadders(text)
	require.NoError(t, err, text)
	return l
}

func TestLaddersOfTheOperator(t *testing.T) {
	for text, want := range map[string]string{
		"auto":                             "1080p 1920x1080 4000k, 720p 1280x720 2000k, 480p 854x480 1000k, 240p 426x240 500k",
		"720p:3M,1080p:5.5M":               "1080p 1920x1080 5500k, 720p 1280x720 3000k",
		"1080p,360p":                       "1080p 1920x1080 4000k, 360p 640x360 700k",
		"2160p:20M,1080p,720p:2M":          "1080p 1920x1080 4000k, 720p 1280x720 2000k",
		"2160p:20M":                        "1080p 1920x1080 4000k",
		"1080p:3M:hevc,720p":               "1080p-hevc 1920x1080 3000k, 720p 1280x720 2000k",
		"720p,hevc":                        "720p-hevc 1280x720 1200k, 720p 1280x720 2000k",
		"auto;live=480p":                   "480p 854x480 1000k",
		"1080p;other=480p":                 "1080p 1920x1080 4000k",
		" 1080p , 480p:900k ; other = 64p": "1080p 1920x1080 4000k, 480p 854x480 900k",
	} {
		p := newPlan(picture(1920, 1080, fps(30, 1)), laddersOf(t, text).Of("live"), []room{anywhere()})
		require.Equal(t, want, rungs(p), text)
	}
}

func TestWishesBesideTheRungs(t *testing.T) {
	l := laddersOf(t, "auto;live=auto,priority=5,drop=bottom,audio=64k+128k;other=priority=-1")
	live := l.Of("live")
	require.Equal(t, 5, l.Priority("live"))
	require.True(t, live.bottom)
	require.Equal(t, []int{128_000, 64_000}, live.audio)
	require.Equal(t, -1, l.Priority("other"))
	require.Zero(t, l.Priority("third"))
	require.Equal(t, []string{"live", "other"}, l.Streams())
}

func TestLaddersThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `"": a ladder is auto`,
		"1080":                   `"1080": a ladder is auto`,
		"63p":                    `a ladder is auto`,
		"1081p":                  `a ladder is auto`,
		"720p:2G":                `of 50k to 100M`,
		"720p:2":                 `of 50k to 100M`,
		"720p:NaNk":              `of 50k to 100M`,
		"720p:1k":                `of 50k to 100M`,
		"720p:2M:vp9":            `of 50k to 100M`,
		"720p:2M:hevc:h264":      `a ladder is auto`,
		"720p,720p:1M":           `720p stands twice`,
		"auto;480p":              `"480p": behind a semicolon stands STREAM=LADDER`,
		"auto;a=480p;a=240p":     `stream a has two ladders`,
		"auto;a=loud":            `stream a: "loud": a ladder is auto`,
		"auto,priority=high":     `"priority=high": a priority is a number`,
		"auto,audio=1M":          `audio is one to three bit rates`,
		"auto,drop=middle":       `a ladder is auto`,
		strings.Repeat("2p,", 3): `a ladder is auto`,
		"100p,102p,104p,106p,108p,110p,112p,114p,116p,hevc":                                    `18 rungs are more than 16`,
		"100p,102p,104p,106p,108p,110p,112p,114p,116p,118p,120p,122p,124p,126p,128p,130p,132p": `17 rungs are more than 16`,
	} {
		_, err := ParseLadders(text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseLadders(f *testing.F) {
	f.Add("auto;show=1080p:6M:hevc,720p,priority=5,audio=128k+64k,drop=bottom")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLadders(text)
		if err != nil {
			return
		}
		p := newPlan(picture(1920, 1080, fps(30, 1)), l.Of("show"), []room{anywhere()})
		require.NotEmpty(t, p.Rungs)
		names := make(map[string]bool)
		for _, r := range p.Rungs {
			require.False(t, names[r.Name], r.Name)
			require.Positive(t, r.Bitrate)
			names[r.Name] = true
		}
	})
}

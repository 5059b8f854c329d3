package transcode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

// rungs writes a plan's rungs as "720p 1280x720 2000k, …".
func rungs(p Plan) string {
	var out []string
	for _, r := range p.Rungs {
		out = append(out, fmt.Sprintf("%s %dx%d %dk", r.Name, r.Width, r.Height, r.Bitrate/1000))
	}
	return strings.Join(out, ", ")
}

// whole is the plan of a machine that can do everything.
func whole(source *media.Track) Plan { return newPlan(source, Spec{}, []room{anywhere()}) }

// measured is a machine whose processor encodes so many million pixels a second with its first preset; zero: not known.
func measured(megapixels float64) *device.Table {
	cpu := device.Entry{Device: device.Host(), Trials: []device.Trial{{Codec: media.H264, Works: true}}}
	if megapixels > 0 {
		cpu.Trials[0].Speeds = []device.Speed{{Preset: "veryfast", PixelsPerSecond: megapixels * 1e6}, {Preset: "superfast", PixelsPerSecond: megapixels * 1e6 / 0.65}, {Preset: "ultrafast", PixelsPerSecond: megapixels * 1e6 / 0.4}}
	}
	return &device.Table{Devices: []device.Entry{cpu}}
}

func picture(width, height int, rate media.Rational) *media.Track {
	return &media.Track{ID: 1, Codec: media.H264, Width: width, Height: height, FrameRate: rate}
}

func TestPlanByTheSource(t *testing.T) {
	for name, c := range map[string]struct {
		width, height int
		want          string
	}{
		"1080p":            {1920, 1080, "1080p 1920x1080 4000k, 720p 1280x720 2000k, 480p 854x480 1000k, 240p 426x240 500k"},
		"720p":             {1280, 720, "720p 1280x720 2000k, 480p 854x480 1000k, 240p 426x240 500k"},
		"portrait":         {720, 1280, "720p 720x1280 2000k, 480p 480x854 1000k, 240p 240x426 500k"},
		"square":           {480, 480, "480p 480x480 1000k, 240p 240x240 500k"},
		"cinema":           {1920, 804, "720p 1720x720 2000k, 480p 1146x480 1000k, 240p 574x240 500k"},
		"between steps":    {640, 360, "360p 640x360 700k, 240p 426x240 500k"},
		"below all steps":  {320, 180, "180p 320x180 500k"},
		"odd":              {321, 181, "180p 320x180 500k"},
		"2160p":            {3840, 2160, "2160p 3840x2160 8000k, 1080p 1920x1080 4000k, 720p 1280x720 2000k, 480p 854x480 1000k, 240p 426x240 500k"},
		"larger than that": {7680, 4320, "2160p 3840x2160 8000k, 1080p 1920x1080 4000k, 720p 1280x720 2000k, 480p 854x480 1000k, 240p 426x240 500k"},
	} {
		t.Run(name, func(t *testing.T) {
			p := whole(picture(c.width, c.height, fps(30, 1)))
			require.Equal(t, c.want, rungs(p))
			require.Equal(t, "veryfast", p.Preset)
			require.Empty(t, p.Dropped)
		})
	}
}

func TestPlanKeepsTheFrameRateUpToSixty(t *testing.T) {
	for in, want := range map[media.Rational]media.Rational{
		fps(30000, 1001):  fps(30000, 1001),
		fps(60, 1):        fps(60, 1),
		fps(60000, 1001):  fps(60000, 1001),
		fps(120, 1):       fps(120, 2),
		fps(120000, 1001): fps(120000, 2002),
		fps(144, 1):       fps(144, 4),
		{}:                fps(30, 1),
	} {
		require.Equal(t, want.Float(), whole(picture(640, 480, in)).Rate.Float(), in.String())
	}
}

func TestPlanByTheMachine(t *testing.T) {
	for name, c := range map[string]struct {
		megapixels   float64
		rate         media.Rational
		preset, want string
		dropped      int
	}{
		"a large machine":      {1000, fps(30, 1), "veryfast", "1080p 720p 480p 240p", 0},
		"a faster preset":      {190, fps(30, 1), "superfast", "1080p 720p 480p 240p", 0},
		"two slow cores":       {140, fps(30, 1), "veryfast", "720p 480p 240p", 1},
		"at double the rate":   {180, fps(60, 1), "veryfast", "480p 240p", 2},
		"hardly any machine":   {10, fps(30, 1), "ultrafast", "240p", 3},
		"no machine at all":    {0.001, fps(30, 1), "ultrafast", "240p", 3},
		"that wasn't measured": {0, fps(30, 1), "veryfast", "1080p 720p 480p 240p", 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlan(picture(1920, 1080, c.rate), Spec{}, []room{{measured(c.megapixels).Devices[0], 0.55}})
			var names []string
			for _, r := range p.Rungs {
				names = append(names, r.Name)
			}
			require.Equal(t, c.want, strings.Join(names, " "))
			require.Equal(t, c.preset, p.Preset)
			require.Len(t, p.Dropped, c.dropped)
			for _, d := range p.Dropped {
				require.NotEmpty(t, d.Reason)
			}
		})
	}
}

func TestPlanNeverScalesUpAndKeepsTheAspect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(16, 8192).Draw(t, "width"), rapid.IntRange(16, 8192).Draw(t, "height")
		rooms := []room{{measured(rapid.Float64Range(0, 1000).Draw(t, "megapixels")).Devices[0], 0.55}}
		p := newPlan(picture(w, h, fps(30, 1)), Spec{}, rooms)
		require.NotEmpty(t, p.Rungs)
		for n, r := range p.Rungs {
			require.LessOrEqual(t, r.Width, w)
			require.LessOrEqual(t, r.Height, h)
			require.Zero(t, r.Width%2+r.Height%2)
			require.Positive(t, r.Width)
			require.Positive(t, r.Height)
			small, large := min(r.Width, r.Height), max(r.Width, r.Height)
			require.InDelta(t, float64(max(w, h))/float64(min(w, h))*float64(small), float64(large), 1+float64(large)/float64(small)*2)
			if n > 0 {
				require.Less(t, r.Bitrate, p.Rungs[n-1].Bitrate)
			}
		}
	})
}

// A source that returns smaller has the rungs of the one before, so that nobody's playlist ends.
func TestPlanKeepsTheRungsBefore(t *testing.T) {
	before := whole(picture(1280, 720, fps(30, 1))).Rungs
	smaller, larger := picture(640, 360, fps(30, 1)), picture(1920, 1080, fps(30, 1))
	p := whole(smaller).keeping(before, smaller)
	require.Equal(t, "720p 640x360 2000k, 480p 640x360 1000k, 360p 640x360 700k, 240p 426x240 500k", rungs(p))
	p = whole(larger).keeping(before, larger)
	require.Equal(t, "1080p 1920x1080 4000k, 720p 1280x720 2000k, 480p 854x480 1000k, 240p 426x240 500k", rungs(p))
	odd := []Rung{{Name: "240p", Width: 424, Height: 240, Bitrate: 500_000, Codec: media.H264}}
	p = whole(smaller).keeping(odd, smaller)
	require.Equal(t, "360p 640x360 700k, 240p 424x240 500k", rungs(p), "a size that differs by rounding is kept")
}

package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

const multivariant = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="a/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Other",LANGUAGE="de",AUTOSELECT=YES,URI="b/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio"
v/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1000000,AVERAGE-BANDWIDTH=800000,CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=852x480,FRAME-RATE=30.000,AUDIO="audio"
w/index.m3u8
`

func TestMultivariantNamesTheRuleThatIsBroken(t *testing.T) {
	tests := map[string]struct {
		rules    []string
		old, new string
	}{
		"without fault":              {[]string{}, "", ""},
		"a media tag":                {[]string{"L04"}, "", "#EXT-X-TARGETDURATION:2\n"},
		"a version too low":          {[]string{"L05"}, "DEFAULT=YES", "DEFAULT=YES,INSTREAM-ID=\"SERVICE1\""},
		"no CODECS":                  {[]string{"L86"}, "CODECS=\"avc1.64001e,mp4a.40.2\",", ""},
		"no RESOLUTION":              {[]string{"L88"}, "RESOLUTION=852x480,", ""},
		"no FRAME-RATE":              {[]string{"L89"}, "FRAME-RATE=30.000,", ""},
		"no BANDWIDTH":               {[]string{"L90"}, "INF:BANDWIDTH=1000000,", "INF:"},
		"no AVERAGE-BANDWIDTH":       {[]string{"L92"}, "AVERAGE-BANDWIDTH=800000,", ""},
		"a group that is not there":  {[]string{"L93"}, "30.000,AUDIO=\"audio\"", "30.000,AUDIO=\"sound\""},
		"a name twice":               {[]string{"L93"}, "NAME=\"Other\"", "NAME=\"Main\""},
		"a rendition without a name": {[]string{"L93"}, "NAME=\"Other\",", ""},
		"two defaults":               {[]string{"L93"}, "LANGUAGE=\"de\"", "LANGUAGE=\"de\",DEFAULT=YES"},
		"no LANGUAGE":                {[]string{"L94"}, "LANGUAGE=\"de\",", ""},
		"dependent segments":         {[]string{"L94"}, "#EXT-X-INDEPENDENT-SEGMENTS\n", ""},
		"one bit rate":               {[]string{"L95"}, "BANDWIDTH=1000000,", "BANDWIDTH=3000000,"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			p, err := hls.ParseMultivariant([]byte(edit(t, multivariant, test.old, test.new)))
			check.Grammar(r, "test", err)
			check.MultivariantPlaylist(r, "test", p)
			require.Equal(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

func TestBandwidthIsMeasured(t *testing.T) {
	measure := func(sizes ...int64) *check.Rates {
		m := &check.Rates{TargetDuration: 2 * time.Second}
		for range 6 {
			for _, size := range sizes {
				m.Add(size, 2*time.Second)
			}
		}
		return m
	}
	audio := measure(25_000) // 100 kbit/s
	tests := map[string]struct {
		rates *check.Rates
		rules []string
	}{
		"as declared":               {measure(150_000), []string{}},               // 600 kbit/s
		"a peak above BANDWIDTH":    {measure(100_000, 240_000), []string{"L91"}}, // 400 and 960
		"a peak far above":          {measure(50_000, 300_000), []string{"L91", "L92"}},
		"an average above declared": {measure(200_000), []string{"L92"}}, // 800
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			v := &hls.ParsedVariant{Bandwidth: 1_000_000, AverageBandwidth: 750_000}
			check.Bandwidth(r, "test", v, test.rates, audio)
			require.Equal(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

func TestPeakIsOfAnyRunAroundATargetDuration(t *testing.T) {
	m := &check.Rates{TargetDuration: 2 * time.Second}
	m.Add(1_000_000, 500*time.Millisecond) // too short to count by itself
	require.Zero(t, m.Peak())
	m.Add(0, 1500*time.Millisecond)
	require.InDelta(t, 4e6, m.Peak(), 1)
	m.Add(0, 1500*time.Millisecond)
	require.InDelta(t, 4e6, m.Peak(), 1)
}

package hls_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// matchGolden compares a text with testdata/name.
func matchGolden(t *testing.T, name string, text []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text))
}

// withGaps is a playlist whose last segments were lost but for a part.
func withGaps() *hls.MediaPlaylist {
	p := written(100, 8, 2, -1)
	for i, s := range p.Segments[6:] {
		s.Gap = i == 0
		for j := range s.Parts {
			s.Parts[j].Gap, s.Parts[j].Independent = s.Gap || j == 3, false
		}
	}
	return p
}

func ended() *hls.MediaPlaylist {
	p := written(100, 8, 0, -1)
	p.Ended, p.PreloadHint, p.Reports, p.OpenHead = true, "", nil, nil
	return p
}

func TestWrittenPlaylistsAreThoseOfTheGoldens(t *testing.T) {
	for name, p := range map[string]*hls.MediaPlaylist{
		"write_open":          written(100, 8, 2, -1),
		"write_between":       written(100, 8, 0, -1),
		"write_discontinuity": written(100, 8, 1, 5),
		"write_open_break":    written(100, 8, 1, 8),
		"write_gap":           withGaps(),
		"write_ended":         ended(),
	} {
		t.Run(name, func(t *testing.T) {
			text := p.AppendTo(nil)
			matchGolden(t, name+".m3u8", text)
			delta, ok := p.AppendDelta(nil)
			require.True(t, ok)
			matchGolden(t, name+".delta.m3u8", delta)
			r := &check.Report{}
			for _, text := range [][]byte{text, delta} {
				parsed, err := hls.ParseMedia(text)
				require.NoError(t, err)
				check.Media(r, name, parsed)
			}
			require.Empty(t, r.Findings())
		})
	}
}

func TestNothingIsSkippedWithinTheBoundary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := written(100, rapid.IntRange(1, 40).Draw(t, "segments"), rapid.IntRange(0, 4).Draw(t, "open"), -1)
		for _, s := range p.Segments {
			s.Duration = time.Duration(rapid.Int64Range(1, 2500).Draw(t, "duration")) * time.Millisecond
		}
		delta, ok := p.AppendDelta([]byte("before"))
		skip := 0
		if ok {
			parsed, err := hls.ParseMedia(delta[len("before"):])
			require.NoError(t, err)
			skip = int(parsed.Skip.Segments)
			require.Positive(t, skip)
		} else {
			require.Equal(t, "before", string(delta))
		}
		var after time.Duration
		for _, s := range p.Segments[skip:] {
			after += s.Duration
		}
		if skip > 0 {
			require.GreaterOrEqual(t, after, p.CanSkipUntil)
		}
		if skip < len(p.Segments) {
			require.Less(t, after-p.Segments[skip].Duration, p.CanSkipUntil, "one more could be skipped")
		}
	})
}

func TestNoDeltaWhereNoneIsOffered(t *testing.T) {
	p := written(100, 20, 0, -1)
	p.CanSkipUntil = 0
	_, ok := p.AppendDelta(nil)
	require.False(t, ok)
	require.NotContains(t, string(p.AppendTo(nil)), "CAN-SKIP-UNTIL")
}

func TestSecondsAreWrittenToTheMicrosecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, 20e9).Draw(t, "ns"))
		p := written(1, 1, 0, -1)
		p.TargetDuration, p.Segments[0].Duration = 21, d
		parsed, err := hls.ParseMedia(p.AppendTo(nil))
		require.NoError(t, err)
		require.InDelta(t, int64(d), int64(parsed.Segments[0].Duration), 500)
	})
}

func TestMultivariantIsThatOfTheGolden(t *testing.T) {
	m := &hls.MultivariantPlaylist{
		Media: []hls.Media{{Type: "AUDIO", GroupID: "audio", Name: "Audio", Language: "und", Channels: 2, Default: true, URI: "audio/index.m3u8"}},
		Variants: []hls.Variant{
			{URI: "1080p/index.m3u8", Bandwidth: 6_000_000, AverageBandwidth: 5_000_000, Codecs: []string{"avc1.640028", "mp4a.40.2"}, Width: 1920, Height: 1080, FrameRate: 30000. / 1001, Audio: "audio"},
			{URI: "360p/index.m3u8", Bandwidth: 900_000, AverageBandwidth: 800_000, Codecs: []string{"avc1.64001e", "mp4a.40.2"}, Width: 640, Height: 360, FrameRate: 30, Audio: "audio"},
		},
	}
	matchGolden(t, "write_multivariant.m3u8", []byte(m.String()))
	parsed, err := hls.ParseMultivariant([]byte(m.String()))
	require.NoError(t, err)
	r := &check.Report{}
	check.MultivariantPlaylist(r, "index.m3u8", parsed)
	require.Empty(t, r.Findings())
}

func BenchmarkWriteMedia(b *testing.B) {
	p := written(100, 30, 3, -1)
	buf := make([]byte, 0, 1<<14)
	b.ReportAllocs()
	for b.Loop() {
		buf = p.AppendTo(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

package hls_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/internal/hls"
)

// written is a live playlist of n segments of two seconds with four parts each, as the packager would make it.
func written(first int64, n, open int, discontinuityAt int) *hls.MediaPlaylist {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	segment := func(msn int64) *hls.Segment {
		s := &hls.Segment{URI: fmt.Sprintf("s%d.m4s", msn), Duration: 2 * time.Second, ProgramDateTime: start.Add(time.Duration(msn) * 2 * time.Second), Map: "init.mp4"}
		if int(msn-first) == discontinuityAt {
			s.Discontinuity, s.Map = true, "init-2.mp4"
		}
		if discontinuityAt >= 0 && int(msn-first) > discontinuityAt {
			s.Map = "init-2.mp4"
		}
		for i := range 4 {
			s.Parts = append(s.Parts, hls.Part{URI: fmt.Sprintf("s%d.%d.m4s", msn, i), Duration: 500 * time.Millisecond, Independent: i == 0})
		}
		return s
	}
	p := &hls.MediaPlaylist{TargetDuration: 2, PartTarget: 500 * time.Millisecond, PartHoldBack: 1500 * time.Millisecond, HoldBack: 6 * time.Second,
		CanSkipUntil: 12 * time.Second, MediaSequence: first, DiscontinuitySequence: 1,
		Reports: []hls.RenditionReport{{URI: "../audio/index.m3u8", LastMSN: first + int64(n), LastPart: 0}}}
	for i := range n {
		p.Segments = append(p.Segments, segment(first+int64(i)))
	}
	p.OpenHead = segment(first + int64(n))
	p.Open = p.OpenHead.Parts[:open]
	p.PreloadHint = fmt.Sprintf("s%d.%d.m4s", first+int64(n), open)
	return p
}

// content is a playlist without its lines, and without the parts of the segments that a delta update left out.
func content(p *hls.ParsedMedia, partless int) hls.ParsedMedia {
	out := *p
	out.Lines, out.Version = nil, 0
	out.Segments = nil
	for i, s := range p.Segments {
		s.Line = 0
		s.Parts = unlined(s.Parts)
		if i < partless {
			s.Parts = nil
		}
		out.Segments = append(out.Segments, s)
	}
	out.Open.Parts = unlined(p.Open.Parts)
	out.Hints, out.Reports = nil, nil
	for _, h := range p.Hints {
		h.Line = 0
		out.Hints = append(out.Hints, h)
	}
	for _, r := range p.Reports {
		r.Line = 0
		out.Reports = append(out.Reports, r)
	}
	return out
}

func unlined(parts []hls.ParsedPart) (out []hls.ParsedPart) {
	for _, p := range parts {
		p.Line = 0
		out = append(out, p)
	}
	return out
}

func TestMergedDeltaIsTheWholePlaylist(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(8, 40).Draw(t, "segments")
		broken := rapid.IntRange(-1, n).Draw(t, "discontinuity")
		later := written(100, n, rapid.IntRange(1, 4).Draw(t, "open"), broken)
		base, err := hls.ParseMedia(later.AppendTo(nil))
		require.NoError(t, err)
		text, ok := later.AppendDelta(nil)
		require.True(t, ok)
		delta, err := hls.ParseMedia(text)
		require.NoError(t, err)
		require.Positive(t, delta.Skip.Segments)
		merged, err := delta.Merge(base)
		require.NoError(t, err)
		require.Equal(t, content(base, int(delta.Skip.Segments)), content(merged, int(delta.Skip.Segments)))
	})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "segments")
		open := rapid.IntRange(0, 4).Draw(t, "open")
		w := written(rapid.Int64Range(0, 1<<31).Draw(t, "first"), n, open, rapid.IntRange(-1, n).Draw(t, "discontinuity"))
		p, err := hls.ParseMedia(w.AppendTo(nil))
		require.NoError(t, err)
		require.Equal(t, w.MediaSequence, p.MediaSequence)
		require.Len(t, p.Segments, n)
		require.Equal(t, hls.Position{MSN: w.MediaSequence + int64(n), Part: open}, p.Next())
		require.Equal(t, w.PreloadHint, p.Hint().URI)
		for i, s := range p.Segments {
			want := w.Segments[i]
			require.Equal(t, want.URI, s.URI)
			require.Equal(t, want.Duration, s.Duration)
			require.Equal(t, want.Map, s.Map.URI)
			require.Equal(t, want.Discontinuity, s.Discontinuity)
			require.True(t, want.ProgramDateTime.Equal(s.DateTime))
		}
	})
}

func TestMergeNeedsWhatWasSkipped(t *testing.T) {
	text, _ := written(100, 10, 1, -1).AppendDelta(nil)
	delta, err := hls.ParseMedia(text)
	require.NoError(t, err)
	for name, base := range map[string]*hls.MediaPlaylist{
		"a newer base":     written(101, 10, 1, -1),
		"a base too short": written(100, 1, 1, -1),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := hls.ParseMedia(base.AppendTo(nil))
			require.NoError(t, err)
			_, err = delta.Merge(b)
			require.ErrorIs(t, err, hls.ErrNotMergeable)
		})
	}
	_, err = delta.Merge(nil)
	require.ErrorIs(t, err, hls.ErrNotMergeable)
	_, err = delta.Merge(delta)
	require.ErrorIs(t, err, hls.ErrNotMergeable)
}

func TestMergeDropsRemovedDateRanges(t *testing.T) {
	read := func(text string) *hls.ParsedMedia {
		p, err := hls.ParseMedia([]byte("#EXTM3U\n#EXT-X-VERSION:10\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12,CAN-SKIP-DATERANGES=YES\n" + text))
		require.NoError(t, err)
		return p
	}
	base := read("#EXTINF:2,\na.ts\n#EXT-X-DATERANGE:ID=\"1\"\n#EXT-X-DATERANGE:ID=\"2\"\n")
	delta := read("#EXT-X-SKIP:SKIPPED-SEGMENTS=1,RECENTLY-REMOVED-DATERANGES=\"1\"\n#EXT-X-DATERANGE:ID=\"3\"\n#EXTINF:2,\nb.ts\n")
	p, err := delta.Merge(base)
	require.NoError(t, err)
	require.Len(t, p.Segments, 2)
	require.Equal(t, "2", p.DateRanges[0].ID)
	require.Equal(t, "3", p.DateRanges[1].ID)
}

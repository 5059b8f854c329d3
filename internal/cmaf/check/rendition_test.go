package check_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/cmaf/check/cmaftest"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// frame is the duration of a picture in these tests: 30 a second.
const frame = cmaftest.VideoScale / 30

// piece is a part that a test may spoil before it is written and checked.
type piece struct {
	segment, part int
	at            uint64
	samples       []cmaftest.Sample
	line          hls.ParsedPart
	bytes         []byte
}

// whole is a segment that a test may spoil before it is checked.
type whole struct {
	segment int
	line    hls.ParsedSegment
	bytes   []byte
}

// play checks three segments of two seconds in four parts each.
func play(t *testing.T, spoil func(*piece), spoilSegment func(*whole)) *check.Report {
	t.Helper()
	r := &check.Report{}
	in := cmaf.Header(r, "init.mp4", cmaftest.VideoHeader(t))
	require.NotNil(t, in)
	c := cmaf.Rendition{Report: r}
	at := uint64(1_772_366_400 * cmaftest.VideoScale)
	for segment := range 3 {
		var parts [][]byte
		for part := range 4 {
			p := &piece{segment: segment, part: part, at: at, samples: pictures(part == 0),
				line: hls.ParsedPart{URI: fmt.Sprintf("s%d.%d.m4s", segment, part), Duration: 500 * time.Millisecond, Independent: part == 0}}
			at += 15 * frame
			if spoil != nil {
				spoil(p)
			}
			if p.bytes == nil {
				p.bytes = cmaftest.Chunk(t, uint32(part), p.at, p.samples...)
			}
			c.Part(in, &p.line, p.bytes)
			parts = append(parts, p.bytes)
		}
		s := &whole{segment: segment, bytes: bytes.Join(parts, nil), line: hls.ParsedSegment{URI: fmt.Sprintf("s%d.m4s", segment), Duration: 2 * time.Second}}
		if spoilSegment != nil {
			spoilSegment(s)
		}
		c.Segment(in, &s.line, s.bytes, parts)
	}
	return r
}

func pictures(idr bool) []cmaftest.Sample {
	var out []cmaftest.Sample
	for i := range 15 {
		out = append(out, cmaftest.Picture(frame, idr && i == 0, 200+i))
	}
	return out
}

func broken(r *check.Report) []string {
	rules := []string{}
	for _, f := range r.Findings() {
		if !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// second is a part in the middle of the second segment.
func second(f func(*piece)) func(*piece) {
	return func(p *piece) {
		if p.segment == 1 && p.part == 2 {
			f(p)
		}
	}
}

func TestGoodMediaBreaksNothing(t *testing.T) {
	r := play(t, nil, nil)
	require.Empty(t, r.Findings())
	for _, res := range r.Results() {
		if slices.Contains([]string{"L66", "L67", "L70", "L71", "L72", "L73", "L74", "L75", "L76", "L77", "L78", "L79", "L80"}, res.Rule.ID) {
			require.Positive(t, res.Checks, res.Rule.ID)
		}
	}
}

func TestPartsNameTheRuleThatIsBroken(t *testing.T) {
	tests := map[string]struct {
		rules []string
		spoil func(*piece)
	}{
		"bytes that are no boxes":            {[]string{"L71"}, second(func(p *piece) { p.bytes = []byte("not found") })},
		"a traf without tfdt":                {[]string{"L71", "L72", "L73"}, second(func(p *piece) { p.bytes = renamed(t, p, "tfdt") })},
		"samples outside the mdat":           {[]string{"L71"}, second(func(p *piece) { p.bytes = renamed(t, p, "mdat") })},
		"a hole in decode time":              {[]string{"L72", "L73"}, second(func(p *piece) { p.at += frame })},
		"an overlap of decode time":          {[]string{"L72", "L73"}, second(func(p *piece) { p.at-- })},
		"a declared duration two frames off": {[]string{"L74"}, second(func(p *piece) { p.line.Duration += 67 * time.Millisecond })},
		"a segment without an IDR":           {[]string{"L75", "L76", "L77"}, func(p *piece) { p.samples = pictures(false) }},
		"a segment whose IDR is not first":   {[]string{"L76", "L79"}, func(p *piece) { later(p) }},
		"a part that is falsely independent": {[]string{"L77"}, second(func(p *piece) { p.line.Independent = true })},
		"an independent part that is not so": {[]string{"L78"}, func(p *piece) { p.line.Independent = false }},
		"an IDR that is not flagged":         {[]string{"L80"}, second(func(p *piece) { p.samples[3] = unflagged() })},
		"a flagged picture that is no IDR":   {[]string{"L78", "L80"}, second(func(p *piece) { p.samples[3].Sync = true })},
		"a segment that starts with no IDR":  {[]string{"L76", "L80"}, func(p *piece) { falseIDR(p) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := play(t, test.spoil, nil)
			require.ElementsMatch(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

// renamed is the part with one of its boxes made unreadable.
func renamed(t *testing.T, p *piece, box string) []byte {
	b := cmaftest.Chunk(t, 1, p.at, p.samples...)
	require.Contains(t, string(b), box)
	return bytes.Replace(b, []byte(box), []byte("free"), 1)
}

// later moves the IDR of a segment to its second picture.
func later(p *piece) {
	if p.part == 0 {
		p.samples[0], p.samples[1] = p.samples[1], p.samples[0]
	}
}

func unflagged() cmaftest.Sample {
	s := cmaftest.Picture(frame, true, 100)
	s.Sync = false
	return s
}

// falseIDR flags the first picture of a segment, which is none.
func falseIDR(p *piece) {
	if p.part == 0 {
		p.samples[0] = cmaftest.Picture(frame, false, 100)
		p.samples[0].Sync = true
	}
}

func TestSegmentsNameTheRuleThatIsBroken(t *testing.T) {
	tests := map[string]struct {
		rules []string
		spoil func(*whole)
	}{
		"another box between the parts": {[]string{"L67"}, func(s *whole) { s.bytes = append([]byte{0, 0, 0, 8, 's', 't', 'y', 'p'}, s.bytes...) }},
		"other samples than the parts":  {[]string{"L66", "L67"}, func(s *whole) { s.bytes = bytes.Replace(s.bytes, []byte{0x80}, []byte{0x81}, 1) }},
		"EXTINF that drifts":            {[]string{"L74"}, func(s *whole) { s.line.Duration += 20 * time.Millisecond }},
		"a segment that is cut short":   {[]string{"L71"}, func(s *whole) { s.bytes = s.bytes[:len(s.bytes)-1] }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := play(t, nil, test.spoil)
			require.Equal(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

func TestADiscontinuityContinuesNothing(t *testing.T) {
	r := &check.Report{}
	in := cmaf.Header(r, "init.mp4", cmaftest.VideoHeader(t))
	c := cmaf.Rendition{Report: r}
	for i, at := range []uint64{1000, 5000} {
		if i > 0 {
			c.Lost()
		}
		part := &hls.ParsedPart{URI: "p", Duration: 500 * time.Millisecond, Independent: true}
		b := cmaftest.Chunk(t, 1, at, pictures(true)...)
		c.Part(in, part, b)
		c.Segment(in, &hls.ParsedSegment{URI: "s", Duration: 500 * time.Millisecond}, b, [][]byte{b})
	}
	require.Empty(t, r.Findings())
}

func TestFrameRateIsMeasured(t *testing.T) {
	r := &check.Report{}
	in := cmaf.Header(r, "init.mp4", cmaftest.VideoHeader(t))
	c := cmaf.Rendition{Report: r}
	require.Zero(t, c.FrameRate())
	var samples []cmaftest.Sample
	for i := range 60 {
		samples = append(samples, cmaftest.Picture(3003, i == 0, 10))
	}
	c.Segment(in, &hls.ParsedSegment{URI: "s", Duration: 2002 * time.Millisecond}, cmaftest.Chunk(t, 1, 0, samples...), nil)
	require.InDelta(t, 29.97, c.FrameRate(), 0.001)
}

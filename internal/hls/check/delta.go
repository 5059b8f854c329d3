package check

import (
	"reflect"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// version is one state of a rendition's playlist, and how it came.
type version struct {
	p       *hls.ParsedMedia // whole
	delta   bool
	skipped int // segments, of a delta update
}

// maxVersions is how many states are kept to compare deltas with whole playlists.
const maxVersions = 8

// merge checks a delta update and fills in what it skipped. It returns nil where the playlists at hand do not hold that.
func (c *Checker) merge(t *rendition, p *hls.ParsedMedia) *hls.ParsedMedia {
	r := c.Report
	canSkip := p.Control != nil && p.Control.CanSkipUntil > 0
	r.Expect("L59", canSkip, t.name, "a delta update, but no CAN-SKIP-UNTIL")
	whole, err := p.Merge(t.latest)
	if err != nil {
		return nil
	}
	if canSkip {
		n := int(p.Skip.Segments)
		var after time.Duration
		for i := n; i < len(whole.Segments); i++ {
			after += whole.Segments[i].Duration
		}
		r.Expect("L55", n == 0 || after >= p.Control.CanSkipUntil, t.name,
			"%d segments skipped, the last of which ends %v from the end; skip boundary %v", n, after, p.Control.CanSkipUntil)
	}
	m := &media{r: r, where: t.name, p: whole} // what Media had to leave out
	m.segments()
	m.dateTimes()
	return whole
}

// remember keeps a state, and compares it with one of the same position that came the other way.
func (c *Checker) remember(t *rendition, v version) {
	for _, o := range t.versions {
		if o.delta != v.delta && o.p.Next() == v.p.Next() && o.p.Ended == v.p.Ended && o.p.MediaSequence == v.p.MediaSequence {
			same, what := sameMedia(v.p, o.p, max(v.skipped, o.skipped))
			c.Report.Expect("L56", same, t.name, "delta and whole playlist at %v differ: %s", v.p.Next(), what)
			break
		}
	}
	if t.versions = append(t.versions, v); len(t.versions) > maxVersions {
		t.versions = t.versions[1:]
	}
}

// sameMedia compares two whole playlists in all but their lines, their versions and the parts of the first segments, and
// says what differs.
func sameMedia(a, b *hls.ParsedMedia, skipped int) (same bool, what string) {
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"EXT-X-TARGETDURATION", a.TargetDuration, b.TargetDuration},
		{"PART-TARGET", a.PartTarget, b.PartTarget},
		{"EXT-X-SERVER-CONTROL", a.Control, b.Control},
		{"EXT-X-DISCONTINUITY-SEQUENCE", a.DiscontinuitySequence, b.DiscontinuitySequence},
		{"segments", plain(skipped, a.Segments...), plain(skipped, b.Segments...)},
		{"open segment", plain(0, a.Open), plain(0, b.Open)},
		{"hints", hintURIs(a), hintURIs(b)},
		{"rendition reports", reportURIs(a), reportURIs(b)},
		{"date ranges", rangeIDs(a), rangeIDs(b)},
	} {
		if !reflect.DeepEqual(f.a, f.b) {
			return false, f.name
		}
	}
	return true, ""
}

// plain is a copy of segments without line numbers, and without the parts of the first ones.
func plain(partless int, segments ...hls.ParsedSegment) []hls.ParsedSegment {
	out := make([]hls.ParsedSegment, len(segments))
	for i, s := range segments {
		s.Line, s.Parts = 0, nil
		for _, part := range segments[i].Parts {
			if part.Line = 0; i >= partless {
				s.Parts = append(s.Parts, part)
			}
		}
		out[i] = s
	}
	return out
}

func hintURIs(p *hls.ParsedMedia) (out []string) {
	for _, h := range p.Hints {
		out = append(out, h.Type+" "+h.URI)
	}
	return out
}

// reportURIs leaves the numbers out: two answers of one version may carry reports of different ages.
func reportURIs(p *hls.ParsedMedia) (out []string) {
	for _, r := range p.Reports {
		out = append(out, r.URI)
	}
	return out
}

func rangeIDs(p *hls.ParsedMedia) (out []string) {
	for _, d := range p.DateRanges {
		out = append(out, d.ID)
	}
	return out
}

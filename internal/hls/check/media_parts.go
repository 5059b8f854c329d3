package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// partSlack is what the rounding of decimals may add up to between an EXTINF and the sum of its parts.
const partSlack = 5 * time.Millisecond

// parts checks all parts listed.
func (m *media) parts() {
	p := m.p
	end := partsLength(p.Open.Parts) // from the end of the playlist back to the start of the segment looked at
	m.partsOf(&p.Open)
	for i := len(p.Segments) - 1; i >= 0; i-- {
		s := &p.Segments[i]
		if len(s.Parts) > 0 {
			m.partsOf(s)
			sum := partsLength(s.Parts)
			m.expect("L32", (sum-s.Duration).Abs() <= partSlack, "line %d: EXTINF %v, its %d parts %v", s.Line, s.Duration, len(s.Parts), sum)
			m.expect("L30", end < 3*target(p) || p.TargetDuration == 0, "line %d: parts of a segment that ends %v before the playlist does", s.Line, end)
		}
		end += s.Duration
	}
}

// partsOf checks the parts of one parent.
func (m *media) partsOf(s *hls.ParsedSegment) {
	if m.p.PartTarget == 0 {
		return
	}
	for i := range s.Parts {
		part := &s.Parts[i]
		m.expect("L29", true, "")
		m.expect("L27", part.Duration <= m.p.PartTarget, "line %d: part of %v, PART-TARGET %v", part.Line, part.Duration, m.p.PartTarget)
		if i+1 < len(s.Parts) && !part.Independent && !part.Gap && !s.Parts[i+1].Gap {
			m.expect("L28", part.Duration >= m.p.PartTarget*85/100, "line %d: part of %v, PART-TARGET %v", part.Line, part.Duration, m.p.PartTarget)
		}
	}
}

func partsLength(parts []hls.ParsedPart) (d time.Duration) {
	for i := range parts {
		d += parts[i].Duration
	}
	return d
}

package check

import (
	"strings"
	"time"
)

// The tolerances of date-times.
const (
	maxOverlap = time.Second            // RFC 8216bis 6.2.1: more is ambiguous
	maxDrift   = 100 * time.Millisecond // of a date-time from where EXTINF or the media puts it
)

// dateTimes checks EXT-X-PROGRAM-DATE-TIME against itself and against EXTINF.
func (m *media) dateTimes() {
	p := m.p
	if p.Skip != nil {
		return
	}
	var start, end time.Time // of the segment before: its date-time, and where its EXTINF ends
	found := !p.Open.DateTime.IsZero()
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.DateTime.IsZero() {
			if !end.IsZero() {
				start, end = end, end.Add(s.Duration)
			}
			continue
		}
		found = true
		m.expect("L113", precise(s.DateTimeText), "line %d: %s has no zone or no milliseconds", s.Line, s.DateTimeText)
		if !end.IsZero() {
			m.expect("L84", s.DateTime.After(start), "line %d: %s is not after the segment before, at %v", s.Line, s.DateTimeText, start)
			m.expect("L84", s.DateTime.After(end.Add(-maxOverlap)), "line %d: %s overlaps the segment before by %v", s.Line, s.DateTimeText, end.Sub(s.DateTime))
			if !s.Discontinuity {
				drift := s.DateTime.Sub(end)
				m.expect("L113", drift.Abs() <= maxDrift, "line %d: %s is %v off EXTINF", s.Line, s.DateTimeText, drift)
			}
		}
		start, end = s.DateTime, s.DateTime.Add(s.Duration)
	}
	if len(p.Segments) > 0 {
		m.expect("L35", found, "no EXT-X-PROGRAM-DATE-TIME")
	}
}

// precise reports whether the text of a date-time has a zone and milliseconds.
func precise(text string) bool {
	_, clock, found := strings.Cut(text, "T")
	if !found {
		return false
	}
	zone := strings.LastIndexAny(clock, "Z+-")
	if zone < 0 {
		return false
	}
	_, fraction, _ := strings.Cut(clock[:zone], ".")
	return len(fraction) >= 3
}

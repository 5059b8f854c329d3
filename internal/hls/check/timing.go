package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// timing takes note of what a newer playlist brought, and checks that it came in time. Only answers to blocking reloads say
// when something was published.
func (c *Checker) timing(t *rendition, s Snapshot, p *hls.ParsedMedia) {
	followed := ParseDirectives(s.Query).Blocking
	if last := p.Last(); t.latest.Last().Before(last) {
		if n := len(t.history); n > 0 && followed && p.PartTarget > 0 {
			took := s.Arrived.Sub(t.history[n-1].at)
			c.Report.Expect("L18", took <= p.PartTarget+c.slack(), t.name, "part %v came %v after the one before; PART-TARGET %v", last, took, p.PartTarget)
		}
		t.history = bounded(append(t.history, sighting{last, s.Arrived}))
	}
	starts := p.Starts()
	for msn := t.latest.LastMSN() + 1; msn <= p.LastMSN(); msn++ {
		if n := len(t.closed); n > 0 && followed {
			c.segmentInTime(t, s.Arrived.Sub(t.closed[n-1].at), msn, p)
		}
		cl := closing{msn: msn, at: s.Arrived}
		if i := msn - p.MediaSequence; starts != nil && i >= 0 {
			cl.end = starts[i+1]
		}
		t.closed = bounded(append(t.closed, cl))
		if followed {
			c.inStep(t, cl, p)
		}
	}
}

// segmentInTime checks how long a segment took to come after the one before, and what became of a source that was lost.
func (c *Checker) segmentInTime(t *rendition, took time.Duration, msn int64, p *hls.ParsedMedia) {
	inTime := c.Report.Expect("L17", took <= target(p)*3/2+c.slack(), t.name, "segment %d came %v after the one before; target duration %d", msn, took, p.TargetDuration)
	segment := p.Segment(msn)
	if !inTime || segment != nil && segment.Gap {
		c.Report.Expect("L109", inTime, t.name, "nothing was published for %v before segment %d, not even a gap", took, msn)
	}
	if segment != nil && segment.Discontinuity {
		c.Report.Expect("L108", segment.Map != nil, t.name, "segment %d begins anew without an EXT-X-MAP", msn)
	}
}

func (c *Checker) slack() time.Duration {
	if c.Slack == 0 {
		return DefaultSlack
	}
	return c.Slack
}

// inStep checks that the other renditions closed the same piece of time at the same moment.
func (c *Checker) inStep(t *rendition, cl closing, p *hls.ParsedMedia) {
	if cl.end.IsZero() {
		return
	}
	for _, name := range c.names {
		o := c.renditions[name]
		if o == t {
			continue
		}
		other := closest(o.closed, cl.end)
		if other == nil || other.end.Sub(cl.end).Abs() >= target(p)/2 || *closest(t.closed, other.end) != cl {
			continue
		}
		apart := cl.at.Sub(other.at).Abs()
		c.Report.Expect("L41", apart <= p.PartTarget+c.slack(), t.name, "segment %d came %v apart from segment %d of %s", cl.msn, apart, other.msn, o.name)
	}
}

// closest is the closing whose segment ends nearest to a time; nil where none is known.
func closest(closed []closing, at time.Time) (best *closing) {
	for i := range closed {
		if c := &closed[i]; !c.end.IsZero() && (best == nil || c.end.Sub(at).Abs() < best.end.Sub(at).Abs()) {
			best = c
		}
	}
	return best
}

func bounded[T any](s []T) []T {
	if len(s) > maxHistory {
		return append(s[:0:0], s[len(s)-maxHistory/2:]...)
	}
	return s
}

// edgeAt is the last position known to be listed at a time.
func (t *rendition) edgeAt(at time.Time) (hls.Position, bool) {
	for i := len(t.history) - 1; i >= 0; i-- {
		if !t.history[i].at.After(at) {
			return t.history[i].last, true
		}
	}
	return hls.Position{}, false
}

// sightedAt is when a position was first seen listed; otherwise where it was not yet.
func (t *rendition) sightedAt(last hls.Position, otherwise time.Time) time.Time {
	for _, s := range t.history {
		if !s.last.Before(last) {
			return s.at
		}
	}
	return otherwise
}

package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// How far the boundaries of segments may lie apart: two pictures' worth of rounding, and a frame of sound, which is cut on
// its own clock.
const (
	videoBoundary = 5 * time.Millisecond
	audioBoundary = 50 * time.Millisecond
)

// others compares a playlist with the newest ones of the other renditions. Segments are compared once, when the second of
// the two lists them.
func (c *Checker) others(t *rendition, p *hls.ParsedMedia) {
	after := int64(-1)
	if t.latest != nil && t.latest != p {
		after = t.latest.LastMSN()
	}
	for _, name := range c.names {
		o := c.renditions[name]
		if o == t || o.latest == nil {
			continue
		}
		c.Report.Expect("L09", p.TargetDuration == o.latest.TargetDuration, t.name, "target duration %d, of %s %d", p.TargetDuration, name, o.latest.TargetDuration)
		c.Report.Expect("L25", p.Control != nil && sameControl(p.Control, o.latest.Control), t.name, "EXT-X-SERVER-CONTROL %+v, of %s %+v", p.Control, name, o.latest.Control)
		c.boundaries(t, p, o, after)
	}
}

// boundaries compares the starts and discontinuity numbers of the segments after one number with those of another rendition.
func (c *Checker) boundaries(t *rendition, p *hls.ParsedMedia, o *rendition, after int64) {
	ours, theirs := p.Starts(), o.latest.Starts()
	if ours == nil || theirs == nil {
		return
	}
	theirs = theirs[:len(theirs)-1] // where the last one ends is not known to be a boundary
	tolerance := audioBoundary
	if t.video && o.video {
		tolerance = videoBoundary
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.MSN <= after || ours[i].Before(theirs[0]) || ours[i].After(theirs[len(theirs)-1].Add(tolerance)) {
			continue
		}
		k := nearest(theirs, ours[i])
		off := ours[i].Sub(theirs[k])
		c.Report.Expect("L82", off.Abs() <= tolerance, t.name, "segment %d starts %v from the nearest boundary of %s", s.MSN, off, o.name)
		their := &o.latest.Segments[k]
		if off.Abs() <= min(maxDrift, s.Duration/2) && nearest(ours[:len(ours)-1], theirs[k]) == i && match(ours[i], s.Duration, theirs[k], their.Duration) {
			c.Report.Expect("L85", s.Epoch == their.Epoch, t.name, "segment %d has discontinuity number %d, %d of %s has %d", s.MSN, s.Epoch, their.MSN, o.name, their.Epoch)
		}
	}
}

// match reports whether two segments are mostly of the same time. Starts that are near do not show it: a segment may be as short as
// what the boundaries of sound and picture may lie apart.
func match(a time.Time, lasts time.Duration, b time.Time, other time.Duration) bool {
	from, to := a, a.Add(lasts)
	if b.After(from) {
		from = b
	}
	if end := b.Add(other); end.Before(to) {
		to = end
	}
	return to.Sub(from) > max(lasts, other)/2
}

// nearest is the index of the time closest to at.
func nearest(times []time.Time, at time.Time) int {
	best := 0
	for i := range times {
		if times[i].Sub(at).Abs() < times[best].Sub(at).Abs() {
			best = i
		}
	}
	return best
}

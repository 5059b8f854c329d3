package ingest

import "time"

// When the input on air is changed.
const (
	quietTime = time.Second      // without media, after which an input counts as away
	worseTime = 3 * time.Second  // for which the other must have been clearly better
	holdTime  = 10 * time.Second // between a switch and the next that health asks for
	clearly   = 30               // points of score
)

// state is what is known of an input that has sent media.
type state struct {
	quiet time.Duration // since its last unit
	score float64       // see health
}

// selector decides which input is on air. It looks at nothing but what it is told, and goes back to the primary only for
// a reason: no switch is quite unseen, so none is made that is not needed.
type selector struct {
	pinned Role      // by the operator; empty: none
	worse  time.Time // since when the other input has been clearly better; zero: it is not
	since  time.Time // of the last switch
}

// choose returns who should be on air, and why that is not who is now. onAir is empty where nobody is; in has the inputs
// that are there, and the slate where there is one to show.
func (c *selector) choose(now time.Time, onAir Role, in map[Role]state) (Role, SwitchReason) {
	sends := func(r Role) bool {
		s, there := in[r]
		return there && s.quiet < quietTime
	}
	if c.pinned.encoder() && c.pinned != onAir && sends(c.pinned) {
		return c.pinned, SwitchPinned
	}
	if onAir.encoder() && sends(onAir) {
		return c.compare(now, onAir, in, sends(onAir.other()))
	}
	c.worse = time.Time{}
	reason := SwitchSilent
	switch onAir {
	case "":
		reason = SwitchLost
	case SlateOut:
		reason = SwitchReturn
	}
	best := onAir
	for _, r := range []Role{Primary, Backup} {
		if r != onAir && sends(r) && (!best.encoder() || !sends(best) || in[r].score > in[best].score) {
			best = r
		}
	}
	if _, slate := in[SlateOut]; best == onAir && slate {
		best = SlateOut
	}
	return best, reason
}

// compare changes to the other input where that has been clearly better for long enough.
func (c *selector) compare(now time.Time, onAir Role, in map[Role]state, sends bool) (Role, SwitchReason) {
	other := onAir.other()
	if !sends || c.pinned == onAir || in[other].score < in[onAir].score+clearly {
		c.worse = time.Time{}
		return onAir, ""
	}
	if c.worse.IsZero() {
		c.worse = now
	}
	if now.Sub(c.worse) < worseTime || now.Sub(c.since) < holdTime {
		return onAir, ""
	}
	return other, SwitchHealth
}

// switched notes a switch.
func (c *selector) switched(now time.Time) { c.since, c.worse = now, time.Time{} }

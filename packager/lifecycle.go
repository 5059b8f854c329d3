package packager

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// arrive notes when a unit came and how long after its time, by which it is told later what is due.
func (r *rendition) arrive(u media.AccessUnit, now time.Time) {
	r.arrived = now
	r.lag = now.Sub(media.Time(u.DTS+u.Duration, r.track.ClockRate))
}

// lost ends the current publication: what waits is placed, gaps are listed from there on, and the stream waits. It returns
// for how long.
func (p *Packager) lost(reason error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived = time.Now()
	p.flush()
	p.started = false
	if p.published {
		p.away = true
		p.cutLost()
		p.fillAll(time.Now())
	}
	switch {
	case errors.Is(reason, hub.ErrReplaced):
		return p.config.Grace
	case errors.Is(reason, hub.ErrOver):
		return 0
	}
	p.state = Reconnecting
	p.present()
	if errors.Is(reason, hub.ErrEnded) {
		return p.config.EndGrace
	}
	p.log.Warn("encoder lost, waiting for it", "reason", reason, "grace", p.config.Grace)
	return p.config.Grace
}

// flush places the units that wait for what does not come any more.
func (p *Packager) flush() {
	for _, r := range p.order {
		if r.held != nil {
			u := *r.held
			r.held = nil
			u.Duration = max(1, r.track.ClockRate/30)
			p.place(r, u)
		}
	}
	for _, u := range p.lead.waiting {
		r := p.byTrack[u.Track]
		p.follows(r, u, r.followedAt(u))
	}
	p.lead.waiting = nil
}

// cutLost closes the segments that were open when the publication was lost, where the gap can begin with the next: always
// where segments are counted; where the clock numbers them only when little is missing to the end of the slot. Else the gap
// goes on within the segment.
func (p *Packager) cutLost() {
	short := true
	var furthest int64
	for _, r := range p.order {
		furthest = max(furthest, r.number)
		if r.opened {
			end := r.head.ProgramDateTime.Add(span(r.ticks, r.track.ClockRate))
			short = short && p.slotStart(r.number+1).Sub(end) <= r.config.Profile.PartTarget()
		}
	}
	lostAt := furthest
	for _, r := range p.order {
		if r.opened && !r.inGap() && (short || p.lead.leader != nil || r.number < furthest) {
			p.cutShort(r)
		} else if r.opened {
			p.part(r)
		}
		if lostAt = max(lostAt, r.number); len(r.parts) > 0 {
			lostAt = max(lostAt, r.number+1)
		}
	}
	if r := p.lead.leader; r != nil && r.head == nil {
		r.openGap(p.gapStart(r)) // the others' gaps go by it
	}
	for _, r := range p.order {
		r.lostAt = lostAt
	}
}

// end closes the broadcast: EXT-X-ENDLIST in every playlist.
func (p *Packager) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

func (p *Packager) finish() { // p.mu is held
	p.state = Ended
	p.away = false
	for _, r := range p.order {
		if p.published && r.inGap() {
			p.endGap(r)
		} else if p.published {
			p.close(r)
		}
		p.put(r, nil, nil, true)
	}
	p.present()
	var dropped int64
	for _, r := range p.order {
		dropped += r.dropped
		r.dropped = 0
	}
	p.log.Info("broadcast ended", "seconds", time.Since(p.since).Seconds(), "dropped", dropped, "forced_cuts", p.forcedCuts)
	p.target, p.forcedCuts = 0, 0
}

// silence is for how long nothing must have come of a rendition before gaps are listed for it while others go on.
const silence = time.Second

// company is by how much the renditions of a publication may begin to come one after the other.
const company = 200 * time.Millisecond

// watch lists gaps for what does not come.
func (p *Packager) watch(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			p.mu.Lock()
			p.overdue(now)
			p.mu.Unlock()
		case <-ctx.Done():
			return nil
		}
	}
}

// overdue lists gaps for what should have been listed by now, so that the playlist never freezes.
func (p *Packager) overdue(now time.Time) {
	switch {
	case p.state == Starting: // a rendition that nothing comes of does not hold up the others
		for _, r := range p.order {
			if len(r.listed) > 0 && now.After(r.listedAt.Add(p.config.SegmentDuration)) {
				p.level(r.number)
			}
		}
	case p.published && p.state != Ended:
		p.fillAll(now)
	}
}

// fillAll lists the gaps that are due.
func (p *Packager) fillAll(now time.Time) {
	var lag time.Duration
	for _, r := range p.order {
		lag = max(lag, r.lag)
	}
	until := now.Add(-lag)
	for _, r := range p.order {
		switch {
		case len(r.listed) == 0: // a playlist does not begin with a gap
		case p.away:
			p.fill(r, math.MaxInt64, until)
		case r.number < r.begins: // the encoder is back, and what it sends belongs to a segment to come
			p.fill(r, r.begins, until)
		case p.stalled(r, now):
			p.arrived = now
			p.part(r)
			p.fill(r, math.MaxInt64, until)
			if r == p.lead.leader {
				p.decide()
			}
		}
	}
}

// stalled reports that nothing comes of r that can be listed, while others go on, and that its segment is due.
func (p *Packager) stalled(r *rendition, now time.Time) bool {
	if !p.started {
		return false
	}
	if r.number == r.begins && !r.opened && !r.inGap() && now.Sub(p.startedAt) < company {
		return false // the first picture is there, its sound is on the way
	}
	if r.inGap() || !r.opened && r.gapBefore() {
		return true // whether anything comes or not, it cannot be listed before the next segment
	}
	if now.Sub(r.arrived) < silence {
		return false // what comes slowly still comes
	}
	length := p.config.SegmentDuration
	if p.lead.leader != nil {
		length = max(length, time.Duration(p.target)*time.Second)
	}
	return now.After(r.listedAt.Add(length * 14 / 10))
}

// cutShort closes a segment whose end does not come.
func (p *Packager) cutShort(r *rendition) {
	if len(r.samples) == 0 {
		r.keepHint()
	}
	p.close(r)
}

// level brings every rendition to the segment with the given number, or to the furthest that any has reached.
func (p *Packager) level(number int64) {
	for _, r := range p.order {
		number = max(number, r.number)
	}
	for _, r := range p.order {
		p.reach(r, number)
	}
}

// present tells the sink how the stream stands, and moves it to Live with its first whole segments.
func (p *Packager) present() {
	ready := p.whole()
	if ready && p.started && (p.state == Starting || p.state == Reconnecting) {
		p.state = Live
	}
	pr := Presentation{
		Stream: p.stream, State: p.state, Since: p.since, Token: p.token, Generation: p.generation, Profile: p.config.Profile,
		PartTarget: p.config.Profile.PartTarget(), Target: time.Duration(p.target) * time.Second,
	}
	for _, r := range p.order {
		pr.Renditions = append(pr.Renditions, r.describe())
	}
	if ready {
		pr.Multivariant = p.multivariant()
	}
	p.sink.Present(pr)
}

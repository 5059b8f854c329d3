package packager

import (
	"context"
	"errors"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// arrive notes when a unit came and how far behind media time that was, by which it is told later what is overdue.
func (r *rendition) arrive(u media.AccessUnit, now time.Time) {
	r.arrived = now
	r.lag = now.Sub(media.Time(u.DTS+u.Duration, r.track.ClockRate))
}

// lost ends the current publication: everything open is closed, and the stream waits. It returns for how long.
func (p *Packager) lost(reason error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
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
		p.follows(r, u, media.Rescale(u.PTS, r.track.ClockRate, media.VideoClockRate))
	}
	p.lead.waiting = nil
	for _, r := range p.order {
		p.cutShort(r)
	}
	if p.started {
		p.level(0)
	}
	p.started = false
	p.step = p.firstGap(time.Now())
	if errors.Is(reason, hub.ErrReplaced) {
		return p.config.Grace
	}
	p.state = Reconnecting
	p.present()
	if errors.Is(reason, hub.ErrEnded) {
		return p.config.EndGrace
	}
	p.log.Warn("encoder lost, waiting for it", "reason", reason, "grace", p.config.Grace)
	return p.config.Grace
}

// end closes the broadcast: EXT-X-ENDLIST in every playlist.
func (p *Packager) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = Ended
	for _, r := range p.order {
		if r.inGap() {
			r.gap(p.gapStart(r))
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

// silence is for how long nothing must have come of a rendition before gaps are listed for it.
const silence = time.Second

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

// overdue closes segments and lists gaps whose time has passed, so that the playlist never freezes.
//
// RFC 8216bis, 6.2.1: a new Media Segment is published no later than 1.5 target durations after the one before.
func (p *Packager) overdue(now time.Time) {
	switch p.state {
	case Starting: // a rendition that nothing comes of does not hold up the others
		for _, r := range p.order {
			if len(r.listed) > 0 && now.After(r.listedAt.Add(p.config.SegmentDuration)) {
				p.level(r.number)
			}
		}
	case Reconnecting:
		p.fill(now)
	case Live:
		for _, r := range p.order {
			if len(r.listed) == 0 || now.Sub(r.arrived) < silence {
				continue // what comes slowly still comes
			}
			for p.late(r, now) {
				if r.opened {
					p.cutShort(r)
				} else {
					p.reach(r, r.number+1)
				}
				if r == p.lead.leader {
					p.leaderGap()
				}
			}
		}
	}
}

// fill lists the parts that are due of the time in which the encoder is away, or is back and has no segment to offer yet.
// All renditions step together.
func (p *Packager) fill(now time.Time) {
	for target := p.config.Profile.PartTarget(); p.target != 0 && !now.Before(p.step); p.step = p.step.Add(target) {
		for _, r := range p.order {
			if r.opened || p.started && r.number >= r.begins {
				continue
			}
			r.gapPart(p.gapStart(r))
			r.trim()
			p.put(r, nil, nil, false)
		}
	}
}

// firstGap is when the first part of a gap is due. Aligned segments are numbered by the clock: gaps must not run far ahead
// of it, or the encoder, once it is back, has to wait for the clock; nor may they keep the players waiting.
func (p *Packager) firstGap(now time.Time) time.Time {
	target := p.config.Profile.PartTarget()
	if p.lead.leader != nil || len(p.order) == 0 {
		return now.Add(target)
	}
	due := p.gapStart(p.order[0]).Add(target + p.order[0].lag)
	latest := now.Add(p.config.SegmentDuration * 65 / 100)
	if due.After(latest) {
		return latest
	}
	return due
}

// cutShort closes a segment whose end does not come.
func (p *Packager) cutShort(r *rendition) {
	if r.opened && len(r.samples) == 0 {
		r.keepHint()
		r.ticks += r.lastUnit
	}
	p.close(r)
}

// late reports that r's open segment should have been listed by now.
func (p *Packager) late(r *rendition, now time.Time) bool {
	length := p.config.SegmentDuration
	slack := length * 3 / 10
	if p.lead.leader != nil {
		length = max(length, time.Duration(p.target)*time.Second)
	}
	return now.After(p.gapStart(r).Add(length+r.lag+slack)) || now.After(r.listedAt.Add(length*14/10))
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
		Stream: p.stream, State: p.state, Since: p.since, Generation: p.generation, Profile: p.config.Profile,
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

package packager

import (
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// Two ways to cut.
//
// Aligned: the ladder forces a key frame at every multiple of the segment duration, so the slot of Unix time that a unit
// falls into is the number of its segment. Each rendition cuts by itself, and all cut at the same times.
//
// Led: a source passed on as it came has its key frames where its encoder put them. The picture leads: its segments end
// at the first key frame at least a segment duration on, and are counted; the sound follows the picture's cuts. Counting
// starts from the slot of the first picture and never outruns the clock, because no segment is shorter than its slot: a
// packager that starts anew, from the clock again, never falls back behind what was listed.

// cut is where a leader's segment began.
type cut struct {
	number int64
	at     int64 // PTS in ticks of media.VideoClockRate
}

// followLimit bounds the units that wait for the leader's next cut.
const followLimit = 256

// lead is the state of cutting by a picture.
type lead struct {
	leader  *rendition // nil: aligned
	cuts    []cut      // the open segment's and those that a follower has not reached yet
	decoded int64      // the leader's newest DTS in ticks of media.VideoClockRate: no cut comes before it any more
	waiting []media.AccessUnit
}

// slot is the number of the segment that a unit of an aligned rendition falls into.
func (r *rendition) slot(pts int64) int64 {
	if r.track.Kind() == media.Video {
		return media.Slot(pts, r.segment)
	}
	return pts / r.segment
}

// aligned adds a unit by its slot.
func (p *Packager) aligned(r *rendition, u media.AccessUnit) {
	slot := r.slot(u.PTS)
	if r.track.Kind() == media.Video && !u.RandomAccess && slot > r.number {
		if !r.opened {
			r.dropped++ // a segment starts with a random access point or not at all
			return
		}
		slot = r.number
	}
	if slot < r.number || slot == r.number && r.inGap() {
		r.dropped++ // it comes too late: the segment it belongs to has been closed
		return
	}
	if slot > r.number {
		p.reach(r, slot)
	}
	p.add(r, u)
	if u.Duration > 0 && r.slot(u.PTS+u.Duration) > r.number {
		p.close(r) // the next unit is known to belong elsewhere: nobody need wait for it
		return
	}
	if r.full() {
		p.part(r)
	}
}

// led adds a unit of the leader's or a follower's rendition.
func (p *Packager) led(r *rendition, u media.AccessUnit) {
	l := &p.lead
	if r == l.leader {
		p.leads(r, u)
		if r.opened { // a picture that is dropped says nothing of where the next cut is
			l.decoded = u.DTS
		}
		p.decide()
		return
	}
	at := media.Rescale(u.PTS, r.track.ClockRate, media.VideoClockRate)
	if len(l.waiting) > 0 || !l.decided(at, l.leader.segment) {
		if l.waiting = append(l.waiting, u); len(l.waiting) < followLimit {
			return
		}
		u, l.waiting = l.waiting[0], l.waiting[1:] // the picture is missing: go on without it
		at = media.Rescale(u.PTS, r.track.ClockRate, media.VideoClockRate)
	}
	p.follows(r, u, at)
}

// decide places the units that waited for the leader; those that must wait on do.
func (p *Packager) decide() {
	waiting := p.lead.waiting
	p.lead.waiting = nil
	for _, w := range waiting {
		p.led(p.byTrack[w.Track], w)
	}
}

// cut notes where the leader's segment begins. Where nothing follows, the oldest are forgotten.
func (l *lead) cut(c cut) {
	if n := len(l.cuts); n > 0 && l.cuts[n-1].number == c.number {
		l.cuts[n-1].at = c.at // the gap before it had been taken to end there
		return
	}
	if len(l.cuts) == followLimit {
		l.cuts = append(l.cuts[:0:0], l.cuts[followLimit/2:]...)
	}
	l.cuts = append(l.cuts, c)
}

// leaderGap lets the followers go on while gaps are listed for the leader: they cut where its gaps begin.
func (p *Packager) leaderGap() {
	l := p.lead.leader
	p.lead.cut(cut{l.number, media.Ticks(p.gapStart(l), media.VideoClockRate)})
	p.decide()
}

// endLeaderGap lists what is missing of the time before u, for which no whole gap was due yet: the followers have gone on
// meanwhile, and their open segment would else become longer than the target duration.
func (p *Packager) endLeaderGap(r *rendition, u media.AccessUnit) {
	if len(r.listed) == 0 || !r.listed[len(r.listed)-1].segment.Gap || r.fresh {
		return
	}
	const much = 400 * time.Millisecond // a segment may be rounded down by less than half a second
	rest := func() time.Duration { return media.Time(u.PTS, r.track.ClockRate).Sub(p.gapStart(r)) }
	for rest() > p.config.SegmentDuration+much {
		p.reach(r, r.number+1)
		p.leaderGap()
	}
	if rest := rest(); rest > much {
		r.shortGap(p.gapStart(r), rest)
		p.put(r, nil, nil, false)
	}
}

// decided reports whether it is known which of the leader's segments a time belongs to.
func (l *lead) decided(at, segment int64) bool {
	if len(l.cuts) == 0 {
		return false
	}
	last := l.cuts[len(l.cuts)-1].at
	return at <= l.decoded || at < last+segment-segment/8
}

func (p *Packager) leads(r *rendition, u media.AccessUnit) {
	long := r.opened && u.PTS-r.openPTS >= r.segment-u.Duration/2-media.BoundarySlack
	if u.RandomAccess && long || r.opened && p.overflows(r, u) {
		p.close(r)
	}
	if !r.opened && (!u.RandomAccess && !p.forced || r.afterGap(u)) {
		r.dropped++
		return
	}
	if r.inGap() { // it ends here, for all renditions
		for _, o := range p.order {
			if o.inGap() {
				o.keepHint()
				o.endGap()
				p.put(o, nil, nil, false)
			}
		}
	}
	if !r.opened {
		p.endLeaderGap(r, u)
		p.lead.cut(cut{r.number, u.PTS})
		p.forced = false
	}
	p.add(r, u)
	if r.full() && !r.mayEnd(u.Duration) {
		p.part(r)
	}
}

// overflows reports that a segment cannot take one more unit without becoming longer than the target duration, which
// never changes. It is then cut without a key frame; the encoder's interval has grown beyond what it was.
//
// RFC 8216bis, EXT-X-TARGETDURATION: every EXTINF, rounded to the nearest integer, is at most the target duration.
func (p *Packager) overflows(r *rendition, u media.AccessUnit) bool {
	limit := int64(p.target)
	if limit == 0 {
		limit = longestTarget
	}
	if (r.ticks+u.Duration)*2 < (2*limit+1)*r.track.ClockRate {
		return false
	}
	p.forced = true
	if p.forcedCuts++; p.forcedCuts == 1 {
		p.log.Warn("key frames too far apart, segments are cut without one", "target_seconds", limit,
			"fix", "set the encoder's key frame interval to 2 s")
	}
	return true
}

// mayEnd reports that the next unit may well start a segment, going by the length of the last one. The open part is then
// left open until that unit is here, so that the part hinted at is the one that comes.
func (r *rendition) mayEnd(frame int64) bool {
	if r.ticks < r.segment-2*frame {
		return false
	}
	apart := r.ticks - r.lastTicks
	return r.lastTicks == 0 || max(apart, -apart) <= 2*frame
}

// overlap is by how much media may start before the end of a gap that was listed for it too soon: date-times must not
// overlap by a second or more (RFC 8216bis, EXT-X-PROGRAM-DATE-TIME).
const overlap = 900 * time.Millisecond

// afterGap reports that a unit belongs to a time for which a gap has been listed.
func (r *rendition) afterGap(u media.AccessUnit) bool {
	if len(r.listed) == 0 {
		return false
	}
	last := r.listed[len(r.listed)-1].segment
	return last.Gap && media.Time(u.PTS, r.track.ClockRate).Before(last.ProgramDateTime.Add(last.Duration-overlap))
}

func (p *Packager) follows(r *rendition, u media.AccessUnit, at int64) {
	l := &p.lead
	if len(l.cuts) == 0 || !r.opened && at < l.cuts[0].at-media.VideoClockRate/20 {
		r.dropped++ // sound from before the first picture
		return
	}
	if !r.opened {
		p.reach(r, l.cuts[0].number)
	}
	for len(l.cuts) > 1 && at >= l.cuts[1].at {
		p.reach(r, l.cuts[1].number)
		l.cuts = l.cuts[1:]
	}
	p.add(r, u)
	next := media.Rescale(u.PTS+u.Duration, r.track.ClockRate, media.VideoClockRate)
	switch {
	case len(l.cuts) > 1 && next >= l.cuts[1].at:
		p.close(r)
	case r.full() && l.decided(next, l.leader.segment):
		p.part(r)
	}
}

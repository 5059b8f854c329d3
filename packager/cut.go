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
// Led: a source passed on as it came has its key frames where its encoder put them. The picture leads, the first of several:
// its segments end at the first key frame at least a segment duration on, and are counted; the sound follows the picture's
// cuts, and so do the other pictures, which are known to have key frames there too. Counting
// starts from the slot of the first picture and never outruns the clock, because no segment is shorter than its slot: a
// packager that starts anew, from the clock again, never falls back behind what was listed.

// followLimit bounds the units of each follower that wait for the leader's next cut.
const followLimit = 256

// keySlack is by how much, in ticks of media.VideoClockRate, the times of key frames that belong together may differ: two
// roundings to milliseconds.
const keySlack = media.VideoClockRate / 500

// lead is the state of cutting by a picture.
type lead struct {
	leader  *rendition // nil: aligned
	forced  int64      // number of its newest segment that starts without a key frame
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
		if !r.opened || r.inGap() {
			r.dropped++ // a segment starts with a random access point or not at all
			return
		}
		slot = r.number
	}
	if slot < max(r.number, r.begins) || slot == r.number && r.inGap() {
		r.dropped++ // it comes too late: the segment it belongs to has been closed
		return
	}
	if slot > r.number {
		p.reach(r, slot)
	}
	r.shorten(&u, (r.number+1)*r.segment-u.PTS)
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
	at := r.followedAt(u)
	if len(l.waiting) > 0 || !l.decided(at) {
		if l.waiting = append(l.waiting, u); len(l.waiting) < followLimit*len(p.order) {
			return
		}
		u, l.waiting = l.waiting[0], l.waiting[1:] // the picture is missing: go on without it
		r = p.byTrack[u.Track]
		at = r.followedAt(u)
	}
	p.follows(r, u, at)
}

// followedAt is the time, in ticks of media.VideoClockRate, by which a follower's unit is given to a segment of the leader's.
func (r *rendition) followedAt(u media.AccessUnit) int64 {
	at := media.Rescale(u.PTS, r.track.ClockRate, media.VideoClockRate)
	if r.track.Kind() == media.Video && u.RandomAccess {
		at += keySlack
	}
	return at
}

// decide places the units that waited for the leader; those that must wait on do.
func (p *Packager) decide() {
	waiting := p.lead.waiting
	p.lead.waiting = nil
	for _, w := range waiting {
		p.led(p.byTrack[w.Track], w)
	}
}

// start is where the leader's segment with the given number begins, in ticks of media.VideoClockRate; not known before
// there is media of it, or a gap in its place.
func (l *lead) start(number int64) (at int64, known bool) {
	r := l.leader
	i := number - (r.number - int64(len(r.listed)))
	switch {
	case i >= 0 && i < int64(len(r.listed)):
		return r.listed[i].at, true
	case number == r.number && r.head != nil:
		return r.headAt, true
	}
	return 0, false
}

// decided reports whether it is known which of the leader's segments a time belongs to.
func (l *lead) decided(at int64) bool {
	last, known := l.start(l.leader.number)
	if !known {
		if last, known = l.start(l.leader.number - 1); !known {
			return false
		}
	}
	return at <= l.decoded || at < last+l.leader.segment-l.leader.segment/8
}

func (p *Packager) leads(r *rendition, u media.AccessUnit) {
	long := r.opened && u.PTS-r.openPTS >= r.segment-u.Duration/2-media.BoundarySlack
	if !r.inGap() && (u.RandomAccess && long || r.opened && p.overflows(r, u)) {
		p.close(r)
	}
	if r.inGap() || !r.opened {
		at := media.Time(u.PTS, r.track.ClockRate)
		if !u.RandomAccess && !p.forced || r.tooLate(at) {
			r.dropped++
			return
		}
		if r.inGap() || r.gapBefore() && r.gapDue(r.listedEnd(), at) {
			p.endGapAt(r, at)
		}
		if p.forced {
			p.forced, p.lead.forced = false, r.number
		}
	}
	p.add(r, u)
	if r.full() && !r.mayEnd(u.Duration) {
		p.part(r)
	}
}

// overflows reports that a segment cannot take one more unit without becoming longer than the target duration, which
// never changes. It is then cut without a key frame; the encoder's interval has grown beyond what it was.
func (p *Packager) overflows(r *rendition, u media.AccessUnit) bool {
	if r.ticks+u.Duration < p.longest(r) {
		return false
	}
	p.forced = true
	if p.forcedCuts++; p.forcedCuts == 1 {
		p.log.Warn("key frames too far apart, segments are cut without one", "target_seconds", p.target,
			"fix", "set the encoder's key frame interval to 2 s")
	}
	return true
}

// shorten takes from a unit's duration, the time to the next unit, what would make its segment much too long: nothing came for
// that time, and it is listed as a gap. rest is what the segment can still take, in ticks of the track.
func (r *rendition) shorten(u *media.AccessUnit, rest int64) {
	if u.Duration > rest+r.segment/5 {
		u.Duration = max(1, rest)
	}
}

// longest is the longest that a segment of r may become, in ticks of the track.
//
// RFC 8216bis, EXT-X-TARGETDURATION: every EXTINF, rounded to the nearest integer, is at most the target duration.
func (p *Packager) longest(r *rendition) int64 {
	limit := int64(p.target)
	if limit == 0 {
		limit = longestTarget
	}
	return (2*limit + 1) * r.track.ClockRate / 2
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

// tooLate reports that a time lies so far before the end of what has been listed as a gap that no segment can start there.
func (r *rendition) tooLate(at time.Time) bool {
	switch {
	case r.inGap():
		return at.Before(r.edge().Add(-overlap)) || !at.After(r.head.ProgramDateTime)
	case r.gapBefore():
		last := r.listed[len(r.listed)-1].segment
		return at.Before(r.listedEnd().Add(-overlap)) || !at.After(last.ProgramDateTime)
	}
	return false
}

func (p *Packager) follows(r *rendition, u media.AccessUnit, at int64) {
	l := &p.lead
	start, known := l.start(r.number)
	if !known || r.number < r.begins || !r.opened && at < start-media.VideoClockRate/40 {
		r.dropped++ // sound from before the first picture, or of a time that is over
		return
	}
	for next, known := l.start(r.number + 1); known && at >= next; next, known = l.start(r.number + 1) {
		p.reach(r, r.number+1)
	}
	if r.inGap() || !p.mayFollow(r, u, at) {
		r.dropped++
		return
	}
	r.shorten(&u, p.longest(r)-r.ticks-r.segment/5)
	p.add(r, u)
	if r.track.Kind() == media.Video { // pictures that are shown earlier may still come
		if r.full() && !r.mayEnd(u.Duration) {
			p.part(r)
		}
		return
	}
	end := media.Rescale(u.PTS+u.Duration, r.track.ClockRate, media.VideoClockRate)
	switch next, known := l.start(r.number + 1); {
	case known && end >= next:
		p.close(r)
	case r.full() && l.decided(end):
		p.part(r)
	}
}

// mayFollow reports whether a follower's unit can stand where it would. A segment of pictures starts with the key frame that
// the leader's starts with, or not at all, but where the leader's has none itself.
func (p *Packager) mayFollow(r *rendition, u media.AccessUnit, at int64) bool {
	if r.track.Kind() == media.Audio || r.opened || r.number == p.lead.forced {
		return true
	}
	start, _ := p.lead.start(r.number)
	return u.RandomAccess && at <= start+2*keySlack
}

package packager

import (
	"math"
	"slices"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
)

// Gaps: what is listed for time that nothing came of.
//
// A gap goes on where the media ended, part by part and no faster than media would have come, so that the playlist moves on
// as players expect (RFC 8216bis, 6.2.1: a new part within one PART-TARGET, a new segment within 1.5 target durations). Its
// parts end where those of other renditions do, since all count back from the end of the segment.

// tooShort is what is not worth a part of its own.
const tooShort = 2 * time.Millisecond

// little is what may be left out at a discontinuity without another word.
const little = 50 * time.Millisecond

// overlap is by how much media may start before the end of a gap that was listed for it too soon: date-times rise, and do not
// overlap by a second or more (RFC 8216bis, EXT-X-PROGRAM-DATE-TIME).
const overlap = 900 * time.Millisecond

// forever is after everything that is listed.
var forever = time.Unix(math.MaxInt32, 0)

// fill lists gaps for r until its open segment is the one with the given number, but nothing that ends after until.
func (p *Packager) fill(r *rendition, number int64, until time.Time) {
	for r.number < number {
		if r.head == nil {
			r.openGap(p.gapStart(r))
		}
		edge, end := r.edge(), p.gapEnd(r)
		if len(r.parts) == 0 && !end.IsZero() && end.Sub(edge) <= tooShort {
			end = edge.Add(r.config.Profile.PartTarget()) // the others have gone further: no segment is empty
		}
		next := partEnd(edge, end, r.config.Profile.PartTarget())
		if hole := r.hole(edge); len(r.parts) == 0 && hole > 0 {
			if early := edge.Add(r.config.Profile.PartTarget() - hole); early.Before(next) {
				next = early
			}
		}
		if next.After(until) {
			return
		}
		if rest := next.Sub(edge); rest > tooShort {
			r.gapPart(rest)
		}
		if end.IsZero() || end.Sub(next) > tooShort {
			p.put(r, nil, nil, false)
		} else {
			p.endGap(r)
		}
	}
}

// partEnd is where a part ends that starts at edge, in a segment that ends at end: all parts after it are whole. Without an
// end it is whole itself.
func partEnd(edge, end time.Time, target time.Duration) time.Time {
	if end.IsZero() {
		return edge.Add(target)
	}
	if !edge.Before(end) {
		return end
	}
	first := end.Sub(edge) % target
	if first <= tooShort {
		first = target
	}
	return edge.Add(min(first, end.Sub(edge)))
}

// gapStart is the date-time of a gap that r lists next.
func (p *Packager) gapStart(r *rendition) time.Time {
	if p.lead.leader == nil {
		return p.slotStart(r.number)
	}
	if r != p.lead.leader {
		if at, known := p.lead.start(r.number); known && !r.beganAt(media.Time(at, media.VideoClockRate)) {
			return media.Time(at, media.VideoClockRate)
		}
	}
	if len(r.listed) > 0 {
		return r.listedEnd()
	}
	return time.Now().UTC()
}

// beganAt reports that the newest whole segment began at a time or after it: date-times must rise.
func (r *rendition) beganAt(at time.Time) bool {
	n := len(r.listed)
	return n > 0 && !at.After(r.listed[n-1].segment.ProgramDateTime)
}

// gapEnd is where r's open segment ends if nothing comes; zero where that is up to the leader.
func (p *Packager) gapEnd(r *rendition) time.Time {
	l := p.lead.leader
	switch {
	case l == nil:
		return p.slotStart(r.number + 1)
	case r == l:
		return r.head.ProgramDateTime.Add(p.config.SegmentDuration)
	}
	if at, known := p.lead.start(r.number + 1); known {
		return media.Time(at, media.VideoClockRate)
	}
	if r.number == l.number && l.head != nil && (p.away || !l.opened || l.inGap()) {
		return p.gapEnd(l)
	}
	return time.Time{}
}

func (p *Packager) slotStart(number int64) time.Time {
	return time.Unix(number*int64(p.config.SegmentDuration/time.Second), 0).UTC()
}

// endGap lists r's open segment as a gap. Media that stand before it in the same segment are handed on, but what is listed
// has the length of the time that it covers, not of the media.
func (p *Packager) endGap(r *rendition) {
	segment := r.closeGap()
	r.trim()
	p.put(r, nil, segment, false)
}

// gapDue reports that what is open, or would be from start on, has to be listed as a gap when media go on at a time. Else a
// discontinuity says enough.
func (r *rendition) gapDue(start, at time.Time) bool {
	return r.inGap() || at.Sub(start) >= little
}

// endGapAt lists what is left of a gap, so that media go on at a time.
func (p *Packager) endGapAt(r *rendition, at time.Time) {
	p.fill(r, math.MaxInt64, at.Add(-little)) // what comes sooner after its time than before the loss leaves more than a segment
	if r.head == nil {
		r.openGap(p.gapStart(r))
	}
	rest := at.Sub(r.edge())
	if rest <= tooShort {
		rest = span(r.lastUnit, r.track.ClockRate) // what was hinted at must come
	}
	for target := r.config.Profile.PartTarget(); rest > tooShort; rest -= target {
		r.gapPart(min(rest, target))
	}
	p.endGap(r)
}

// openGap begins a segment that there are no media for. While it has no part, media may still take its place.
func (r *rendition) openGap(start time.Time) {
	r.head = &hls.Segment{
		URI: r.segmentName(r.number), Map: r.mapped, ProgramDateTime: start, Gap: true,
	}
	r.headAt = media.Ticks(start, media.VideoClockRate)
}

// gapPart adds a part that there is no media for to the open segment.
func (r *rendition) gapPart(length time.Duration) {
	if len(r.parts) == 0 {
		r.head.Discontinuity = r.breaks()
	}
	r.parts = append(r.parts, hls.Part{URI: r.partName(r.number, len(r.parts)), Duration: length, Gap: true})
}

// closeGap lists the open segment as a gap and begins the next. It returns the media that the segment began with; nil where
// there are none.
func (r *rendition) closeGap() (object *Object) {
	s := r.head
	s.Gap, s.Parts, s.Duration = true, r.parts, 0
	for i := range r.parts {
		s.Duration += r.parts[i].Duration
	}
	if len(r.chunks) > 0 {
		object = &Object{Name: s.URI, Chunks: r.chunks}
	}
	r.list(&listing{segment: s, at: r.headAt, disc: r.discs})
	r.next()
	return object
}

// edge is where what is listed of the open segment ends.
func (r *rendition) edge() time.Time {
	at := r.head.ProgramDateTime
	for i := range r.parts {
		at = at.Add(r.parts[i].Duration)
	}
	return at
}

// inGap reports that the open segment can take no media any more: its last part has been listed as a gap.
func (r *rendition) inGap() bool {
	n := len(r.parts)
	return n > 0 && r.parts[n-1].Gap
}

// gapBefore reports that the newest whole segment is a gap.
func (r *rendition) gapBefore() bool {
	n := len(r.listed)
	return n > 0 && r.listed[n-1].segment.Gap
}

// listedEnd is where the newest whole segment ends.
func (r *rendition) listedEnd() time.Time {
	last := r.listed[len(r.listed)-1].segment
	return last.ProgramDateTime.Add(last.Duration)
}

// breaks reports whether the segment that begins now stands after a discontinuity: the first one for which nothing has come
// any more, and the first one of a publication.
func (r *rendition) breaks() bool {
	lost, fresh := r.number >= r.lostAt, r.fresh && r.number >= r.begins
	owed := slices.Contains(r.owed, r.number)
	if lost || fresh || owed {
		r.discs++
	}
	if lost {
		r.lostAt = math.MaxInt64
	}
	if fresh {
		r.fresh = false
	}
	return lost || fresh || owed
}

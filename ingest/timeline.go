package ingest

import (
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// How far a unit may stand from where its track's last one leads, in ticks of media.VideoClockRate, before its timestamps
// are taken for a jump of the encoder's clock rather than for media.
const (
	maxBack  = media.VideoClockRate / 4  // a clock that steps back less is out of order, not restarted
	maxAhead = media.VideoClockRate      // beyond the time that really passed since
	maxApart = 10 * media.VideoClockRate // between the first units of two tracks
)

// timeline maps one session's wire timestamps to Unix time in ticks of media.VideoClockRate. It unwraps, anchors at the
// first unit, and takes jumps and restarts of the encoder's clock out; the offset between the tracks is kept through all
// of it. Nothing after it ever looks at a wire timestamp.
type timeline struct {
	wire     WireClock
	anchored bool
	last     int64 // unwrapped wire time of the newest unit of any track
	newest   int64 // mapped time of the same
	tracks   map[int]*mapping
	jumps    int64
}

// mapping is the state of one track.
type mapping struct {
	offset  int64     // mapped = wire ticks in 90 kHz + offset
	started bool      // a unit has been mapped
	fresh   bool      // the last unit was the first with this offset
	next    int64     // where the wire should have the next unit
	arrived time.Time // when the last unit came
}

// anchor ties the wire time of the first unit to a Unix time.
func (t *timeline) anchor(wire int64, at int64) {
	t.anchored = true
	t.last, t.newest = wire, at
	t.tracks = make(map[int]*mapping)
}

// at maps the DTS of one unit. now is its time of arrival, used only to tell a pause from a jump.
func (t *timeline) at(track int, wire int64, now time.Time) int64 {
	wire = t.unwrap(wire)
	ticks := media.Rescale(wire, t.wire.Rate, media.VideoClockRate)
	m := t.tracks[track]
	if m == nil {
		m = &mapping{offset: t.newest - media.Rescale(t.last, t.wire.Rate, media.VideoClockRate), next: t.newest}
		t.tracks[track] = m
	}
	mapped := ticks + m.offset
	m.fresh = !m.started
	if !m.plausible(mapped, now) && !t.confirmed(m, mapped, now) {
		mapped = t.rejoin(m, ticks, now)
		m.fresh = true
	}
	t.last, t.newest = wire, mapped
	m.started, m.arrived = true, now
	m.next = mapped // see expect
	return mapped
}

// expect tells how far after the unit of a track that was mapped last the wire should have its next one.
func (t *timeline) expect(track int, step int64) { t.tracks[track].next += step }

// shift moves all that is mapped from now on, of every track.
func (t *timeline) shift(by int64) {
	t.newest += by
	for _, m := range t.tracks {
		m.offset += by
		m.next += by
	}
}

// confirmed reports whether a leap ahead is a hole in one track only: another on the same clock has come as far. An
// encoder that has fallen behind leaves pictures out and goes on sending the sound.
func (t *timeline) confirmed(m *mapping, mapped int64, now time.Time) bool {
	for _, other := range t.tracks {
		if other != m && m.started && other.started && other.offset == m.offset && mapped > m.next && other.plausible(mapped, now) {
			return true
		}
	}
	return false
}

// rejoin finds a new offset for a track whose clock has jumped: that of another track which has jumped before it, else one
// that goes on where the track was, plus the time in which nothing came.
func (t *timeline) rejoin(m *mapping, ticks int64, now time.Time) int64 {
	for _, other := range t.tracks {
		if other != m && m.plausible(ticks+other.offset, now) {
			m.offset = other.offset
			return ticks + m.offset
		}
	}
	t.jumps++
	at := m.next
	if !m.started {
		at = t.newest
	} else if pause := m.pause(now); pause > media.VideoClockRate/2 {
		at += pause
	}
	m.offset = at - ticks
	return at
}

func (m *mapping) plausible(mapped int64, now time.Time) bool {
	apart := mapped - m.next
	if !m.started {
		return apart > -maxApart && apart < maxApart
	}
	return apart > -maxBack && apart < maxAhead+m.pause(now)
}

func (m *mapping) pause(now time.Time) int64 {
	return int64(now.Sub(m.arrived).Seconds() * media.VideoClockRate)
}

// unwrap extends a wire timestamp of wire.Bits bits to the value nearest to the newest one.
func (t *timeline) unwrap(wire int64) int64 {
	return t.last + t.wire.since(wire, t.last)
}

package ingest_test

import (
	"encoding/binary"
	"math"
	"sort"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// encoder makes the units that a broadcaster with a perfect scene and a clock of our choice sends. Each payload holds the
// true time at which it is to be presented, so that a test sees whether picture and sound still belong together.
type encoder struct {
	rate       media.Rational // pictures per second; none when zero
	reorder    bool           // I P B B in decoding order
	sampleRate int            // of the sound; none when zero
	span       time.Duration

	// wire is what the timestamp says at a true time, in milliseconds; the time itself when nil.
	wire func(track int, ms float64) float64
	// keep reports whether a unit is sent at all; all are when nil.
	keep func(track int, at time.Duration) bool
	// arrives is when a unit comes in; at its decoding time when nil.
	arrives func(at time.Duration) time.Duration
}

// sent is one unit and when it comes in after the start.
type sent struct {
	at   time.Duration
	unit ingest.Unit
}

func (e encoder) units() []sent {
	var all []sent
	if e.rate.Known() {
		all = e.pictures(all)
	}
	if e.sampleRate > 0 {
		for j := int64(0); ; j++ {
			at := float64(j*1024) / float64(e.sampleRate)
			if at >= e.span.Seconds() {
				break
			}
			all = e.add(all, sound, at, at, true)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at < all[j].at })
	if e.arrives != nil {
		for i := range all {
			all[i].at = e.arrives(all[i].at)
		}
	}
	return all
}

func (e encoder) pictures(all []sent) []sent {
	frame := float64(e.rate.Den) / float64(e.rate.Num)
	gop := int64(math.Round(2 / frame))
	for k := int64(0); float64(k)*frame < e.span.Seconds(); k++ {
		later := int64(0) // frames between decoding and presentation: I, then P before the two B that precede it
		switch {
		case e.reorder && k == 0:
			later = 1
		case e.reorder && k%3 == 1:
			later = 3
		}
		all = e.add(all, picture, float64(k)*frame, float64(k+later)*frame, k%gop == 0)
	}
	return all
}

func (e encoder) add(all []sent, track int, dts, pts float64, key bool) []sent {
	at := time.Duration(dts * 1e9)
	if e.keep != nil && !e.keep(track, at) {
		return all
	}
	stamp := func(seconds float64) int64 {
		ms := seconds * 1000
		if e.wire != nil {
			ms = e.wire(track, ms)
		}
		return int64(math.Round(ms))
	}
	wire := stamp(dts)
	offset := int64(math.Round(pts*1000)) - int64(math.Round(dts*1000))
	payload := binary.BigEndian.AppendUint64(nil, uint64(pts*1e9))
	return append(all, sent{at, ingest.Unit{
		Track: track, DTS: int64(uint32(wire)), Offset: offset, RandomAccess: key || track == sound, Payload: payload,
	}})
}

// send passes all through a session of its own, whose pictures claim to come at the given rate.
func (d *desk) send(e encoder, claimed media.Rational) *recording {
	s := d.open()
	d.describeFor(s, e, claimed)
	d.feed(s, e)
	s.End(nil)
	return d.last()
}

func (d *desk) describeFor(s *ingest.Session, e encoder, claimed media.Rational) {
	audio := aac48
	switch e.sampleRate {
	case 44100:
		audio = aac44
	case 0:
		audio = nil
	}
	describe(d.t, s, claimed, audio)
}

func (d *desk) feed(s *ingest.Session, e encoder) {
	began := d.now
	for _, u := range e.units() {
		d.now = began.Add(u.at)
		d.write(s, u.unit)
	}
}

// lag is how much later a unit is presented than in truth, as seconds from base.
func lag(r *recording, u media.AccessUnit, base time.Time) float64 {
	rate := r.pub.Track(u.Track).ClockRate
	truth := float64(binary.BigEndian.Uint64(u.Payload)) / 1e9
	return media.Seconds(u.PTS-media.Ticks(base, rate), rate) - truth
}

// skew is the most that picture and sound come apart in presentation, in milliseconds, from a true time on.
func (r *recording) skew(from time.Duration) (worst float64) {
	base := media.Time(r.units[0].DTS, r.pub.Track(r.units[0].Track).ClockRate)
	lags := make(map[int]float64)
	for _, u := range r.units {
		lags[u.Track] = lag(r, u, base)
		if truth := time.Duration(binary.BigEndian.Uint64(u.Payload)); len(lags) == 2 && truth >= from {
			worst = max(worst, math.Abs(lags[picture]-lags[sound])*1000)
		}
	}
	return worst
}

package ingest

import (
	"math"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// health judges one input by what arrives, without decoding it. Each thing that is wrong has a name and takes points off a
// hundred, for as long as it lasts and a little longer. It is a pure state machine: time comes in as an argument.
//
// What it says of pictures and sound is read off the size of what is coded, and true of encoders that spend no bits where
// nothing happens: an encoder that fills up to a constant rate hides a frozen picture, and a slide that nobody turns looks like
// one.
type health struct {
	last    time.Time // when the newest unit of the leading track came
	gaps    trace     // worst pause in arrival, in seconds
	jumps   trace     // of the encoder's clock
	missing trace     // pictures that the encoder left out
	lost    trace     // packets of the link that did not come, and breaks in the media
	dropped trace     // units that could not be used
	seen    Link      // as it was told last
	hasLink bool

	second   time.Time     // the one that is running
	bits     float64       // in it
	rate     float64       // of the last whole one
	norm     float64       // what the input has been sending, bits per second
	seconds  int           // whole ones so far
	starved  int           // the last of them in which next to nothing came
	stillFor time.Duration // of pictures that say that nothing changes, less that of those that say something
	moving   float64       // bytes of a picture that says something, on average
	blank    bool          // the last key frame is as good as empty
	quiet    time.Duration // of sound in a row that is as good as empty
}

// The limits of what is normal.
const (
	memory     = 10 * time.Second // for which something that happened counts
	longPause  = 0.4              // seconds between arrivals
	stillTime  = 3 * time.Second  // without change, after which a picture counts as frozen and sound as silent
	shortest   = 6                // bytes: a coded picture has a length, a header and a slice
	tinySound  = 24               // bytes of a frame of silence, at most
	normTime   = 30               // seconds over which an input's own rate is averaged
	normAfter  = 10               // seconds after which it is known
	starvation = 0.25             // of its own rate
	starvedFor = 3                // seconds of that
)

// What a picture says.
const (
	collapsed    = 0.125 // of an average one: nothing new
	normPictures = 300   // over which that average is taken
)

// trace is the worst of the last seconds, or their sum: two halves, so that it needs no list.
type trace struct {
	from     time.Time
	now, old float64
}

func (t *trace) turn(now time.Time) {
	switch age := now.Sub(t.from); {
	case age >= memory:
		t.from, t.now, t.old = now, 0, 0
	case age >= memory/2:
		t.from, t.now, t.old = now, 0, t.now
	}
}

func (t *trace) add(v float64, now time.Time) { t.turn(now); t.now += v }

func (t *trace) worst(v float64, now time.Time) { t.turn(now); t.now = max(t.now, v) }

func (t *trace) sum(now time.Time) float64 { t.turn(now); return t.now + t.old }

func (t *trace) max(now time.Time) float64 { t.turn(now); return max(t.now, t.old) }

// picture counts a picture of so many bytes. missing is how many are left out before the next.
func (h *health) picture(t *media.Track, bytes int, random bool, length time.Duration, missing int64, now time.Time) {
	h.arrive(bytes, now)
	h.missing.add(float64(missing), now)
	if bytes < shortest {
		return
	}
	blocks := t.Width * t.Height / 256
	switch {
	case random:
		h.blank = bytes < 400+blocks/4
	case bytes <= 32+blocks/8, float64(bytes) <= h.moving*collapsed: // about what says that all blocks stay
		h.stillFor = min(h.stillFor+length, 2*stillTime)
	default:
		h.stillFor = max(0, h.stillFor-length) // an encoder still sharpens a picture that stands, now and then
		if h.moving == 0 {
			h.moving = float64(bytes)
		}
		h.moving += (float64(bytes) - h.moving) / normPictures
	}
}

// sound counts a frame of sound. leads says that there are no pictures.
func (h *health) sound(bytes int, length time.Duration, leads bool, now time.Time) {
	if leads {
		h.arrive(bytes, now)
	} else {
		h.count(bytes, now)
	}
	if h.quiet += length; bytes > tinySound {
		h.quiet = 0
	}
}

func (h *health) arrive(bytes int, now time.Time) {
	if !h.last.IsZero() {
		h.gaps.worst(now.Sub(h.last).Seconds(), now)
	}
	h.last = now
	h.count(bytes, now)
}

// count measures the rate, and the norm by it: what lies far below does not move the norm, or it would become normal.
func (h *health) count(bytes int, now time.Time) {
	if h.second.IsZero() {
		h.second = now
	}
	if span := now.Sub(h.second).Seconds(); span >= 1 {
		h.rate = h.bits / span
		switch h.seconds++; {
		case h.norm == 0:
			h.norm = h.rate
		case h.seconds >= normAfter && h.rate < h.norm*starvation:
			h.starved++
		default:
			h.norm += (h.rate - h.norm) / float64(min(h.seconds, normTime))
			h.starved = 0
		}
		h.second, h.bits = now, 0
	}
	h.bits += float64(bytes * 8)
}

func (h *health) jumped(n int64, now time.Time) { h.jumps.add(float64(n), now) }

func (h *health) drop(now time.Time) { h.dropped.add(1, now) }

// link takes what the network says, which counts from the session's start.
func (h *health) link(l Link, now time.Time) {
	if h.hasLink {
		h.lost.add(float64(l.Dropped-min(l.Dropped, h.seen.Dropped))+10*float64(l.Broken-min(l.Broken, h.seen.Broken)), now)
	}
	h.seen, h.hasLink = l, true
}

// ailment is one thing that is wrong, with what it takes off.
type ailment struct {
	points float64
	Warning
}

// ailments are what is wrong now.
func (h *health) ailments(now time.Time) (out []ailment) {
	say := func(points float64, name, text, fix string) {
		if points >= 1 {
			out = append(out, ailment{points, Warning{name, text, fix}})
		}
	}
	pause := h.gaps.max(now)
	if !h.last.IsZero() {
		pause = max(pause, now.Sub(h.last).Seconds())
	}
	say(scale(pause, longPause, 2, 60), "pauses", "Media came in with pauses of up to "+tenths(pause)+" s in the last seconds.",
		"Check the encoder's network, and lower its bitrate if the upload is too slow for it.")
	say(min(50, 25*h.jumps.sum(now)), "clock jumping", "The encoder's timestamps jump.",
		"Restart the encoder; check that its sources have stable clocks.")
	say(scale(h.missing.sum(now), 3, 100, 40), "pictures left out", "The encoder left out "+itoa(int(h.missing.sum(now)))+" pictures in the last seconds.",
		"The encoder is overloaded: choose a faster preset, a smaller size or a lower frame rate.")
	say(scale(h.lost.sum(now), 0, 50, 40), "link losing", "Packets are lost on the way for good.",
		"Raise the latency in the encoder (SRT), or lower its bitrate.")
	say(scale(h.dropped.sum(now), 5, 100, 20), "unusable units", "Some of what the encoder sends cannot be used.",
		"Restart the encoder; check that it sends one picture and one sound.")
	if h.starved >= starvedFor {
		say(20, "bitrate low", "The bitrate is a quarter or less of what it was.", "Check the encoder's network and its scene.")
	}
	switch {
	case h.stillFor >= stillTime && h.blank:
		say(50, "black picture", "The picture seems to be black or of one colour.", "Check the camera and the encoder's scene.")
	case h.stillFor >= stillTime:
		say(40, "frozen picture", "The picture seems to stand still.", "Check the camera and the encoder's scene.")
	}
	if h.quiet >= stillTime {
		say(20, "silence", "The sound seems to be silent.", "Check the microphone, and that it is not muted.")
	}
	return out
}

// score is 100 for an input that nothing is wrong with, and 0 at worst.
func (h *health) score(now time.Time) float64 {
	score := 100.0
	for _, a := range h.ailments(now) {
		score -= a.points
	}
	return max(0, math.Round(score))
}

// scale is 0 up to from, and most from to on.
func scale(v, from, to, most float64) float64 {
	return min(max(0, (v-from)/(to-from)), 1) * most
}

func tenths(f float64) string {
	n := int(math.Round(f * 10))
	return itoa(n/10) + "." + itoa(n%10)
}

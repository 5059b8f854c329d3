package ingest

import "github.com/stagecast/stagecast/internal/media"

// cadence turns the mapped times of one track, which carry the rounding and the jitter of the wire, into decode times that
// obey the promise of media.AccessUnit: each unit starts exactly where the one before said it would end. All its times are
// in ticks of media.VideoClockRate, except those it writes into a unit.
type cadence interface {
	// start keeps the first unit from standing before floor. It is called before the first stamp.
	start(floor int64)
	// stamp takes a unit's mapped DTS and PTS offset and sets DTS, PTS and Duration.
	stamp(u *media.AccessUnit, dts, offset int64)
	// step is how far after the last unit the wire should have the next one, within longestStep.
	step() int64
	// end is where the next unit may stand at the earliest.
	end() int64
}

// longestStep bounds what a cadence says of the wire: a rate of one picture a second may be claimed and untrue.
const longestStep = media.VideoClockRate / 10

// newCadence chooses by what is known of the track.
func newCadence(t *media.Track) cadence {
	switch {
	case t.Kind() == media.Audio:
		return &sampleCount{rate: t.ClockRate, codec: t.Codec}
	case t.FrameRate.Known():
		return &frameLattice{lattice: media.Lattice{Rate: t.FrameRate}}
	default:
		return &freeRunning{}
	}
}

// frameLattice puts the pictures of a constant frame rate on the lattice of that rate. Where the encoder left pictures
// out, or its clock is not quite the rate it claims, decode times still go on without a step: only the presentation time
// and the duration say what happened.
type frameLattice struct {
	lattice  media.Lattice
	started  bool
	promised int64 // DTS that the last unit promised for this one
	index    int64 // of the lattice point that the last unit was given
	ahead    int64 // by how many points index runs ahead of the wire
}

// wrong reports that pictures come faster than the rate that the track claims: the lattice does not fit.
func (f *frameLattice) wrong() bool { return f.ahead > 4 }

func (f *frameLattice) start(floor int64) { f.promised = floor }

func (f *frameLattice) stamp(u *media.AccessUnit, dts, offset int64) {
	k := f.point(dts)
	f.ahead = k - f.lattice.Index(dts)
	u.DTS = f.lattice.Ticks(k)
	u.PTS = f.lattice.Ticks(k + f.lattice.Index(offset))
	end := f.lattice.Ticks(k + 1)
	if f.started {
		u.DTS = f.promised
	}
	u.Duration = end - u.DTS
	f.started, f.promised, f.index = true, end, k
}

// point is the index of the lattice point for a unit: the nearest one that is still free. The point that is due is kept
// through more than half a frame of distance, or jitter would make pictures hop where the wire stands between two points.
func (f *frameLattice) point(dts int64) int64 {
	nearest := f.lattice.Index(dts)
	if !f.started {
		first := f.lattice.Index(f.promised)
		if f.lattice.Ticks(first) < f.promised {
			first++
		}
		return max(nearest, first)
	}
	due := f.index + 1
	if apart := dts - f.lattice.Ticks(due); nearest < due || apart < f.lattice.Ticks(1)*5/8 {
		return due
	}
	return nearest
}

// off is how far after a mapped time its nearest lattice point stands; negative when before.
func (f *frameLattice) off(dts int64) int64 { return f.lattice.Ticks(f.lattice.Index(dts)) - dts }

func (f *frameLattice) step() int64 { return min(f.lattice.Ticks(1), longestStep) }

func (f *frameLattice) end() int64 { return f.promised }

// freeRunning serves pictures of a variable or unknown rate: the time is what the wire said, and nothing is promised.
type freeRunning struct {
	least   int64 // where the next unit may stand at the earliest
	exactly bool  // the next unit must stand at least: a lattice that was given up has promised it
	last    int64 // what the wire said of the last unit
	apart   int64 // of the last two
}

func (f *freeRunning) start(floor int64) { f.least = floor }

func (f *freeRunning) stamp(u *media.AccessUnit, dts, offset int64) {
	u.DTS = max(dts, f.least)
	if f.exactly {
		u.DTS = f.least
	}
	u.PTS, u.Duration = u.DTS+offset, 0
	if f.last != 0 {
		f.apart = dts - f.last
	}
	f.least, f.exactly, f.last = u.DTS+1, false, dts
}

func (f *freeRunning) step() int64 { return min(max(f.apart, 0), longestStep) }

func (f *freeRunning) end() int64 { return f.least }

// sampleCount gives sound the time that its samples take, which the wire's timestamps only approximate (a frame of 1024
// samples at 48 kHz is 21.33 ms). It follows the wire slowly where the two drift apart, and at once over a hole.
type sampleCount struct {
	rate     int64
	codec    media.Codec
	started  bool
	promised int64 // in ticks of rate
	length   int64 // of the last frame, in ticks of rate
	drift    int64 // smoothed distance of the wire from the count, in ticks of rate
}

const (
	smoothing = 16 // units over which the distance from the wire is averaged
	slewShare = 64 // a frame is stretched or shrunk by at most this share of it
)

func (c *sampleCount) start(floor int64) {
	c.promised = media.Rescale(floor, media.VideoClockRate, c.rate)
}

func (c *sampleCount) stamp(u *media.AccessUnit, dts, _ int64) {
	at := media.Rescale(dts, media.VideoClockRate, c.rate)
	length := audioLength(c.codec, u.Payload)
	if !c.started {
		c.promised = max(c.promised, at)
	}
	u.DTS, u.PTS, u.Duration = c.promised, c.promised, length
	switch apart := at - c.promised; {
	case apart > c.rate/10: // a hole: as decode times never step, this frame starts where the hole does and lasts through it
		u.Duration += apart
		c.drift = 0
	default:
		u.Duration += c.slew(apart, length)
	}
	c.started, c.length = true, length
	c.promised = u.DTS + u.Duration
}

// slew is by how much a frame should be longer for the count to follow the wire: nothing within 5 ms.
func (c *sampleCount) slew(apart, length int64) int64 {
	c.drift += (apart - c.drift) / smoothing
	if max(c.drift, -c.drift) < c.rate/200 {
		return 0
	}
	step := length / slewShare
	if c.drift < 0 {
		step = -step
	}
	c.drift -= step
	return step
}

func (c *sampleCount) step() int64 { return media.Rescale(c.length, c.rate, media.VideoClockRate) }

func (c *sampleCount) end() int64 { return media.Rescale(c.promised, c.rate, media.VideoClockRate) }

// audioLength is how many ticks of its track's clock an audio access unit lasts.
func audioLength(codec media.Codec, payload []byte) int64 {
	switch codec {
	case media.Opus:
		return opusLength(payload)
	case media.AC3:
		return 1536
	case media.MPA:
		return mpegAudioLength(payload)
	}
	return 1024
}

// mpegAudioLength reads the version and the layer in the header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.1.3;
// ISO/IEC 13818-3, 2.4.1.3).
func mpegAudioLength(p []byte) int64 {
	if len(p) < 2 {
		return 1152
	}
	const mpeg1, layer1, layer3 = 3, 3, 1
	switch version, layer := p[1]>>3&3, p[1]>>1&3; {
	case layer == layer1:
		return 384
	case layer == layer3 && version != mpeg1:
		return 576
	}
	return 1152
}

// opusLength reads the samples at 48 kHz of an Opus packet off its first bytes (RFC 6716 section 3.1).
func opusLength(p []byte) int64 {
	if len(p) == 0 {
		return 960
	}
	var frame int64
	switch config := p[0] >> 3; {
	case config < 12:
		frame = []int64{480, 960, 1920, 2880}[config&3]
	case config < 16:
		frame = []int64{480, 960}[config&1]
	default:
		frame = []int64{120, 240, 480, 960}[config&3]
	}
	frames := int64(1)
	switch p[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(p) > 1 {
			frames = max(1, int64(p[1]&0x3f))
		}
	}
	return min(frame*frames, 5760) // "a packet MUST NOT contain more than 120 ms of audio"
}

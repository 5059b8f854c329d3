package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

var (
	fps30 = media.Rational{Num: 30, Den: 1}
	rates = []media.Rational{
		{Num: 24000, Den: 1001}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, fps30, {Num: 50, Den: 1}, {Num: 60000, Den: 1001}, {Num: 60, Den: 1},
	}
)

func TestPicturesOfAConstantRateStandOnTheirLattice(t *testing.T) {
	for _, rate := range rates {
		for _, reorder := range []bool{false, true} {
			name := rate.String()
			if reorder {
				name += " with B-frames"
			}
			t.Run(name, func(t *testing.T) {
				d := newDesk(t, ingest.Config{})
				r := d.send(encoder{rate: rate, reorder: reorder, sampleRate: 48000, span: time.Minute}, rate)
				r.keepsPromises(t)
				onLattice(t, r, rate)
				require.LessOrEqual(t, r.skew(0), 20.0)
			})
		}
	}
}

// onLattice requires that pictures stand on successive points, with no picture twice or missing in presentation.
func onLattice(t *testing.T, r *recording, rate media.Rational) {
	t.Helper()
	l := media.Lattice{Rate: rate}
	shown := make(map[int64]bool)
	pictures := r.of(picture)
	first := l.Index(pictures[0].DTS)
	for i, u := range pictures {
		require.Equal(t, l.Ticks(first+int64(i)), u.DTS)
		require.Equal(t, l.Ticks(first+int64(i)+1), u.DTS+u.Duration)
		require.Equal(t, l.Ticks(l.Index(u.PTS)), u.PTS)
		require.False(t, shown[u.PTS], "two pictures at %d", u.PTS)
		require.GreaterOrEqual(t, u.PTS, u.DTS)
		shown[u.PTS] = true
	}
}

// add is a wire clock that says more by the given milliseconds.
func add(ms float64) func(int, float64) float64 {
	return func(_ int, at float64) float64 { return at + ms }
}

// leap is a wire clock that leaps by ms at a true time.
func leap(at time.Duration, by float64) func(int, float64) float64 {
	return func(_ int, ms float64) float64 {
		if ms >= float64(at.Milliseconds()) {
			return ms + by
		}
		return ms
	}
}

func TestWhateverTheWireClockDoesMediaGoesOn(t *testing.T) {
	const minute = 60_000
	for name, wire := range map[string]func(int, float64) float64{
		"starts at a random time":   add(1_234_567),
		"wraps":                     add(1<<32 - 5_003),
		"starts at the last tick":   add(1<<32 - 1),
		"leaps ahead":               leap(10*time.Second, 5*minute),
		"leaps back":                leap(10*time.Second, -5*minute),
		"leaps ahead by half a day": leap(10*time.Second, 720*minute),
		"starts at zero again":      leap(10*time.Second, -10_000),
		"starts at zero again, from beyond half of the range": func(track int, ms float64) float64 {
			return leap(10*time.Second, -10_000-3e9)(track, ms+3e9)
		},
		"leaps between two frames": leap(10*time.Second+17*time.Millisecond, 2*minute+13),
	} {
		for _, rate := range rates {
			t.Run(name+" at "+rate.String(), func(t *testing.T) {
				d := newDesk(t, ingest.Config{})
				e := encoder{rate: rate, reorder: true, sampleRate: 44100, span: 20 * time.Second, wire: wire}
				r := d.send(e, rate)
				r.keepsPromises(t)
				onLattice(t, r, rate)
				require.LessOrEqual(t, r.skew(0), 20.0)
				lasted := media.Seconds(r.of(picture)[len(r.of(picture))-1].DTS-r.of(picture)[0].DTS, media.VideoClockRate)
				require.InDelta(t, 20, lasted, 0.1)
			})
		}
	}
}

func TestAPauseIsAHole(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	e := encoder{rate: fps30, sampleRate: 48000, span: 25 * time.Second, keep: func(_ int, at time.Duration) bool {
		return at < 10*time.Second || at >= 15*time.Second
	}}
	r := d.send(e, fps30)
	r.keepsPromises(t)
	last := r.units[len(r.units)-1]
	require.InDelta(t, 25, media.Seconds(last.PTS, r.pub.Track(last.Track).ClockRate)-media.Seconds(r.units[0].PTS, 90000), 0.1)
	require.LessOrEqual(t, r.skew(16*time.Second), 20.0)
}

// An encoder on a slow network leaves pictures out and catches up in a burst: the wire has a hole in one track that is
// longer than the pause in which nothing came.
func TestPicturesLeftOutInABurstKeepTheSoundInPlace(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	e := encoder{
		rate: fps30, sampleRate: 48000, span: 25 * time.Second,
		keep: func(track int, at time.Duration) bool {
			return track == sound || at < 10*time.Second || at >= 14*time.Second
		},
		arrives: func(at time.Duration) time.Duration {
			if at > 8*time.Second && at < 14*time.Second {
				return 14 * time.Second
			}
			return at
		},
	}
	r := d.send(e, fps30)
	r.keepsPromises(t)
	require.LessOrEqual(t, r.skew(14500*time.Millisecond), 20.0)
	require.Zero(t, d.jumps())
}

func (d *desk) jumps() (n int64) {
	for _, in := range d.gate.Inputs() {
		n += in.Jumps
	}
	return n
}

func TestWrongFrameRateIsGivenUpWithoutRunningAhead(t *testing.T) {
	for _, claimed := range []media.Rational{{Num: 30, Den: 1}, {Num: 10, Den: 1}, {Num: 1, Den: 1}, {Num: 50, Den: 1}} {
		t.Run("claims "+claimed.String(), func(t *testing.T) {
			d := newDesk(t, ingest.Config{})
			e := encoder{rate: media.Rational{Num: 60, Den: 1}, sampleRate: 48000, span: 30 * time.Second}
			s := d.open()
			d.describeFor(s, e, claimed)
			d.feed(s, e)
			r := d.last()
			r.keepsPromises(t)
			require.LessOrEqual(t, r.skew(10*time.Second), 20.0)
			inputs := d.gate.Inputs()
			require.Zero(t, inputs[0].Jumps)
			require.Equal(t, "frame rate untrue", inputs[0].Warnings[0].Name)
			s.End(nil)
		})
	}
}

func TestALatticeThatIsGivenUpKeepsItsLastPromise(t *testing.T) {
	for hole := range 30 {
		d := newDesk(t, ingest.Config{})
		s := d.open()
		describe(t, s, fps30, nil)
		at := int64(0)
		for i := range 60 {
			if i == hole {
				at += 700
			}
			d.write(s, shot(at, i == 0))
			at += 16
			d.now = d.now.Add(16 * time.Millisecond)
		}
		d.last().keepsPromises(t)
		s.End(nil)
	}
}

func TestSlowerThanClaimedStaysOnTheLattice(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	r := d.send(encoder{rate: media.Rational{Num: 30000, Den: 1001}, sampleRate: 48000, span: 5 * time.Minute}, fps30)
	r.keepsPromises(t)
	require.LessOrEqual(t, r.skew(0), 30.0)
	long := 0
	for _, u := range r.of(picture) {
		if u.Duration != 3000 {
			require.EqualValues(t, 6000, u.Duration)
			long++
		}
	}
	require.InDelta(t, 9, long, 1, "a point is left out every 1000 pictures, and none hops")
}

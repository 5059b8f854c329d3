package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

func TestSoundStaysWithThePictureForAnHour(t *testing.T) {
	for _, rate := range []int{44100, 48000} {
		d := newDesk(t, ingest.Config{})
		r := d.send(encoder{rate: media.Rational{Num: 24000, Den: 1001}, sampleRate: rate, span: time.Hour}, media.Rational{Num: 24000, Den: 1001})
		r.keepsPromises(t)
		require.LessOrEqual(t, r.skew(0), 20.0)
	}
}

func TestDriftOfTheSoundIsFollowed(t *testing.T) {
	for _, ppm := range []float64{200, -200, 1000} {
		d := newDesk(t, ingest.Config{})
		e := encoder{rate: fps30, sampleRate: 48000, span: 20 * time.Minute, wire: func(track int, ms float64) float64 {
			if track == sound { // each frame takes a little more of the wire's time than its samples say
				return ms * (1 + ppm/1e6)
			}
			return ms
		}}
		r := d.send(e, fps30)
		r.keepsPromises(t)
		last := r.of(sound)[len(r.of(sound))-1]
		want := 1200 * (1 + ppm/1e6)
		got := media.Seconds(last.DTS, 48000) - media.Seconds(r.units[0].DTS, media.VideoClockRate)
		require.InDelta(t, want, got, 0.040)
	}
}

func TestLateSoundJoinsInPlace(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	e := encoder{rate: fps30, sampleRate: 48000, span: 40 * time.Second, keep: func(track int, at time.Duration) bool {
		return track == picture || at > 20*time.Second
	}}
	r := d.send(e, fps30)
	r.keepsPromises(t)
	require.LessOrEqual(t, r.skew(0), 20.0)
}

func TestMissingSoundIsAHole(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	e := encoder{rate: fps30, sampleRate: 48000, span: 40 * time.Second, keep: func(track int, at time.Duration) bool {
		return track == picture || at < 10*time.Second || at > 13*time.Second
	}}
	r := d.send(e, fps30)
	r.keepsPromises(t)
	require.LessOrEqual(t, r.skew(14*time.Second), 20.0)
}

func TestSoundGoesOnAirWhenThePictureNeverComes(t *testing.T) {
	for name, wire := range map[string]func(int, float64) float64{"from zero": nil, "over the wrap": add(1<<32 - 1000)} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, ingest.Config{})
			e := encoder{rate: fps30, sampleRate: 48000, span: 10 * time.Second, wire: wire, keep: func(track int, _ time.Duration) bool { return track == sound }}
			r := d.send(e, fps30)
			r.keepsPromises(t)
			require.InDelta(t, 7*48000/1024, len(r.of(sound)), 2, "all but the 3 s in which the picture was waited for")
		})
	}
}

// The sound has been anchored at some time of day by then, and the picture's lattice may stand anywhere against it.
func TestAPictureAfterThatComesInPlace(t *testing.T) {
	for phase := range 12 {
		d := newDesk(t, ingest.Config{})
		d.now = d.now.Add(time.Duration(phase) * 3 * time.Millisecond)
		e := encoder{rate: fps30, sampleRate: 44100, span: 20 * time.Second, keep: func(track int, at time.Duration) bool {
			return track == sound || at >= 6*time.Second
		}}
		r := d.send(e, fps30)
		r.keepsPromises(t)
		onLattice(t, r, fps30)
		require.LessOrEqual(t, r.skew(8*time.Second), 10.0)
	}
}

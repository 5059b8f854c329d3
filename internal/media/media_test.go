package media_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/internal/media"
)

func TestTicksAndTimeAgree(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC)
	for _, rate := range []int64{90000, 48000, 44100} {
		require.Equal(t, at, media.Time(media.Ticks(at, rate), rate))
	}
}

func TestRescaleGoesThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ticks := rapid.Int64Range(0, 1<<47).Draw(t, "ticks")
		there := media.Rescale(ticks, 48000, 90000)
		require.Equal(t, ticks, media.Rescale(there, 90000, 48000))
	})
}

func TestLatticeIndexOfItsOwnPoints(t *testing.T) {
	rates := []media.Rational{{Num: 24000, Den: 1001}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 30, Den: 1}, {Num: 60000, Den: 1001}, {Num: 60, Den: 1}}
	rapid.Check(t, func(t *rapid.T) {
		l := media.Lattice{Rate: rapid.SampledFrom(rates).Draw(t, "rate")}
		k := rapid.Int64Range(40_000_000_000, 130_000_000_000).Draw(t, "k")
		at := l.Ticks(k)
		require.Equal(t, k, l.Index(at))
		require.Equal(t, k, l.Index(at+500), "5 ms of jitter stays on the point")
		require.Less(t, at, l.Ticks(k+1))
	})
}

func TestSlotTakesRoundingOnItsBoundary(t *testing.T) {
	const d = 2 * media.VideoClockRate
	require.EqualValues(t, 10, media.Slot(10*d, d))
	require.EqualValues(t, 10, media.Slot(10*d-media.BoundarySlack, d))
	require.EqualValues(t, 9, media.Slot(10*d-media.BoundarySlack-1, d))
}

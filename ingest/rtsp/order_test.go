package rtsp

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// run gives pictures in decoding order to an order, whose times of presentation are in frames of 3000 ticks.
func run(o *order, frames ...int64) (dts []int64) {
	for _, f := range frames {
		dts = append(dts, o.next(f*3000))
	}
	return dts
}

func TestDecodingTimesOfDeclaredReordering(t *testing.T) {
	var o order
	o.declare(2, 3000) // I0 P4 B2 b1 b3, with B2 a reference
	require.Equal(t, []int64{-6000, -3000, 0, 3000, 6000, 9000, 12000, 15000, 18000}, run(&o, 0, 4, 2, 1, 3, 8, 6, 5, 7))
	o.declare(0, 3000)
	require.Equal(t, []int64{0, 3000, 6000}, run(&o, 0, 1, 2))
}

func TestReorderingThatIsNotDeclaredIsFoundOut(t *testing.T) {
	var o order
	o.declare(unknown, 3000)
	got := run(&o, 0, 3, 1, 2, 6, 4, 5, 9, 7, 8)
	for i := 1; i < len(got); i++ {
		require.Greater(t, got[i], got[i-1])
	}
	require.Equal(t, 1, o.reorder)
	require.Equal(t, []int64{18000, 21000, 24000}, got[7:], "from then on it is right")
}

func TestAJumpOfTheClockStartsAnew(t *testing.T) {
	var o order
	o.declare(2, 3000)
	run(&o, 0, 4, 2, 1, 3)
	require.Equal(t, []int64{100_000*3000 - 6000, 100_000*3000 - 3000, 100_000 * 3000}, run(&o, 100_000, 100_004, 100_002))
	require.Equal(t, []int64{-6000, -3000, 0}, run(&o, 0, 4, 2), "and backwards")
}

// Whatever a sender does, decoding times rise and little is kept.
func TestDecodingTimesRiseWithinARun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o order
		o.declare(rapid.IntRange(unknown, 20).Draw(t, "reorder"), 3000)
		last, lastPTS := int64(-1<<62), int64(0)
		for i, pts := range rapid.SliceOfN(rapid.Int64Range(-1<<40, 1<<40), 1, 200).Draw(t, "pts") {
			if rapid.Bool().Draw(t, "near") && i > 0 {
				pts = lastPTS + pts%jumpSpan
			}
			dts := o.next(pts)
			if apart := pts - lastPTS; i > 0 && max(apart, -apart) <= jumpSpan {
				require.Greater(t, dts, last)
			}
			last, lastPTS = dts, pts
			require.LessOrEqual(t, len(o.held), maxReorder+1)
		}
	})
}

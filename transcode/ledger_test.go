package transcode

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

// machine has a processor of so many million pixels a second and GPUs of the others.
func machine(processor float64, gpus ...float64) *device.Table {
	t := &device.Table{}
	for i, megapixels := range gpus {
		t.Devices = append(t.Devices, device.Entry{
			Device: device.Device{ID: "nvidia" + string(rune('0'+i)), Kind: device.NVIDIA},
			Trials: []device.Trial{{Codec: media.H264, Works: megapixels > 0, Reason: "no encoder on this chip", Speeds: []device.Speed{{Preset: "p4", PixelsPerSecond: megapixels * 1e6}}}},
		})
	}
	t.Devices = append(t.Devices, measured(processor).Devices...)
	return t
}

// floor is a ledger with its own clock, and what a test says to it.
type floor struct {
	*ledger
	t   *testing.T
	now time.Time
}

func newFloor(t *testing.T, table *device.Table, order ...string) *floor {
	f := &floor{ledger: newLedger(0.55, order, Ladders{}), t: t, now: time.Unix(startSecond, 0)}
	f.measured(table)
	return f
}

// admit a source of 1080p and return its plan as "nvidia0 1080p 720p …", or why there is none.
func (f *floor) admit(stream string) string {
	f.now = f.now.Add(time.Second)
	p, ok, why, _ := f.ledger.admit(f.now, stream, picture(1920, 1080, fps(30, 1)))
	if !ok {
		return why
	}
	return shown(p)
}

func shown(p Plan) string {
	out := []string{p.Device.ID}
	for _, r := range p.Rungs {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

// yields has a stream give up a rung, as the pool does when the review says so.
func (f *floor) yields(stream string) string {
	require.ErrorIs(f.t, f.review(f.now, stream), errYield)
	p, ok := f.tasks[stream].plan.lighter(errYield)
	require.True(f.t, ok)
	f.replaced(stream, p)
	return shown(p)
}

func (f *floor) prioritize(stream string, priority int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.task(stream).priority = priority
}

// The ladder of 1080p takes 105 megapixels a second, and decoding and scaling as much as 31.
func TestALadderThatFitsIsGivenWhole(t *testing.T) {
	f := newFloor(t, machine(300))
	require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("a"))
	require.NoError(t, f.review(f.now, "a"))
	require.InDelta(t, 0.453, f.load("cpu"), 0.01)
}

func TestASecondStreamLosesRungsBeforeItIsRefused(t *testing.T) {
	f := newFloor(t, machine(215))
	require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("a"))
	require.Equal(t, "cpu 720p 480p 240p", f.admit("b"))
	require.NoError(t, f.review(f.now, "a"), "nobody has to give way to that")
}

func TestARunningStreamGivesUpRungsBeforeAnotherIsRefused(t *testing.T) {
	f := newFloor(t, machine(150))
	require.Equal(t, "cpu 720p 480p 240p", f.admit("a"))
	require.Equal(t, "cpu 480p 240p", f.admit("b"))
	require.Equal(t, "waiting for a rung of stream a", f.admit("c"))
	require.Equal(t, "cpu 480p 240p", f.yields("a"))
	require.Equal(t, "cpu 240p", f.admit("c"))
	require.NoError(t, f.review(f.now, "a"))
}

func TestAFullMachineHasStreamsWaitInTheOrderOfTheirAge(t *testing.T) {
	f := newFloor(t, machine(70))
	require.Equal(t, "cpu 240p", f.admit("a"))
	require.Contains(t, f.admit("b"), "no room on cpu")
	require.Equal(t, "stream b waits too, and goes first", f.admit("c"))
	f.prioritize("c", 1)
	require.Contains(t, f.admit("c"), "no room on cpu", "a higher priority goes first")
	require.Equal(t, "stream c waits too, and goes first", f.admit("b"))
	f.left("a")
	require.Equal(t, "cpu 240p", f.admit("c"))
	f.left("c")
	require.Equal(t, "cpu 240p", f.admit("b"))
}

func TestAHigherPriorityIsNotAskedForRungs(t *testing.T) {
	f := newFloor(t, machine(150))
	f.prioritize("a", 1)
	f.prioritize("b", 1)
	require.Equal(t, "cpu 720p 480p 240p", f.admit("a"))
	require.Equal(t, "cpu 480p 240p", f.admit("b"))
	require.Contains(t, f.admit("c"), "no room on cpu")
	require.NoError(t, f.review(f.now, "a"))
}

func TestRungsComeBackWhenThereHasBeenRoomForAWhile(t *testing.T) {
	f := newFloor(t, machine(215))
	f.admit("a")
	require.Equal(t, "cpu 720p 480p 240p", f.admit("b"))
	f.left("a")
	require.NoError(t, f.review(f.now, "b"), "not at once")
	f.now = f.now.Add(settleRoom - time.Second)
	require.NoError(t, f.review(f.now, "b"))
	f.now = f.now.Add(time.Second)
	require.ErrorIs(t, f.review(f.now, "b"), errRoom)
	require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("b"))
	require.NoError(t, f.review(f.now, "b"))
}

func TestAStreamThatFellBehindTriesMoreLaterAndLater(t *testing.T) {
	f := newFloor(t, machine(300))
	f.admit("a")
	for _, settle := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		f.slowed("a")
		p, _ := f.tasks["a"].plan.lighter(errSlow)
		f.replaced("a", p)
		require.NoError(t, f.review(f.now, "a"))
		f.now = f.now.Add(settle - time.Second)
		require.NoError(t, f.review(f.now, "a"))
		f.now = f.now.Add(time.Second)
		require.ErrorIs(t, f.review(f.now, "a"), errRoom)
		require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("a"))
	}
}

func TestGPUsAreBalancedAndGoBeforeTheProcessor(t *testing.T) {
	f := newFloor(t, machine(300, 200, 250))
	require.Equal(t, "nvidia0 1080p 720p 480p 240p", f.admit("a"))
	require.Equal(t, "nvidia1 1080p 720p 480p 240p", f.admit("b"))
	require.Equal(t, "nvidia1 1080p 720p 480p 240p", f.admit("c"))
	require.Empty(t, f.fallback(device.Device{ID: "nvidia1", Kind: device.NVIDIA}))
	require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("d"), "where a whole ladder fits")
	require.NotEmpty(t, f.fallback(device.Host()))
}

func TestOnlyDevicesThatMayBeUsedAre(t *testing.T) {
	f := newFloor(t, machine(300, 0), "nvidia0")
	require.Contains(t, f.admit("a"), "none of the devices that may be used encodes")
	f = newFloor(t, machine(300, 200), "cpu", "nvidia0")
	require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("a"), "in the order that was asked for")
	require.Empty(t, f.fallback(device.Host()))
}

func TestThreeFailuresMoveAStreamToAnotherDevice(t *testing.T) {
	f := newFloor(t, machine(300, 200))
	require.Equal(t, "nvidia0 1080p 720p 480p 240p", f.admit("a"))
	for _, out := range []bool{false, false, true} {
		require.Equal(t, out, f.strike(f.now, "a", "nvidia0"))
	}
	require.Equal(t, "cpu 1080p 720p 480p 240p", f.admit("a"))
	require.Equal(t, "nvidia0 has failed, or has no room", f.fallback(device.Host()))
	require.Equal(t, "nvidia0 1080p 720p 480p 240p", f.admit("b"), "for others it is as good as before")
	f.now = f.now.Add(strikesFade + time.Second)
	f.forgive(f.now, "a")
	f.left("b")
	require.Equal(t, "nvidia0 1080p 720p 480p 240p", f.admit("a"))
}

func TestTheOnlyDeviceIsTriedForEver(t *testing.T) {
	f := newFloor(t, machine(300))
	f.admit("a")
	for range 10 {
		require.False(t, f.strike(f.now, "a", "cpu"))
	}
}

func TestSlotsAreWholeLaddersThatFit(t *testing.T) {
	f := newFloor(t, machine(300, 250))
	require.Equal(t, 1+2, f.slots())
	f.admit("a")
	require.Equal(t, 1+1, f.slots())
	require.Zero(t, newFloor(t, nil).slots(), "nothing is known")
}

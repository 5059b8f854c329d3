package transcode

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/transcode/device"
)

// boaster is a machine with a graphics chip that encoded when it was tried, and does not any more.
type boaster struct{ *device.Local }

func (b boaster) Look(ctx context.Context) device.Facts {
	f := b.Local.Look(ctx)
	f.NVIDIA = "0, A chip that is gone, 550.54.15, 16384, 5, 1, 0, 0, 0"
	return f
}

func (boaster) Encode(context.Context, []string, ...string) (ffmpeg.Spent, error) {
	return ffmpeg.Spent{CPU: 50 * time.Millisecond, Wall: 10 * time.Millisecond}, nil
}

// A device that fails three times in a row is left alone: the stream goes on with another, and it is said why.
func TestAStreamLeavesADeviceThatFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	devices := device.NewWatch(boaster{&device.Local{}}, t.TempDir(), discard)
	watched := make(chan error)
	go func() { watched <- devices.Run(ctx) }()
	require.NotNil(t, devices.Await(ctx))
	h := hub.New()
	pool := NewPool(Config{}, h, devices, discard)
	b := &bench{ctx: ctx, hub: h, pool: pool}
	done := make(chan error)
	go func() { done <- pool.Run(ctx, "live") }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, <-watched)
	}()

	s := often(4).make(t)
	pub := s.publish(t, h, 1)
	write(pub, s.units)
	ladder := awaitLadder(ctx, t, h, nil)
	require.Len(t, ladder.Tracks, 3)
	status := b.status()
	require.Equal(t, "cpu", status.Device)
	require.Equal(t, "nvidia0 has failed, or has no room", status.Note)
	require.EqualValues(t, strikesOut, status.Restarts)
	for reason, n := range pool.meter("live").reasons() {
		require.EqualValues(t, strikesOut, n, "all for one reason: %s", reason)
		require.NotEqual(t, string(ffmpeg.Failed), reason, "the reason has a name")
	}
	pub.Close(hub.ErrEnded)
}

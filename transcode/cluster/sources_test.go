package cluster

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/registry"
)

func TestSourcesAreAnnouncedForAsLongAsTheyAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var log bytes.Buffer
		s := &Sources{
			Node: Node{ID: "front", URL: "http://front"}, Hub: hub.New(), Registry: &registry.Memory{}, Streams: []string{"live", "other"},
			Priority: func(stream string) int { return len(stream) }, Log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		list := func() map[string]string {
			all, err := s.Registry.List(ctx, kindSource)
			require.NoError(t, err)
			return all
		}
		pass(time.Second)
		require.Empty(t, list())

		pub, err := s.Hub.Publish(hub.Key{Stream: "live", Stage: hub.Source}, 7, []media.Track{
			{ID: 1, Codec: media.AAC, ClockRate: 48000},
			{ID: 2, Codec: media.H264, ClockRate: media.VideoClockRate, Width: 1280, Height: 720, FrameRate: media.Rational{Num: 30, Den: 1}},
		})
		require.NoError(t, err)
		began := time.Now()
		pass(time.Second)
		found, ok := decode[Source](list()["live"])
		require.True(t, ok)
		require.Equal(t, Source{Stream: "live", Node: "front", URL: "http://front", ID: 7, Since: 7, Priority: 4, Width: 1280, Height: 720, Rate: media.Rational{Num: 30, Den: 1}}, found)
		require.Equal(t, media.H264, found.Picture().Codec)
		pass(10 * time.Second)
		require.Len(t, list(), 1, "again and again")

		require.Len(t, s.Waiting(), 1)
		require.WithinDuration(t, began, s.Waiting()[0].Since, time.Second)
		require.Contains(t, log.String(), "no node encodes the stream")
		_, taken, err := s.Registry.Acquire(ctx, "live", "worker", time.Hour)
		require.NoError(t, err)
		require.True(t, taken)
		pass(time.Second)
		require.Empty(t, s.Waiting())
		require.Contains(t, log.String(), "stream is encoded at last")

		s.Lost(ctx, "live", "another")
		leases, err := s.Registry.Leases(ctx)
		require.NoError(t, err)
		require.Len(t, leases, 1, "that one has it no more")
		s.Lost(ctx, "live", "worker")
		leases, err = s.Registry.Leases(ctx)
		require.NoError(t, err)
		require.Empty(t, leases)

		pub.Close(hub.ErrEnded)
		pass(time.Second)
		require.Empty(t, list())
		require.Empty(t, s.Waiting())
		cancel()
		require.NoError(t, <-done)
	})
}

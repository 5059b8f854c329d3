package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// What a broadcaster sends in several sizes is not encoded again.
func TestLadderOfTheSourceIsPassedOn(t *testing.T) {
	b := newBench(t, Config{})
	tracks := []media.Track{
		{ID: 3, Rendition: "720p", Codec: media.H264, ClockRate: media.VideoClockRate, Width: 1280, Height: 720},
		{ID: 1, Rendition: "360p", Codec: media.HEVC, ClockRate: media.VideoClockRate, Width: 640, Height: 360},
		{ID: 2, Rendition: "audio", Codec: media.Opus, ClockRate: 48000},
	}
	var last *hub.Publication
	for id := int64(1); id < 3; id++ { // the second takes over
		pub, err := b.hub.Publish(hub.Key{Stream: "live", Stage: hub.Source}, id, tracks)
		require.NoError(t, err)
		var sent []media.AccessUnit
		for n := range int64(30) {
			for _, track := range tracks {
				sent = append(sent, media.AccessUnit{Track: track.ID, DTS: n * 3000, PTS: n * 3000, RandomAccess: n == 0, Payload: []byte{byte(n)}})
			}
		}
		write(pub, sent)
		ladder := awaitLadder(b.ctx, t, b.hub, last)
		require.Equal(t, tracks, ladder.Tracks)
		require.Equal(t, id, ladder.ID)
		out := ladder.Subscribe()
		pub.Close(hub.ErrEnded)
		var got []media.AccessUnit
		for {
			units, err := out.Next(b.ctx, nil)
			if err != nil {
				require.ErrorIs(t, err, hub.ErrEnded)
				break
			}
			got = append(got, units...)
		}
		require.Equal(t, sent, got)
		out.Close()
		last = ladder
	}
	status := b.status()
	require.True(t, status.Passed)
	require.Equal(t, []string{"720p", "360p"}, []string{status.Rungs[0].Name, status.Rungs[1].Name})
	require.Zero(t, status.Lost)
}

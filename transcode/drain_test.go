package transcode

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg/nut"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func newCollector(t *testing.T, tracks int) *collector {
	t.Helper()
	h := hub.New()
	publish := func(tracks []media.Track) (*hub.Publication, error) {
		return h.Publish(hub.Key{Stream: "live", Stage: hub.Ladder}, 1, tracks)
	}
	return &collector{publish: publish, meter: &meter{}, tracks: make([]media.Track, tracks)}
}

func TestNothingComesOutBeforeEveryOutputIsDescribed(t *testing.T) {
	c := newCollector(t, 2)
	require.NoError(t, c.describe(media.Track{ID: 1, Codec: media.H264}))
	require.NoError(t, c.write(media.AccessUnit{Track: 1, PTS: 1, RandomAccess: true}))
	require.Nil(t, c.pub)
	require.NoError(t, c.describe(media.Track{ID: 2, Codec: media.AAC}))
	units, err := c.pub.Subscribe().Next(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, times(units), "what came before is not lost")
}

func TestWhatIsKeptBeforeThePublicationIsBounded(t *testing.T) {
	c := newCollector(t, 2)
	require.NoError(t, c.describe(media.Track{ID: 1, Codec: media.H264}))
	unit := media.AccessUnit{Track: 1, Payload: make([]byte, pendingBytes/4)}
	for range 4 {
		require.NoError(t, c.write(unit))
	}
	require.ErrorIs(t, c.write(unit), errPending)
}

func TestNoRungIsAheadOfTheFirst(t *testing.T) {
	c := newCollector(t, 3)
	for id, codec := range []media.Codec{media.H264, media.H264, media.AAC} {
		require.NoError(t, c.describe(media.Track{ID: id + 1, Codec: codec}))
	}
	picture := func(track int, pts int64, random bool) {
		require.NoError(t, c.write(media.AccessUnit{Track: track, PTS: pts, RandomAccess: random}))
	}
	picture(1, 10_000, true)
	picture(2, 10_000, true)
	picture(2, 20_000, true) // its output was read first
	picture(2, 30_000, false)
	picture(3, 20_000, true)
	picture(1, 20_000, true)
	units, err := c.pub.Subscribe().Next(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, []media.AccessUnit{
		{Track: 1, PTS: 20_000, RandomAccess: true}, {Track: 2, PTS: 20_000, RandomAccess: true},
	}, units)
	picture(1, 30_000, false)
	require.Empty(t, c.held)
}

func TestMissingPictureKeepsThePromiseOfTheOneBefore(t *testing.T) {
	l := &lattice{track: 1, points: media.Lattice{Rate: fps(30, 1)}, scale: &nut.Stream{Num: 1, Den: 90000}}
	var units []media.AccessUnit
	for _, pts := range []int64{0, 3000, 9000, 12000} { // none at 6000
		units = append(units, l.unit(nut.Packet{PTS: pts}))
	}
	require.Equal(t, []int64{0, 3000, 9000, 12000}, times(units))
	for n, u := range units[1:] {
		require.Equal(t, units[n].DTS+units[n].Duration, u.DTS)
		require.LessOrEqual(t, u.DTS, u.PTS)
	}
	require.EqualValues(t, 6000, units[2].Duration, "back on the lattice")
	require.Equal(t, units[3].PTS, units[3].DTS)
}

func TestHoleInTheSoundKeepsThePromise(t *testing.T) {
	g := &grid{track: 1, rate: 48000, scale: &nut.Stream{Num: 1, Den: 48000}}
	var units []media.AccessUnit
	for _, pts := range []int64{0, 1024, 4096, 5120} {
		units = append(units, g.unit(nut.Packet{PTS: pts}))
	}
	for n, u := range units[1:] {
		require.Equal(t, units[n].DTS+units[n].Duration, u.DTS)
	}
	require.EqualValues(t, 5120, units[3].DTS)
}

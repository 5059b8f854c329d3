package hub_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

var key = hub.Key{Stream: "live", Stage: hub.Source}

func tracks() []media.Track {
	return []media.Track{
		{ID: 1, Codec: media.H264, ClockRate: media.VideoClockRate},
		{ID: 2, Codec: media.AAC, ClockRate: 48000},
	}
}

func publish(t *testing.T, h *hub.Hub) *hub.Publication {
	t.Helper()
	p, err := h.Publish(key, 1, tracks())
	require.NoError(t, err)
	return p
}

func picture(n int64, random bool) media.AccessUnit {
	return media.AccessUnit{Track: 1, DTS: n, PTS: n, RandomAccess: random, Payload: []byte{byte(n)}}
}

func times(units []media.AccessUnit) (out []int64) {
	for _, u := range units {
		out = append(out, u.DTS)
	}
	return out
}

func TestLateReaderStartsAtTheLastRandomAccessPoint(t *testing.T) {
	p := publish(t, hub.New())
	for _, u := range []media.AccessUnit{picture(1, true), picture(2, false), picture(3, true), picture(4, false)} {
		p.Write(u)
	}
	s := p.Subscribe()
	defer s.Close()
	units, err := s.Next(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, []int64{3, 4}, times(units))
}

func TestSlowReaderDropsToTheNextRandomAccessPointAndCounts(t *testing.T) {
	p := publish(t, hub.New())
	s := p.Subscribe()
	defer s.Close()
	p.Write(picture(0, true))
	for n := int64(1); n <= 8192; n++ { // one more than the queue holds
		p.Write(picture(n, false))
	}
	p.Write(picture(9000, true))
	p.Write(picture(9001, false))
	units, err := s.Next(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, []int64{9000, 9001}, times(units))
	require.EqualValues(t, 8193, s.Dropped())
}

func TestReaderSeesWhatIsQueuedAndThenTheReason(t *testing.T) {
	h := hub.New()
	p := publish(t, h)
	s := p.Subscribe()
	defer s.Close()
	p.Write(picture(1, true))
	publish(t, h)
	units, err := s.Next(context.Background(), nil)
	require.NoError(t, err)
	require.Len(t, units, 1)
	_, err = s.Next(context.Background(), nil)
	require.ErrorIs(t, err, hub.ErrReplaced)
}

func TestAwaitReturnsTheNewestPublication(t *testing.T) {
	h := hub.New()
	got := make(chan *hub.Publication)
	go func() {
		p, _ := h.Await(context.Background(), key, nil)
		got <- p
	}()
	p := publish(t, h)
	require.Same(t, p, <-got)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.Await(ctx, key, p)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNextEndsWithItsContext(t *testing.T) {
	s := publish(t, hub.New()).Subscribe()
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Next(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func BenchmarkWriteAndNext(b *testing.B) {
	p, _ := hub.New().Publish(key, 1, tracks())
	s := p.Subscribe()
	defer s.Close()
	u := picture(1, true)
	var buf []media.AccessUnit
	b.ReportAllocs()
	for b.Loop() {
		p.Write(u)
		units, _ := s.Next(context.Background(), buf)
		buf = units
	}
}

// Of several sizes of one picture the others may come before the first: what belongs to its time is kept with it.
func TestLateReaderGetsEverySizeFromItsRandomAccessPoint(t *testing.T) {
	sizes := append(tracks(), media.Track{ID: 3, Codec: media.H264, ClockRate: media.VideoClockRate})
	p, err := hub.New().Publish(key, 1, sizes)
	require.NoError(t, err)
	other := func(n int64, random bool) media.AccessUnit {
		u := picture(n, random)
		u.Track = 3
		return u
	}
	for n := int64(0); n < 4; n++ {
		at := n * 3000
		p.Write(other(at, n%2 == 0))
		p.Write(other(at+1, false))
		p.Write(picture(at, n%2 == 0))
		p.Write(picture(at+2, false))
	}
	s := p.Subscribe()
	defer s.Close()
	require.Equal(t, []int64{6000, 6001, 6000, 6002, 9000, 9001, 9000, 9002}, times(next(t, s)))
}

package hub_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// large is a picture of a megabyte.
func large(n int64, random bool) media.AccessUnit {
	u := picture(n, random)
	u.Payload = make([]byte, 1<<20)
	return u
}

func next(t *testing.T, s *hub.Subscription) []media.AccessUnit {
	t.Helper()
	units, err := s.Next(context.Background(), nil)
	require.NoError(t, err)
	return units
}

func TestAGroupOfPicturesTooLargeToKeepMakesLateReadersWait(t *testing.T) {
	p := publish(t, hub.New())
	p.Write(large(0, true))
	for n := int64(1); n < 6; n++ {
		p.Write(large(n, false))
	}
	s := p.Subscribe()
	defer s.Close()
	p.Write(large(6, false))
	p.Write(media.AccessUnit{Track: 2, DTS: 1, RandomAccess: true, Payload: []byte{1}})
	p.Write(picture(7, true))
	require.Equal(t, []int64{1, 7}, times(next(t, s)), "sound at once, the picture from where it can be decoded")
	require.EqualValues(t, 1, s.Dropped())

	later := p.Subscribe()
	defer later.Close()
	require.Equal(t, []int64{7}, times(next(t, later)), "the next group is kept again")
}

func TestBytesThatWaitAreBounded(t *testing.T) {
	p := publish(t, hub.New())
	s := p.Subscribe()
	defer s.Close()
	p.Write(large(0, true))
	for n := int64(1); n <= 40; n++ {
		p.Write(large(n, n == 40))
	}
	require.Equal(t, []int64{40}, times(next(t, s)))
	require.EqualValues(t, 40, s.Dropped())
}

func TestOneSlowReaderCostsNoOther(t *testing.T) {
	p := publish(t, hub.New())
	slow, quick := p.Subscribe(), p.Subscribe()
	defer slow.Close()
	defer quick.Close()
	for n := range int64(10_000) {
		p.Write(picture(n, n == 0))
		require.Len(t, next(t, quick), 1)
	}
	require.Zero(t, quick.Dropped())
	require.Positive(t, slow.Dropped())
}

func TestAClosedPublicationTakesNothingMore(t *testing.T) {
	p := publish(t, hub.New())
	p.Write(picture(1, true))
	p.Close(hub.ErrEnded)
	p.Close(hub.ErrLost)
	p.Write(picture(2, true))
	require.ErrorIs(t, p.Err(), hub.ErrEnded, "the first reason counts")
	s := p.Subscribe()
	defer s.Close()
	_, err := s.Next(context.Background(), nil)
	require.ErrorIs(t, err, hub.ErrEnded)
}

func TestAClosedSubscriptionReadsNoMore(t *testing.T) {
	p := publish(t, hub.New())
	s := p.Subscribe()
	p.Write(picture(1, true))
	s.Close()
	s.Close()
	p.Write(picture(2, true))
	_, err := s.Next(context.Background(), nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPublicationHasTracks(t *testing.T) {
	h := hub.New()
	_, err := h.Publish(key, 1, nil)
	require.ErrorContains(t, err, "no tracks")
	require.Nil(t, h.Newest(key))
}

func TestReadersAndTakeoversTogether(t *testing.T) {
	h := hub.New()
	const publications = 50
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var seen *hub.Publication
			for {
				p, err := h.Await(context.Background(), key, seen)
				if err != nil {
					t.Error(err)
					return
				}
				seen = p
				s := p.Subscribe()
				for err == nil {
					_, err = s.Next(context.Background(), nil)
				}
				s.Close()
				if p.ID == publications {
					return
				}
			}
		})
	}
	for id := range int64(publications) {
		p, err := h.Publish(key, id+1, tracks())
		require.NoError(t, err)
		for n := range int64(20) {
			p.Write(picture(n, n == 0))
		}
		if id+1 == publications {
			p.Close(hub.ErrEnded)
		}
	}
	wg.Wait()
}

package transcode

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// minutes of media that each source of the test below has: more are asked for by STAGECAST_MINUTES.
func minutes(few int) int {
	if n, err := strconv.Atoi(os.Getenv("STAGECAST_MINUTES")); err == nil {
		return n
	}
	return few
}

// loop is the picture of a film that begins again when it is over, on the lattice of its rate.
type loop struct {
	source
	points media.Lattice
	first  int64
}

func (l *loop) unit(n int64) media.AccessUnit {
	u := l.units[n%int64(len(l.units))]
	k := l.first + n
	u.DTS, u.PTS, u.Duration = l.points.Ticks(k), l.points.Ticks(k), l.points.Ticks(k+1)-l.points.Ticks(k)
	return u
}

// Rungs have their key frames at the same pictures and exactly where segments begin, over a long time, at rates that are no whole
// numbers, with pictures that are lost and an encoder that comes back in the middle.
func TestKeyFramesOverALongTime(t *testing.T) {
	for _, rate := range []media.Rational{fps(30000, 1001), fps(60000, 1001)} {
		t.Run(rate.String(), func(t *testing.T) {
			t.Parallel()
			film := &loop{points: media.Lattice{Rate: rate}, source: recipe{
				size: "128x72", rate: rate, seconds: 10, video: []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60"},
			}.make(t)}
			film.first = film.points.Index(startSecond*media.VideoClockRate + startOffset)
			long := int64(float64(minutes(1)*60) * rate.Float())
			keys := playLong(t, film, long)
			require.InDelta(t, float64(minutes(1)*30), len(keys["72p"]), 6, "a key frame every two seconds, but for what passed before there were readers")
			require.Equal(t, keys["72p"], keys["64p"])
			t.Logf("%d key frames at the same pictures in %d min", len(keys["72p"]), minutes(1))
		})
	}
}

// playLong encodes as fast as the process can, with every hundredth picture lost and a hole in the middle, and returns the instants of
// the key frames of each rung.
func playLong(t *testing.T, film *loop, long int64) map[string][]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	h := hub.New()
	pool := NewPool(Config{Ladders: laddersOf(t, "72p:100k,64p:60k")}, h, nil, discard)
	done := make(chan error)
	go func() { done <- pool.Run(ctx, "live") }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	keys := make(map[string][]int64)
	random := rand.New(rand.NewPCG(1, 1))
	var before *hub.Publication
	n := int64(0)
	for id, end := range []int64{long / 2, long} {
		pub := film.publish(t, h, int64(id+1))
		var newest atomic.Int64
		read := make(chan *hub.Publication, 1)
		go func() {
			ladder, err := h.Await(ctx, hub.Key{Stream: "live", Stage: hub.Ladder}, before)
			if err == nil {
				noteKeys(ctx, t, ladder, keys, &newest)
			}
			read <- ladder
		}()
		for from := n; n < end; n++ {
			u := film.unit(n)
			for n-from > 90 && u.PTS-newest.Load() > 2*media.VideoClockRate && ctx.Err() == nil {
				time.Sleep(time.Millisecond) // its pace is that of the process
			}
			if n > from && random.IntN(100) == 0 {
				continue
			}
			pub.Write(u)
		}
		pub.Close(hub.ErrLost)
		before = <-read
		n = (n + 60) / 60 * 60 // it comes back with a key frame
	}
	return keys
}

// noteKeys reads a ladder to its end.
func noteKeys(ctx context.Context, t *testing.T, ladder *hub.Publication, keys map[string][]int64, newest *atomic.Int64) {
	sub := ladder.Subscribe()
	defer sub.Close()
	slots := make(map[int]int64)
	for {
		units, err := sub.Next(ctx, nil)
		if err != nil {
			return
		}
		for _, u := range units {
			slot := media.Slot(u.PTS, twoSeconds)
			before, seen := slots[u.Track]
			if starts := !seen || slot > before; starts != u.RandomAccess {
				t.Errorf("track %d: a key frame is where no segment begins, or none where one does, at %d", u.Track, u.PTS)
			}
			slots[u.Track] = slot
			if u.RandomAccess {
				name := ladder.Track(u.Track).Rendition
				keys[name] = append(keys[name], u.PTS)
			}
			newest.Store(u.PTS)
		}
	}
}

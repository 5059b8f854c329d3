package transcode

import (
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hangs is when a test gives up waiting; none takes nearly as long.
const hangs = 60 * time.Second

var discard = slog.New(slog.DiscardHandler)

// bench is a Pool that runs for one stream, and what a test needs around it.
type bench struct {
	ctx  context.Context
	hub  *hub.Hub
	pool *Pool
}

// newBench starts a Pool, which ends with the test.
func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	h := hub.New()
	b := &bench{ctx: ctx, hub: h, pool: NewPool(c, h, nil, discard)}
	done := make(chan error)
	go func() { done <- b.pool.Run(ctx, "live") }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return b
}

// encode sends a whole source through the ladder. The source is written in two halves, so that the ladder is read from
// its first unit.
func (b *bench) encode(t testing.TB, s source) *ladder {
	t.Helper()
	pub := s.publish(t, b.hub, 1)
	early := s.until(1.5)
	write(pub, s.units[:early])
	out := b.collect(awaitLadder(b.ctx, t, b.hub, nil))
	write(pub, s.units[early:])
	pub.Close(hub.ErrEnded)
	return <-out
}

func (b *bench) collect(p *hub.Publication) <-chan *ladder {
	out := make(chan *ladder, 1)
	go func() { out <- collect(b.ctx, p) }()
	return out
}

// trickle writes one unit after another until there is a ladder, and returns how many it took.
func (b *bench) trickle(p *hub.Publication, units []media.AccessUnit) (n int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.newest() == nil && n < len(units) {
		<-tick.C
		p.Write(units[n])
		n++
	}
	return n
}

// newest ladder; nil where there was none yet.
func (b *bench) newest() *hub.Publication {
	return b.hub.Newest(hub.Key{Stream: "live", Stage: hub.Ladder})
}

func fps(num, den int64) media.Rational { return media.Rational{Num: num, Den: den} }

// requirePictures checks all that a rung promises.
func requirePictures(t *testing.T, track *media.Track, units []media.AccessUnit, segment int64) {
	t.Helper()
	require.NotEmpty(t, units)
	lattice := media.Lattice{Rate: track.FrameRate}
	first := lattice.Index(units[0].PTS)
	for n, u := range units {
		k := first + int64(n)
		require.Equal(t, lattice.Ticks(k), u.PTS, "picture %d stands on the lattice, and none is missing", n)
		require.Equal(t, u.PTS, u.DTS)
		require.Equal(t, lattice.Ticks(k+1)-lattice.Ticks(k), u.Duration)
		starts := n == 0 || media.Slot(u.PTS, segment) > media.Slot(units[n-1].PTS, segment)
		require.Equal(t, starts, u.RandomAccess, "picture %d at %d", n, u.PTS)
		require.Equal(t, starts, hasIDR(t, u.Payload), "picture %d at %d", n, u.PTS)
	}
}

// hasIDR walks the NAL units with their 4-byte lengths.
func hasIDR(t *testing.T, payload []byte) (idr bool) {
	t.Helper()
	for len(payload) > 0 {
		require.Greater(t, len(payload), 4)
		size := binary.BigEndian.Uint32(payload)
		payload = payload[4:]
		require.NotZero(t, size)
		require.LessOrEqual(t, int(size), len(payload))
		idr = idr || payload[0]&0x1f == 5
		payload = payload[size:]
	}
	return idr
}

// requireSound checks all that the sound rendition promises.
func requireSound(t *testing.T, units []media.AccessUnit) {
	t.Helper()
	require.NotEmpty(t, units)
	for n, u := range units {
		require.Zero(t, u.PTS%audioFrame, "on the grid of audio frames since the Unix epoch")
		require.Equal(t, units[0].PTS+int64(n)*audioFrame, u.PTS, "frame %d", n)
		require.Equal(t, u.PTS, u.DTS)
		require.EqualValues(t, audioFrame, u.Duration)
		require.True(t, u.RandomAccess)
	}
}

// requireLadder checks a ladder of pictures and sound against its source.
func requireLadder(t *testing.T, l *ladder, s source, segment int64) {
	t.Helper()
	require.ErrorIs(t, l.reason, hub.ErrEnded)
	var top []media.AccessUnit
	for i := range l.pub.Tracks {
		track := &l.pub.Tracks[i]
		require.Equal(t, i+1, track.ID)
		require.NotEmpty(t, track.Config)
		units := l.units[track.Rendition]
		if track.Kind() == media.Audio {
			requireSound(t, units)
			continue
		}
		requirePictures(t, track, units, segment)
		if top == nil {
			top = units
		}
		requireTimes(t, times(top), times(units), "the same pictures in every rung")
		requireTimes(t, presented(s.units, 1), times(units), "the pictures of the source")
	}
}

// requireTimes compares without printing hundreds of numbers.
func requireTimes(t *testing.T, want, got []int64, message string) {
	t.Helper()
	require.Equal(t, len(want), len(got), message)
	for n := range want {
		require.Equal(t, want[n], got[n], "%s: number %d", message, n)
	}
}

func times(units []media.AccessUnit) (out []int64) {
	for _, u := range units {
		out = append(out, u.PTS)
	}
	return out
}

// presented are the PTS of a track in the order of presentation.
func presented(units []media.AccessUnit, track int) (out []int64) {
	for _, u := range units {
		if u.Track == track {
			out = append(out, u.PTS)
		}
	}
	slices.Sort(out)
	return out
}

const twoSeconds = 2 * media.VideoClockRate

func TestEveryRateKeepsItsLatticeAndTheSegmentBoundaries(t *testing.T) {
	for _, r := range []media.Rational{fps(24000, 1001), fps(25, 1), fps(30000, 1001), fps(30, 1), fps(60000, 1001), fps(60, 1)} {
		t.Run(r.String(), func(t *testing.T) {
			s := recipe{size: "640x480", rate: r, seconds: 4.5, video: x264, audio: aac, sampleRate: 48000}.make(t)
			l := newBench(t, Config{}).encode(t, s)
			require.Len(t, l.pub.Tracks, 3)
			requireLadder(t, l, s, twoSeconds)
		})
	}
}

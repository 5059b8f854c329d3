package transcode

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// pid of the stream's ffmpeg.
func (b *bench) pid() int {
	m := b.pool.meter("live")
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process.PID()
}

func (b *bench) status() Status { return b.pool.StatusOf("live").(Status) }

// often is a source with a random access point every half second, for jobs that start in its middle.
func often(seconds float64) recipe {
	return recipe{
		size: "640x480", rate: fps(30, 1), seconds: seconds, audio: aac, sampleRate: 48000,
		video: []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15"},
	}
}

func TestKilledProcessIsStartedAgain(t *testing.T) {
	s := often(6).make(t)
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)
	early, middle := s.until(1.5), s.until(3.2)
	write(pub, s.units[:early])
	first := awaitLadder(b.ctx, t, b.hub, nil)
	lost := b.collect(first)
	killed := b.pid()
	require.NoError(t, syscall.Kill(killed, syscall.SIGKILL))
	require.ErrorIs(t, (<-lost).reason, hub.ErrLost)

	write(pub, s.units[early:middle])
	second := awaitLadder(b.ctx, t, b.hub, first)
	require.Greater(t, second.ID, first.ID)
	out := b.collect(second)
	write(pub, s.units[middle:])
	pub.Close(hub.ErrEnded)
	l := <-out
	require.ErrorIs(t, l.reason, hub.ErrEnded)
	requirePictures(t, second.Track(1), l.units["480p"], twoSeconds)
	requirePictures(t, second.Track(2), l.units["240p"], twoSeconds)
	requireSound(t, l.units["audio"])

	status := b.status()
	require.EqualValues(t, 1, status.Restarts)
	require.Contains(t, status.Reason, "killed")
	require.ErrorIs(t, syscall.Kill(killed, 0), syscall.ESRCH, "nothing is left running")
	require.ErrorIs(t, syscall.Kill(b.pid(), 0), syscall.ESRCH)
}

func TestStuckProcessIsStartedAgain(t *testing.T) {
	t.Parallel() // it waits for stallTime
	s := often(12).make(t)
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)
	n := s.until(1.5)
	write(pub, s.units[:n])
	first := awaitLadder(b.ctx, t, b.hub, nil)
	require.NoError(t, syscall.Kill(b.pid(), syscall.SIGSTOP))
	tick := time.NewTicker(time.Second / 80) // about the pace of the source
	defer tick.Stop()
	for ; b.newest() == first && n < len(s.units); n++ {
		<-tick.C
		pub.Write(s.units[n])
	}
	require.True(t, b.newest() != first, "a new ladder")
	require.ErrorIs(t, first.Err(), hub.ErrLost)
	require.Contains(t, b.status().Reason, errStalled.Error())
}

func TestReplacedSourceReplacesTheLadder(t *testing.T) {
	s := recipe{size: "640x480", rate: fps(30, 1), seconds: 3, video: x264, audio: aac, sampleRate: 48000}.make(t)
	b := newBench(t, Config{})
	write(s.publish(t, b.hub, 1), s.units[:s.until(1.5)])
	old := b.collect(awaitLadder(b.ctx, t, b.hub, nil))

	pub := s.publish(t, b.hub, time.Now().UnixMilli())
	write(pub, s.units)
	l := <-old
	require.ErrorIs(t, l.reason, hub.ErrReplaced)
	require.InDelta(t, s.until(1.5), len(l.units["480p"])+len(l.units["audio"]), 8, "what went in has come out")

	out := b.collect(awaitLadder(b.ctx, t, b.hub, l.pub))
	pub.Close(hub.ErrLost)
	require.ErrorIs(t, (<-out).reason, hub.ErrLost)
}

func TestSourceThatEndsBeforeItsFirstUnit(t *testing.T) {
	s := often(3).make(t)
	b := newBench(t, Config{})
	s.publish(t, b.hub, 1).Close(hub.ErrLost)
	pub := s.publish(t, b.hub, 2)
	write(pub, s.units[:s.until(1.5)])
	out := b.collect(awaitLadder(b.ctx, t, b.hub, nil))
	pub.Close(hub.ErrEnded)
	require.ErrorIs(t, (<-out).reason, hub.ErrEnded)
}

func TestEndOfThePoolEndsTheLadder(t *testing.T) {
	s := often(2).make(t)
	h := hub.New()
	pool := NewPool(Config{}, h, nil, discard)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() { done <- pool.Run(ctx, "live") }()
	write(s.publish(t, h, 1), s.units)
	ladder := awaitLadder(ctx, t, h, nil)
	cancel()
	require.NoError(t, <-done)
	require.ErrorIs(t, ladder.Err(), hub.ErrLost)
}

func TestSoundThatJoinsLater(t *testing.T) {
	s := often(6).make(t)
	s.units = without(s.units, func(u media.AccessUnit) bool { return u.Track == 2 && s.seconds(u) < 3 })
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)
	early := s.until(1.5)
	write(pub, s.units[:early])
	silent := awaitLadder(b.ctx, t, b.hub, nil)
	require.Len(t, silent.Tracks, 2)
	write(pub, s.units[early:])
	whole := awaitLadder(b.ctx, t, b.hub, silent)
	require.Len(t, whole.Tracks, 3)
	require.ErrorIs(t, silent.Err(), hub.ErrLost)
}

func TestLateReaderStartsEveryRungAtARandomAccessPoint(t *testing.T) {
	s := recipe{size: "640x480", rate: fps(30, 1), seconds: 8, video: x264, audio: aac, sampleRate: 48000}.make(t)
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)
	early := s.until(1.5)
	write(pub, s.units[:early])
	ladder := awaitLadder(b.ctx, t, b.hub, nil)
	whole := b.collect(ladder)
	for _, u := range s.units[early:] {
		pub.Write(u)
		late := ladder.Subscribe()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		units, _ := late.Next(ctx, nil)
		late.Close()
		seen := make(map[int]bool)
		for _, u := range units {
			if !seen[u.Track] {
				require.True(t, u.RandomAccess, "track %d at %d", u.Track, u.PTS)
				seen[u.Track] = true
			}
		}
	}
	pub.Close(hub.ErrEnded)
	require.ErrorIs(t, (<-whole).reason, hub.ErrEnded)
}

// A source that follows on one that was lost has its renditions, and one that follows on a goodbye has its own.
func TestSourceOfAnotherSizeHasTheRenditionsOfTheOneBefore(t *testing.T) {
	large, small := often(3).make(t), small().make(t)
	names := func(p *hub.Publication) (out []string) {
		for _, track := range p.Tracks {
			out = append(out, track.Rendition)
		}
		return out
	}
	for _, c := range []struct {
		reason error
		want   []string
	}{
		{hub.ErrLost, []string{"480p", "240p", "audio"}}, {hub.ErrEnded, []string{"240p", "audio"}},
	} {
		b := newBench(t, Config{})
		pub := large.publish(t, b.hub, 1)
		write(pub, large.units)
		before := awaitLadder(b.ctx, t, b.hub, nil)
		require.Equal(t, []string{"480p", "240p", "audio"}, names(before))
		pub.Close(c.reason)
		require.ErrorIs(t, (<-b.collect(before)).reason, c.reason)
		pub = small.publish(t, b.hub, 2)
		write(pub, small.units)
		require.Equal(t, c.want, names(awaitLadder(b.ctx, t, b.hub, before)), "%v", c.reason)
		pub.Close(hub.ErrEnded)
	}
}

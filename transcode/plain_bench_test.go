package transcode

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/ffmpeg/nut"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// The benchmarks below run the ladder of a film through a Pool, and then through one ffmpeg with the same arguments that is fed and read
// by as little as can be.

// film of so many seconds, with sound.
func benchFilm(b *testing.B, seconds float64) source {
	return recipe{
		size: "1280x720", rate: fps(30, 1), seconds: seconds, audio: aac, sampleRate: 48000,
		video: []string{"libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", "60", "-b:v", "3M"},
	}.make(b)
}

// plainArguments are those of the Pool's process for a film.
func plainArguments(b *testing.B, s *source) (*setup, []*media.Track) {
	j := &job{source: &hub.Publication{Tracks: s.tracks}, config: Config{}.withDefaults(), plan: newPlan(&s.tracks[0], Spec{}, []room{anywhere()})}
	tracks := []*media.Track{&s.tracks[0], &s.tracks[1]}
	return j.setup(s.units[:20], tracks), tracks
}

// plain runs one process. wrote is called before each unit goes in, and got with each packet of the first rung.
func plain(b *testing.B, s *source, wrote func(int, media.AccessUnit), got func(nut.Packet, *nut.Stream)) *ffmpeg.Process {
	set, tracks := plainArguments(b, s)
	outputs := len(set.plan.Rungs) + 1
	p, err := ffmpeg.Start(set.arguments(), outputs)
	require.NoError(b, err)
	var readers sync.WaitGroup
	for i := range outputs {
		readers.Go(func() {
			in := nut.NewReader(p.Outputs[i])
			stream, err := in.Open()
			for err == nil {
				var packet nut.Packet
				if packet, err = in.Next(); err == nil && i == 0 {
					got(packet, stream)
				}
			}
		})
	}
	f, err := newFeed(p.Stdin, set.base, tracks)
	require.NoError(b, err)
	for n, u := range s.units {
		wrote(n, u)
		require.NoError(b, f.write(u))
	}
	p.Stdin.Close()
	readers.Wait()
	require.NoError(b, p.Wait(context.Background()))
	return p
}

func selfCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pace waits until a unit is due, at the speed of the clock.
func (s *source) pace(began time.Time, u media.AccessUnit) {
	time.Sleep(time.Until(began.Add(time.Duration((s.seconds(u) - s.seconds(s.units[0])) * 1e9))))
}

// BenchmarkOverhead runs both at the speed of the clock.
func BenchmarkOverhead(b *testing.B) {
	s := benchFilm(b, 15)
	for b.Loop() {
		ours, oursIn, oursStart, oursCPU := runPool(b, &s)
		theirs, theirsStart, theirsCPU := runPlain(b, &s)
		slices.Sort(ours)
		slices.Sort(theirs)
		b.ReportMetric(oursCPU.Seconds()/theirsCPU.Seconds(), "cpu-ratio")
		b.ReportMetric(oursStart.Seconds()/theirsStart.Seconds(), "start-ratio")
		b.ReportMetric(float64(oursStart.Milliseconds()), "start-ms")
		for name, q := range map[string]float64{"p50": 0.5, "p99": 0.99} {
			at := func(d []time.Duration) float64 { return d[int(q*float64(len(d)))].Seconds() * 1000 }
			b.ReportMetric(at(ours), name+"-ms")
			b.ReportMetric(at(ours)-at(theirs), "added-"+name+"-ms")
		}
		b.ReportMetric(float64(oursIn), "pictures")
		b.ReportMetric(0, "ns/op")
	}
}

func runPool(b *testing.B, s *source) (delays []time.Duration, pictures int, start, cpu time.Duration) {
	bench := newBench(b, Config{})
	before := selfCPU()
	pub := s.publish(b, bench.hub, 1)
	var mu sync.Mutex
	in := make(map[int64]time.Time)
	began := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		ladder := awaitLadder(bench.ctx, b, bench.hub, nil)
		sub := ladder.Subscribe()
		defer sub.Close()
		for {
			units, err := sub.Next(bench.ctx, nil)
			if err != nil {
				return
			}
			now := time.Now()
			mu.Lock()
			for _, u := range units {
				if start == 0 {
					start = now.Sub(began)
				}
				if at, ok := in[u.PTS]; ok && u.Track == 1 {
					delays = append(delays, now.Sub(at))
				}
			}
			mu.Unlock()
		}
	}()
	for _, u := range s.units {
		s.pace(began, u)
		if u.Track == 1 {
			mu.Lock()
			in[u.PTS] = time.Now()
			mu.Unlock()
			pictures++
		}
		pub.Write(u)
	}
	pub.Close(hub.ErrEnded)
	<-done
	spent := bench.status().CPUSeconds
	return delays, pictures, start, selfCPU() - before + time.Duration(spent*1e9)
}

func runPlain(b *testing.B, s *source) (delays []time.Duration, start, cpu time.Duration) {
	var mu sync.Mutex
	in := make(map[int64]time.Time)
	set, _ := plainArguments(b, s)
	began := time.Now()
	p := plain(b, s, func(_ int, u media.AccessUnit) {
		s.pace(began, u)
		if u.Track == 1 {
			mu.Lock()
			in[u.PTS] = time.Now()
			mu.Unlock()
		}
	}, func(packet nut.Packet, stream *nut.Stream) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if start == 0 {
			start = now.Sub(began)
		}
		if at, ok := in[set.base*media.VideoClockRate+ticks(packet.PTS, stream, media.VideoClockRate)]; ok {
			delays = append(delays, now.Sub(at))
		}
	})
	return delays, start, p.CPU()
}

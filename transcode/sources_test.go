package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// small is a source of one rung, for tests that are not about rungs.
func small() recipe {
	return recipe{size: "320x240", rate: fps(30, 1), seconds: 3, video: x264, audio: aac, sampleRate: 48000}
}

func TestEverySourceCodec(t *testing.T) {
	for name, change := range map[string]func(*recipe){
		"h264 with B-frames": func(r *recipe) {
			r.video, r.reorder = []string{"libx264", "-preset", "veryfast", "-bf", "2", "-g", "1000"}, 2
		},
		"hevc": func(r *recipe) {
			r.video = []string{"libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=1000:bframes=0", "-tag:v", "hvc1"}
		},
		"av1": func(r *recipe) {
			r.video = []string{"libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "1000"}
		},
		"vp9": func(r *recipe) {
			r.video = []string{"libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "1000", "-lag-in-frames", "0"}
		},
		"opus":            func(r *recipe) { r.audio = []string{"libopus", "-ac", "2"} },
		"aac at 44100 Hz": func(r *recipe) { r.sampleRate = 44100 },
		"mono":            func(r *recipe) { r.audio = []string{"aac", "-ac", "1"} },
		"5.1":             func(r *recipe) { r.audio = []string{"aac", "-ac", "6"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := small()
			change(&r)
			s := r.make(t)
			l := newBench(t, Config{}).encode(t, s)
			require.Len(t, l.pub.Tracks, 2)
			requireLadder(t, l, s, twoSeconds)
			sound := l.pub.Track(2)
			require.Equal(t, 48000, sound.SampleRate)
			require.Equal(t, 2, sound.Channels)
			requireSoundCovers(t, s, l.units["audio"])
		})
	}
}

// requireSoundCovers checks that the sound starts and ends where the source's does, within the frames that an encoder
// needs to start and to end.
func requireSoundCovers(t *testing.T, s source, units []media.AccessUnit) {
	t.Helper()
	in := presented(s.units, 2)
	rate := s.track(2).ClockRate
	first, last := media.Rescale(in[0], rate, audioRate), media.Rescale(in[len(in)-1], rate, audioRate)
	require.InDelta(t, first, units[0].PTS, 2*audioFrame)
	require.InDelta(t, last, units[len(units)-1].PTS, 3*audioFrame)
}

func TestSourceWithoutSound(t *testing.T) {
	r := small()
	r.audio = nil
	s := r.make(t)
	l := newBench(t, Config{}).encode(t, s)
	require.Len(t, l.pub.Tracks, 1)
	requireLadder(t, l, s, twoSeconds)
}

func TestSourceWithoutPictures(t *testing.T) {
	r := small()
	r.video = nil
	r.seconds = 10
	s := r.make(t)
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)

	// Sound alone is not kept for readers that come late: it must be written for as long as none has come.
	n := b.trickle(pub, s.units)
	out := b.collect(b.newest())
	write(pub, s.units[n:])
	pub.Close(hub.ErrEnded)
	l := <-out
	require.ErrorIs(t, l.reason, hub.ErrEnded)
	require.Len(t, l.pub.Tracks, 1)
	require.Equal(t, "audio", l.pub.Tracks[0].Rendition)
	requireSound(t, l.units["audio"])
}

func TestSoundThatIsAnnouncedAndNeverComes(t *testing.T) {
	s := small().make(t)
	s.units = without(s.units, func(u media.AccessUnit) bool { return u.Track == 2 })
	l := newBench(t, Config{}).encode(t, s)
	require.Len(t, l.pub.Tracks, 1)
	requireLadder(t, l, s, twoSeconds)
}

func TestSegmentsOfOtherLengths(t *testing.T) {
	for _, d := range []time.Duration{time.Second, 3 * time.Second, 6 * time.Second} {
		t.Run(d.String(), func(t *testing.T) {
			r := small()
			r.seconds = 7
			s := r.make(t)
			l := newBench(t, Config{SegmentDuration: d}).encode(t, s)
			requireLadder(t, l, s, int64(d/time.Second)*media.VideoClockRate)
		})
	}
}

func TestHoleIsFilledAtTheConstantRate(t *testing.T) {
	r := small()
	r.seconds = 5
	s := r.make(t)
	whole := presented(s.units, 1)
	holed := s
	holed.units = without(s.units, func(u media.AccessUnit) bool { return s.seconds(u) >= 2 && s.seconds(u) < 3 })
	require.Less(t, len(holed.units), len(s.units)-60)

	l := newBench(t, Config{}).encode(t, holed)
	require.ErrorIs(t, l.reason, hub.ErrEnded)
	pictures := l.units["240p"]
	requirePictures(t, l.pub.Track(1), pictures, twoSeconds)
	requireTimes(t, whole, times(pictures), "as if there were no hole")
	requireSound(t, l.units["audio"])
	requireSoundCovers(t, s, l.units["audio"])
}

// A decoder that cannot make anything of the first picture must not move the key frames off the boundaries.
func TestFirstPictureThatCannotBeDecoded(t *testing.T) {
	r := small()
	r.video = []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "46"}
	s := r.make(t)
	for i := range s.units {
		if s.units[i].Track == 1 {
			s.units[i].Payload = []byte{0, 0, 0, 2, 0x65, 0xff}
			break
		}
	}
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)
	n := b.trickle(pub, s.units)
	out := b.collect(b.newest())
	write(pub, s.units[n:])
	pub.Close(hub.ErrEnded)
	l := <-out
	require.ErrorIs(t, l.reason, hub.ErrEnded)
	for n, u := range l.units["240p"] {
		if n > 0 {
			starts := media.Slot(u.PTS, twoSeconds) > media.Slot(l.units["240p"][n-1].PTS, twoSeconds)
			require.Equal(t, starts, u.RandomAccess, "picture %d at %d", n, u.PTS)
		}
	}
}

func TestVariableFrameRateComesOutConstant(t *testing.T) {
	s := small().make(t)
	s.tracks[0].FrameRate = media.Rational{}
	for i := range s.units {
		if u := &s.units[i]; u.Track == 1 {
			u.PTS += []int64{0, 700, -700, 300}[i%4]
			u.DTS, u.Duration = u.PTS, 0
		}
	}
	l := newBench(t, Config{}).encode(t, s)
	require.Equal(t, fps(30, 1), l.pub.Tracks[0].FrameRate)
	requirePictures(t, l.pub.Track(1), l.units["240p"], twoSeconds)
	require.InDelta(t, 90, len(l.units["240p"]), 1)
}

func without(units []media.AccessUnit, gone func(media.AccessUnit) bool) (out []media.AccessUnit) {
	for _, u := range units {
		if !gone(u) {
			out = append(out, u)
		}
	}
	return out
}

package packager_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

var ownLadder = []string{"1080p", "720p", "360p"}

// What a broadcaster encodes in several sizes is cut where its best picture is, whatever the others' order and times.
func TestLadderOfTheBroadcasterBreaksNoRule(t *testing.T) {
	for name, f := range map[string]film{
		"two seconds":          {},
		"two and a tick":       {key: every(61)},
		"one and a half":       {key: every(45)},
		"four seconds":         {key: every(120)},
		"at 59.94":             {rate: media.Rational{Num: 60000, Den: 1001}},
		"the others first":     {rungs1st: true},
		"with B-frames":        {offset: reordered(60)},
		"B-frames, durations":  {open: true, offset: reordered(60)},
		"B-frames, others 1st": {rungs1st: true, offset: reordered(60)},
		"without durations":    {open: true},
		"without sound":        {silent: true},
		"a second behind":      {late: time.Second},
		"rounded otherwise": {open: true, rung: func(u *media.AccessUnit) bool { // by a millisecond, to either side
			by := int64(u.Track-2)*180 - 90
			u.DTS, u.PTS = u.DTS+by, u.PTS+by
			return true
		}},
		"B-frames in the best alone": {offset: reordered(60), rung: func(u *media.AccessUnit) bool {
			u.PTS = u.DTS + 3000
			u.DTS = u.PTS
			return true
		}},
		"half the pictures": {rate: media.Rational{Num: 60, Den: 1}, rung: func(u *media.AccessUnit) bool {
			u.Duration *= 2
			return u.Payload[5]%2 == 0
		}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, packager.Config{}, false, func(s *stage) {
				time.Sleep(700 * time.Millisecond)
				f.videos = ownLadder
				if name == "half the pictures" { // all have the picture that the key frames are
					for media.Lattice.Index(media.Lattice{Rate: f.rate}, media.Ticks(time.Now(), media.VideoClockRate))%2 == 0 {
						time.Sleep(time.Second / 60)
					}
				}
				s.show(f).play(40 * time.Second)
				require.Empty(t, s.faults())
				best := s.parsed("1080p")
				for _, name := range append(ownLadder, "audio") {
					if f.silent && name == "audio" {
						continue
					}
					require.NotContains(t, s.newest(name), "GAP")
					require.InDelta(t, best.MediaSequence, s.parsed(name).MediaSequence, 1)
				}
				require.Len(t, s.sink.presented().Multivariant.Variants, 3)
			})
		})
	}
}

// A picture that pauses is a gap of its own playlist, and comes back at a key frame. The others never notice.
func TestPictureOfTheBroadcasterThatPausesIsAGap(t *testing.T) {
	on(t, packager.Config{}, false, func(s *stage) {
		n := 0
		f := film{videos: ownLadder, rung: func(u *media.AccessUnit) bool {
			n++
			return u.Track != 3 || n < 600 || n > 1000
		}}
		s.show(f).play(40 * time.Second)
		require.Empty(t, s.faults("L18", "L41"))
		require.NotContains(t, s.newest("1080p")+s.newest("720p")+s.newest("audio"), "GAP")
		require.Contains(t, s.newest("360p"), "GAP")
		last := s.parsed("360p").Segments
		require.False(t, last[len(last)-1].Gap)
	})
}

// A picture without the key frame that the best has is not cut there: a segment starts with a key frame or is a gap.
func TestSegmentsOfPicturesThatAreNotAlignedStartWithAKeyFrame(t *testing.T) {
	on(t, packager.Config{}, false, func(s *stage) {
		f := film{videos: ownLadder, rung: func(u *media.AccessUnit) bool {
			if u.Track == 3 && u.RandomAccess && u.DTS/180000%4 == 1 {
				u.RandomAccess, u.Payload = false, []byte{0, 0, 0, 4, 0x41, 1, 1, 1}
			}
			return true
		}}
		s.show(f).play(40 * time.Second)
		require.Empty(t, s.faults("L18", "L41", "L75"))
		require.NotContains(t, s.newest("1080p")+s.newest("720p"), "GAP")
	})
}

// The set of pictures changes, and what is left goes on under its numbers.
func TestPicturesOfTheBroadcasterComeAndGo(t *testing.T) {
	on(t, packager.Config{}, false, func(s *stage) {
		w := s.show(film{videos: ownLadder})
		w.play(20 * time.Second)
		before := s.parsed("1080p")
		less := s.show(film{videos: ownLadder[:2]})
		require.ErrorIs(t, w.pub.Err(), hub.ErrReplaced)
		less.play(20 * time.Second)
		require.Len(t, s.sink.presented().Multivariant.Variants, 2)
		require.Contains(t, s.newest("360p"), "ENDLIST")
		after := s.parsed("1080p")
		require.InDelta(t, before.MediaSequence+int64(len(before.Segments))+10, after.MediaSequence+int64(len(after.Segments)), 1)
		s.show(film{videos: ownLadder}).play(20 * time.Second)
		require.Len(t, s.sink.presented().Multivariant.Variants, 3)
		require.Empty(t, s.faults("L38")) // of what has ended there is no report
		require.NotContains(t, s.newest("1080p")+s.newest("720p"), "GAP")
	})
}

// A server that was killed goes on with the pictures of the broadcaster, cut by the same one, and knows which have ended.
func TestPicturesOfTheBroadcasterGoOnAfterARestart(t *testing.T) {
	on(t, packager.Config{}, false, func(s *stage) {
		f := film{videos: ownLadder, late: 40 * time.Millisecond}
		s.show(f).play(13 * time.Second)
		s.restart(packager.Config{}, 3*time.Second)
		time.Sleep(700 * time.Millisecond)
		s.show(f).play(12 * time.Second)
		require.Empty(t, s.faults(late...))
		require.Len(t, s.sink.presented().Multivariant.Variants, 3)
	})
}

func TestPlaylistThatHasEndedStaysSoAfterARestart(t *testing.T) {
	all, less := film{videos: ownLadder}, film{videos: ownLadder[:2]}
	names := func(s *stage) (out []string) {
		for _, r := range s.sink.presented().Renditions {
			out = append(out, r.Track.Rendition)
		}
		return out
	}
	on(t, packager.Config{}, false, func(s *stage) {
		s.show(all).play(9 * time.Second)
		s.show(less).play(9 * time.Second)
		require.True(t, s.parsed("360p").Ended)
		s.restart(packager.Config{}, time.Second)
		time.Sleep(700 * time.Millisecond)
		s.show(all).play(9 * time.Second)
		require.Equal(t, []string{"1080p", "720p", "360p_2", "audio"}, names(s))
		require.True(t, s.parsed("360p").Ended)

		s.restart(packager.Config{}, time.Second)
		time.Sleep(700 * time.Millisecond)
		s.show(all).play(9 * time.Second)
		require.Equal(t, []string{"1080p", "720p", "360p_2", "audio"}, names(s), "it goes on under the name it has")
		s.show(less).play(9 * time.Second) // nobody has counted its end yet in this life
		require.True(t, s.parsed("360p_2").Ended)
		s.show(all).play(9 * time.Second)
		require.Equal(t, []string{"1080p", "720p", "360p_3", "audio"}, names(s))
	})
}

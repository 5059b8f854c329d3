package ingest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// size is a picture of a broadcaster that encodes its own ladder; VP9, whose size the caller tells.
func size(id, width, height int) media.Track {
	return media.Track{
		ID: id, Codec: media.VP9, Config: []byte{0, 11, 0x82, 1, 1, 1, 0, 0}, Width: width, Height: height, FrameRate: media.Rational{Num: 25, Den: 1},
	}
}

var (
	small  = size(1, 640, 360)
	large  = size(3, 1280, 720)
	middle = size(5, 854, 480)
	voice  = media.Track{ID: 2, Codec: media.AAC, Config: aac48}
)

// ladder is a desk with a session of several sizes.
type ladder struct {
	*desk
	s *ingest.Session
}

func newLadder(t *testing.T, tracks ...media.Track) *ladder {
	d := newDesk(t, ingest.Config{})
	l := &ladder{d, d.open()}
	t.Cleanup(func() { l.s.End(nil) })
	require.NoError(t, l.s.Describe(tracks))
	return l
}

// groups sends n groups of five pictures (200 ms) of the given tracks from picture k on. shift moves a track's key frames.
func (l *ladder) groups(k, n int64, shift map[int]int64, tracks ...int) (next int64) {
	for end := k + 5*n; k < end; k++ {
		for _, id := range tracks {
			l.write(l.s, ingest.Unit{Track: id, DTS: 40 * k, RandomAccess: (k+shift[id])%5 == 0, Payload: []byte{byte(id)}})
		}
	}
	return k
}

func (l *ladder) renditions() (names []string) {
	for _, t := range l.last().pub.Tracks {
		names = append(names, t.Rendition)
	}
	return names
}

func (l *ladder) warnings() (names []string) {
	for _, w := range l.gate.Inputs()[0].Warnings {
		names = append(names, w.Name)
	}
	return names
}

func TestPicturesOfSeveralSizesArePublishedBestFirst(t *testing.T) {
	l := newLadder(t, small, large, middle, voice)
	l.groups(0, 4, nil, 1, 3, 5, 2)
	require.Len(t, l.read, 1)
	require.Equal(t, []string{"720p", "480p", "360p", "audio"}, l.renditions())
	for _, id := range []int{1, 3, 5} {
		require.Len(t, l.last().of(id), 20)
		require.Equal(t, times(l.last().of(3)), times(l.last().of(id)), "what belongs together has one time")
	}
	l.last().keepsPromises(t)
	in := l.gate.Inputs()[0]
	require.Equal(t, 720, in.Video.Height)
	require.Len(t, in.Rungs, 2)
	require.Zero(t, in.Dropped)
	require.Zero(t, in.Missing)
	require.Empty(t, in.Warnings)
}

func times(units []media.AccessUnit) (out []int64) {
	for _, u := range units {
		out = append(out, u.PTS)
	}
	return out
}

func TestSizesAlikeHaveNamesOfTheirOwn(t *testing.T) {
	av1 := media.Track{ID: 7, Codec: media.AV1, Config: []byte{0x81, 5, 12, 0}, Width: 1280, Height: 720}
	l := newLadder(t, large, av1, size(9, 1280, 720), size(11, 1280, 720))
	l.groups(0, 1, nil, 3, 7, 9, 11)
	require.Equal(t, []string{"720p", "720p-av1", "720p-vp9", "720p-2"}, l.renditions())
}

func TestRungWhoseKeyFramesAreElsewhereIsLeftOut(t *testing.T) {
	l := newLadder(t, large, middle, small, voice)
	l.groups(0, 4, map[int]int64{small.ID: 2}, 3, 5, 1, 2)
	require.Len(t, l.read, 2, "one change")
	require.Equal(t, []string{"720p", "480p", "audio"}, l.renditions())
	require.Contains(t, l.warnings(), "key frames not aligned")
	require.EqualValues(t, 3, l.gate.Inputs()[0].Dropped, "pictures before its first key frame; what is left out is not dropped")
	before, after := l.read[0].of(large.ID), l.read[1].of(large.ID)
	require.Equal(t, before[len(before)-1].DTS+before[len(before)-1].Duration, after[0].DTS, "the best picture goes on")
	require.Equal(t, 20, len(before)+len(after))
	require.True(t, after[0].RandomAccess)
}

func TestOnlyTheBestIsLeftWhereNoneIsAligned(t *testing.T) {
	l := newLadder(t, small, large, voice)
	l.groups(0, 4, map[int]int64{small.ID: 2}, 1, 3, 2)
	require.Equal(t, []string{"720p", "audio"}, l.renditions())
	require.Equal(t, 1280, l.last().pub.Tracks[0].Width)
}

func TestMoreKeyFramesThanTheBestHasAreNoHarm(t *testing.T) {
	l := newLadder(t, large, small)
	for k := range int64(20) {
		for _, id := range []int{3, 1} {
			l.write(l.s, ingest.Unit{Track: id, DTS: 40*k + int64(id)%2, RandomAccess: k%5 == 0 || id == 1 && k%5 == 3, Payload: []byte{1}})
		}
	}
	require.Len(t, l.read, 1)
}

func TestRungThatVanishesLeavesAndComesBack(t *testing.T) {
	l := newLadder(t, large, small, voice)
	k := l.groups(0, 2, nil, 3, 1, 2)
	k = l.groups(k, 3, nil, 3, 2)
	require.Equal(t, []string{"720p", "audio"}, l.renditions())
	require.Contains(t, l.warnings(), "a picture is missing")
	l.groups(k, 3, nil, 3, 1, 2)
	require.Equal(t, []string{"720p", "360p", "audio"}, l.renditions())
	require.Empty(t, l.warnings())
	require.Len(t, l.read, 3)
	require.True(t, l.last().of(small.ID)[0].RandomAccess)
}

func TestRungThatComesLaterJoinsAtAKeyFrame(t *testing.T) {
	l := newLadder(t, large, voice)
	k := l.groups(0, 2, nil, 3, 2)
	require.NoError(t, l.s.Describe([]media.Track{large, small, voice}))
	l.groups(k, 3, nil, 3, 1, 2)
	require.Len(t, l.read, 2)
	require.Equal(t, []string{"720p", "360p", "audio"}, l.renditions())
	require.Len(t, l.read[0].of(large.ID), 15, "the best picture never stops")
	require.Len(t, l.last().of(large.ID), 10)
}

func TestAnotherLeadsWhereTheBestVanishes(t *testing.T) {
	for name, led := range map[string]int64{"after a while": 2, "at once": 0} {
		t.Run(name, func(t *testing.T) {
			l := newLadder(t, large, middle, small, voice)
			k := l.groups(0, led, nil, 3, 5, 1, 2)
			l.groups(k, 30, nil, 5, 1, 2)
			require.Equal(t, []string{"480p", "360p", "audio"}, l.renditions())
			require.NotEmpty(t, l.last().of(middle.ID))
			require.NotEmpty(t, l.last().of(small.ID))
			require.Contains(t, l.warnings(), "a picture is missing")
		})
	}
}

func TestHalfTheFrameRateIsARung(t *testing.T) {
	half := small
	half.FrameRate = media.Rational{Num: 25, Den: 2}
	l := newLadder(t, large, half)
	for k := range int64(40) {
		l.write(l.s, ingest.Unit{Track: large.ID, DTS: 40 * k, RandomAccess: k%10 == 0, Payload: []byte{1}})
		if k%2 == 0 {
			l.write(l.s, ingest.Unit{Track: half.ID, DTS: 40 * k, RandomAccess: k%10 == 0, Payload: []byte{1}})
		}
	}
	require.Len(t, l.read, 1)
	l.last().keepsPromises(t)
	all, every2nd := times(l.last().of(large.ID)), times(l.last().of(half.ID))
	require.Len(t, every2nd, 20)
	for i, pts := range every2nd {
		require.Equal(t, all[2*i], pts)
	}
	require.Equal(t, media.Rational{Num: 25, Den: 2}, l.last().pub.Track(half.ID).FrameRate)
}

func TestTheFirstSoundIsTaken(t *testing.T) {
	vod := voice
	vod.ID = 4
	l := newLadder(t, large, voice, vod)
	l.groups(0, 2, nil, 3, 2, 4)
	require.Equal(t, []string{"source", "audio"}, l.renditions())
	require.NotEmpty(t, l.last().of(voice.ID))
	require.Empty(t, l.last().of(vod.ID))
	require.Contains(t, l.warnings(), "more than one sound")
	require.Zero(t, l.gate.Inputs()[0].Dropped)
}

func TestChangedRungWaitsForTheKeyFrameOfTheBest(t *testing.T) {
	l := newLadder(t, large, small)
	k := l.groups(0, 2, nil, 3, 1)
	changed := small
	changed.Config = []byte{0, 12, 0x82, 1, 1, 1, 0, 0}
	require.NoError(t, l.s.Describe([]media.Track{large, changed}))
	k = l.groups(k, 1, nil, 3, 1)
	require.ErrorIs(t, l.read[0].pub.Err(), hub.ErrReplaced)
	require.Equal(t, []string{"720p"}, l.renditions())
	l.groups(k, 2, nil, 3, 1)
	require.Equal(t, []string{"720p", "360p"}, l.renditions())
	require.Equal(t, changed.Config, l.last().pub.Track(small.ID).Config)
}

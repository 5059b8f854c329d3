package cluster

import (
	"bytes"
	"slices"

	"github.com/stagecast/stagecast/internal/media"
)

// seam is the segment with which one ladder goes on where another ends: the first that the one has whole, and that the other has not begun.
type seam struct {
	segment int64
	tracks  []media.Track
	first   map[int]int64 // segment of the first unit of each track
	done    map[int]bool  // tracks of the other that have come to it
	at      int64         // 0: not known yet
}

func newSeam(tracks []media.Track, segment int64) seam {
	return seam{segment: segment, tracks: tracks, first: make(map[int]int64), done: make(map[int]bool)}
}

func (s *seam) known() bool { return s.at != 0 }

// see takes the first units of the ladder that is to go on. newest is the segment that the other is in.
func (s *seam) see(units []media.AccessUnit, newest int64) {
	for _, u := range units {
		i := slices.IndexFunc(s.tracks, func(t media.Track) bool { return t.ID == u.Track })
		if _, seen := s.first[u.Track]; i >= 0 && !seen {
			s.first[u.Track] = slotOf(&s.tracks[i], u, s.segment)
		}
	}
	if len(s.first) < len(s.tracks) {
		return
	}
	s.at = newest + 1
	for _, first := range s.first {
		s.at = max(s.at, first+1)
	}
}

// reached says that the other has come to the seam with a track.
func (s *seam) reached(track int) { s.done[track] = true }

// complete reports that the other has come to it with all of its tracks.
func (s *seam) complete(tracks []media.Track) bool {
	for _, t := range tracks {
		if !s.done[t.ID] {
			return false
		}
	}
	return true
}

// slotOf is the segment that a unit belongs to; segment is in seconds.
func slotOf(t *media.Track, u media.AccessUnit, segment int64) int64 {
	if t.Kind() == media.Video {
		return media.Slot(u.PTS, segment*t.ClockRate)
	}
	return u.PTS / (segment * t.ClockRate)
}

// sameTracks reports whether units of both are decoded alike: readers need not be told that the one follows on the other.
func sameTracks(a, b []media.Track) bool {
	return slices.EqualFunc(a, b, func(x, y media.Track) bool {

		return bytes.Equal(x.Config, y.Config) && x.ID == y.ID && x.Rendition == y.Rendition && x.Codec == y.Codec && x.ClockRate == y.ClockRate &&
			x.Width == y.Width && x.Height == y.Height && x.FrameRate == y.FrameRate && x.SampleRate == y.SampleRate &&
			x.Channels == y.Channels && x.Language == y.Language && x.Bitrate == y.Bitrate && x.Aligned == y.Aligned
	})
}

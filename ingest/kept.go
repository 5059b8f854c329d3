package ingest

import (
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// keptBytes bounds what is kept of an input. One whose group of pictures outgrows it goes on air with its next.
const keptBytes = 8 << 20

// kept is what an input has sent since its last random access point but one, with which it can go on air at once: the time
// in which the one before it said nothing is over by then, and is shown all the same.
type kept struct {
	tracks  []media.Track
	units   []media.AccessUnit // on the input's own timeline; the first can be decoded
	newest  int                // where in units the last random access point stands
	bytes   int
	whole   bool      // nothing is missing since the first
	end     int64     // of the newest picture, or sound where there is none, in ticks of media.VideoClockRate
	arrived time.Time // the newest unit
}

// add takes the next unit, and reports whether it is the first of these tracks. Units are kept where hold is set.
func (k *kept) add(tracks []media.Track, t *media.Track, u media.AccessUnit, hold bool, now time.Time) (fresh bool) {
	if fresh = len(k.tracks) == 0 || &k.tracks[0] != &tracks[0]; fresh {
		k.tracks, k.whole = tracks, false
	}
	lead := leads(tracks, t)
	if lead && u.RandomAccess {
		if k.whole {
			k.forget(k.newest)
		} else {
			k.forget(len(k.units))
		}
		k.newest, k.whole = len(k.units), true
	}
	k.arrived = now
	if lead {
		k.end = media.Rescale(u.DTS+u.Duration, t.ClockRate, media.VideoClockRate)
	}
	if !k.whole {
		return fresh
	}
	if !hold {
		k.forget(len(k.units))
		k.newest, k.whole = 0, false
		return fresh
	}
	if k.bytes += len(u.Payload); k.bytes > keptBytes {
		k.forget(k.newest)
		k.newest = 0
	}
	if k.bytes > keptBytes {
		k.forget(len(k.units))
		k.whole = false
		return fresh
	}
	k.units = append(k.units, u)
	return fresh
}

// forget takes the first n units out.
func (k *kept) forget(n int) {
	for i := range k.units[:n] {
		k.bytes -= len(k.units[i].Payload)
	}
	rest := copy(k.units, k.units[n:])
	clear(k.units[rest:])
	if k.units = k.units[:rest]; rest == 0 {
		k.bytes = 0
	}
}

// from are the units with which the input goes on after a time on its timeline, in ticks of media.VideoClockRate: from the
// newest random access point that is not after it, for a decoder; from the first that is not before it, for a player. There are
// none where a player has to wait for the next.
func (k *kept) from(end int64, player bool) []media.AccessUnit {
	if !k.whole {
		return nil
	}
	before := func(i int) bool {
		u := &k.units[i]
		return media.Rescale(u.PTS, trackOf(k.tracks, u.Track).ClockRate, media.VideoClockRate) < end
	}
	switch {
	case player && !before(0):
		return k.units
	case player && !before(k.newest):
		return k.units[k.newest:]
	case player:
		return nil
	case before(k.newest):
		return k.units[k.newest:]
	}
	return k.units
}

// leads reports whether a track is the one that others go by: the best picture, or the sound where there is none.
func leads(tracks []media.Track, t *media.Track) bool { return t.ID == tracks[0].ID }

// several reports whether the picture comes in several sizes, so that players decode them as they are.
func several(tracks []media.Track) bool { return len(tracks) > 1 && tracks[1].Kind() == media.Video }

func hasVideo(tracks []media.Track) bool { return ofKind(tracks, media.Video) != nil }

// ofKind finds the track of a kind.
func ofKind(tracks []media.Track, kind media.Kind) *media.Track {
	for i := range tracks {
		if tracks[i].Kind() == kind {
			return &tracks[i]
		}
	}
	return nil
}

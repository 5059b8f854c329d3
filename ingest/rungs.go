package ingest

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/stagecast/stagecast/internal/media"
)

// rungs are the tracks of a broadcaster, who may encode the ladder itself and send a picture in several sizes, and which of
// them are on air.
//
// Segments of all are cut at the key frames of the best picture, the leader. A rung is on air as long as it has its key
// frames there too: measured at each key frame of the leader, for the one before, of which everything has come by then.
// The set changes at key frames of the leader only, so that no picture of it is lost.
type rungs struct {
	wire    WireClock
	offered []media.Track // complete: pictures best first, then sound
	states  map[int]*rung // of the pictures
	leader  int           // its track; 0 where there is no picture
	led     bool          // the leader has had a key frame, at key
	key     int64         // PTS on the wire
	changed bool          // another set is due with the leader's next key frame
}

// rung is what is known of a picture.
type rung struct {
	standing standing
	units    int      // since the leader's last key frame
	seen     bool     // last is set
	last     int64    // DTS on the wire of the newest unit, or from when one was missed
	keys     [8]int64 // PTS on the wire of the last key frames
	count    int      // of key frames so far
}

// standing is whether a rung is on air, and why not.
type standing uint8

const (
	onAir   standing = iota
	away             // nothing comes of it, or not for long enough yet
	refused          // its key frames are elsewhere
)

// leaderGone is how far, in seconds, other pictures go on without the leader until another leads.
const leaderGone = 5

// alignment is by how much the times of key frames that belong together may differ, in milliseconds: two roundings.
const alignment = 2

// describe takes what the broadcaster offers: complete tracks, their renditions not named yet. Before anything has been
// published all are trusted; later, what is new has to show first that its key frames are the leader's.
func (r *rungs) describe(tracks []media.Track, published bool) {
	old, states := r.offered, r.states
	r.offered, r.states = slices.Clone(tracks), make(map[int]*rung)
	slices.SortStableFunc(r.offered, func(a, b media.Track) int {
		return cmp.Or(cmp.Compare(a.Kind(), b.Kind()), cmp.Compare(b.Width*b.Height, a.Width*a.Height))
	})
	for i := range r.offered {
		t := &r.offered[i]
		if t.Kind() != media.Video {
			continue
		}
		before, known := trackOf(old, t.ID), states[t.ID]
		switch {
		case known != nil && sameTrack(before, t):
			r.states[t.ID] = known
		case published && t.ID != r.leader:
			r.states[t.ID] = &rung{standing: away}
		default:
			r.states[t.ID] = &rung{}
		}
	}
	r.name()
	r.lead()
}

// name gives each rendition its name: by the lines of the picture, and where that is taken with the codec or a number.
func (r *rungs) name() {
	taken := make(map[string]bool)
	for i := range r.offered {
		t := &r.offered[i]
		if t.Kind() != media.Video {
			t.Rendition = "audio"
			continue
		}
		lines := strconv.Itoa(min(t.Width, t.Height)) + "p"
		name := lines
		for n := 2; taken[name]; n++ {
			if name = lines + "-" + string(t.Codec); taken[name] {
				name = lines + "-" + strconv.Itoa(n)
			}
		}
		taken[name] = true
		t.Rendition = name
	}
}

// lead makes the best picture on air the leader; where none is, the best of all.
func (r *rungs) lead() {
	before := r.leader
	r.leader = 0
	for i := range r.offered {
		if s := r.states[r.offered[i].ID]; s != nil && s.standing == onAir {
			r.leader = r.offered[i].ID
			break
		}
	}
	if r.leader == 0 && len(r.states) > 0 {
		r.leader = r.offered[0].ID
		r.states[r.leader].standing = onAir
	}
	if r.leader != before {
		r.led = false
	}
}

// tracks are those on air: pictures, the leader first, and the first sound.
func (r *rungs) tracks() (out []media.Track) {
	for i := range r.offered {
		t := r.offered[i]
		if s := r.states[t.ID]; s == nil || s.standing == onAir {
			out = append(out, t)
		}
		if t.Kind() == media.Audio {
			break
		}
	}
	if len(r.states) == 1 {
		out[0].Rendition = "source"
	}
	return out
}

// takes reports whether units of a track are published.
func (r *rungs) takes(track int) bool {
	s := r.states[track]
	return s == nil || s.standing == onAir
}

// see looks at a unit before it is published, and reports whether from it on another set of tracks may be on air.
func (r *rungs) see(u Unit) (changed bool) {
	s := r.states[u.Track]
	if s == nil || len(r.states) < 2 {
		return false
	}
	s.units++
	s.seen, s.last = true, u.DTS
	if !u.RandomAccess {
		return false
	}
	key := u.DTS + u.Offset
	s.keys[s.count%len(s.keys)] = key
	s.count++
	if u.Track != r.leader {
		return r.leaderLost(u)
	}
	changed = r.changed
	if r.led {
		changed = r.measure() || changed
	}
	r.led, r.key, r.changed = true, key, false
	if changed {
		r.lead()
	}
	return changed
}

// measure judges every rung by the leader's key frame before the one that has just come.
func (r *rungs) measure() (changed bool) {
	for id, s := range r.states {
		if id == r.leader {
			continue
		}
		before := s.standing
		switch aligned := r.aligned(s); {
		case s.standing == refused:
		case aligned:
			s.standing = onAir
		case s.units == 0:
			s.standing = away
		case s.standing == onAir:
			s.standing = refused
		}
		changed = changed || s.standing != before
		s.units = 0
	}
	return changed
}

// aligned reports whether a rung has a key frame where the leader's last one was.
func (r *rungs) aligned(s *rung) bool {
	for _, key := range s.keys[:min(s.count, len(s.keys))] {
		if apart := r.wire.since(key, r.key) * 1000 / r.wire.Rate; -alignment <= apart && apart <= alignment {
			return true
		}
	}
	return false
}

// leaderLost makes another picture the leader where other rungs go on without it.
func (r *rungs) leaderLost(u Unit) bool {
	s := r.states[r.leader]
	if !s.seen {
		s.seen, s.last = true, u.DTS
	}
	if r.wire.since(u.DTS, s.last) < leaderGone*r.wire.Rate {
		return false
	}
	s.standing = away
	r.lead()
	return true
}

// warnings are what the broadcaster can mend.
func (r *rungs) warnings() (out []Warning) {
	sounds := 0
	for i := range r.offered {
		t := &r.offered[i]
		if t.Kind() == media.Audio {
			sounds++
			continue
		}
		switch r.states[t.ID].standing {
		case refused:
			out = append(out, Warning{"key frames not aligned", "The " + t.Rendition + " picture has its key frames elsewhere than the best one, and is left out.",
				"Give all pictures the same keyframe interval, and none of them key frames at scene cuts."})
		case away:
			out = append(out, Warning{"a picture is missing", "Nothing that can be used comes of the " + t.Rendition + " picture.",
				"Check the encoder: it may have too much to do."})
		}
	}
	if sounds > 1 {
		out = append(out, Warning{"more than one sound", "The encoder sends " + strconv.Itoa(sounds) + " sounds; the first is on air.",
			"OBS: nothing need be done; a VOD track is for services that keep recordings of their own."})
	}
	return out
}

func sameTrack(a, b *media.Track) bool {
	return a.ID == b.ID && a.Codec == b.Codec && bytes.Equal(a.Config, b.Config)
}

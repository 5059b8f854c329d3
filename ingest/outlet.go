package ingest

import (
	"bytes"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// outlet writes one input after another into a publication, so that its readers see one line of units that keeps every
// promise of media.AccessUnit. The zero value has no publication.
type outlet struct {
	pub    *hub.Publication
	edges  [media.Audio + 1]edge // by kind
	inband bool                  // inputs with different decoder configurations have been joined
}

// edge is where what has been sent of one kind ends, in ticks of rate.
type edge struct {
	rate     int64
	at       int64 // where the next unit may stand at the earliest
	promised bool  // and where it must
	shown    int64 // where the presentation ended at the cut, and ends once begun
	peak     int64 // the same with what the decoder will show of what was squeezed
	begun    bool  // the input that is on air has sent its first unit after the cut: from there on, its own promises hold
	from     int64 // presentation time of the first unit that was squeezed
	squeezed bool
	hole     int64 // between what was shown last and what this input showed first
}

// open begins a publication. Its media stands after all that was sent before.
func (o *outlet) open(pub *hub.Publication) {
	o.pub, o.inband = pub, false
	o.cut()
	for i := range pub.Tracks {
		t := &pub.Tracks[i]
		e := &o.edges[t.Kind()]
		if e.rate != 0 && e.rate != t.ClockRate { // rounded up: nothing may stand before
			e.at = media.Rescale(e.at, e.rate, t.ClockRate) + 1
			e.shown = media.Rescale(e.shown, e.rate, t.ClockRate) + 1
			e.peak = e.shown
		}
		e.rate, e.promised = t.ClockRate, false
	}
}

// cut says that the next unit of each kind is of another input.
func (o *outlet) cut() {
	for i := range o.edges {
		e := &o.edges[i]
		e.begun, e.squeezed = false, false
		e.shown = max(e.shown, e.peak)
	}
}

// end is where all that was sent ends, in ticks of media.VideoClockRate.
func (o *outlet) end() (end int64) {
	for _, e := range o.edges {
		if e.rate != 0 {
			end = max(end, media.Rescale(max(e.shown, e.peak), e.rate, media.VideoClockRate))
		}
	}
	return end
}

// leads is the edge of the pictures, or of the sound where there are none.
func (o *outlet) leads() *edge {
	if o.pub != nil && !hasVideo(o.pub.Tracks) {
		return &o.edges[media.Audio]
	}
	return &o.edges[media.Video]
}

// isOpen reports whether units can still be written.
func (o *outlet) isOpen() bool { return o.pub != nil && o.pub.Err() == nil }

// write sends a unit of an input's track. It reports whether that is the input's first since the cut that is shown.
func (o *outlet) write(t *media.Track, u media.AccessUnit) (first bool) {
	to := ofKind(o.pub.Tracks, t.Kind())
	if to == nil {
		return false
	}
	if t.Kind() == media.Video && several(o.pub.Tracks) && t.ID != o.pub.Tracks[0].ID {
		o.pub.Write(u) // the same picture in another size, whose tracks are the publication's own: it is cut where the best one is
		return false
	}
	e := &o.edges[t.Kind()]
	before := e.begun
	if u, ok := e.fit(u, t.Kind() == media.Video); ok {
		if u.Track = to.ID; o.inband && u.RandomAccess {
			u.Payload = withSets(t, u.Payload)
		}
		o.pub.Write(u)
	}
	return e.begun && !before
}

// fit puts a unit where it may stand. Before an input has begun, pictures that come too early are needed by the decoder
// alone: they are squeezed into the moment before the first that is shown, and sound that comes too early is left out.
func (e *edge) fit(u media.AccessUnit, video bool) (media.AccessUnit, bool) {
	if !e.begun {
		over := u.DTS < e.at && u.DTS+u.Duration <= e.at
		switch {
		case video && (over || u.PTS < e.shown):
			return e.squeeze(u), true
		case !video && over:
			return u, false
		}
		e.begun, e.hole = true, u.PTS-e.shown
		if e.promised || u.DTS < e.at {
			if u.Duration > 0 {
				u.Duration += u.DTS - e.at
			}
			if u.DTS = e.at; !video {
				u.PTS = u.DTS
			}
		}
	}
	e.sent(u)
	return u, true
}

// squash is by how much pictures that only the decoder needs are squeezed: ten seconds of them take less than a frame.
const squash = 1024

func (e *edge) squeeze(u media.AccessUnit) media.AccessUnit {
	if !e.squeezed {
		e.squeezed, e.from = true, u.PTS
	}
	if u.PTS < e.shown {
		u.PTS = e.shown + max(0, u.PTS-e.from)/squash
	}
	u.DTS, u.Duration = e.at, 1
	e.at, e.promised = e.at+1, true
	e.peak = max(e.peak, u.PTS+1)
	return u
}

func (e *edge) sent(u media.AccessUnit) {
	e.promised = u.Duration > 0
	e.at = u.DTS + max(u.Duration, 1)
	e.shown = max(e.shown, e.at, u.PTS+1)
}

// takes reports whether an input of these tracks can go on in the publication: its readers decode it, and find pictures of
// the same size and codec, and the same kind of sound.
func (o *outlet) takes(tracks []media.Track) bool {
	if !o.isOpen() || len(tracks) != len(o.pub.Tracks) || several(tracks) || several(o.pub.Tracks) {
		return false
	}
	for i := range o.pub.Tracks {
		is := &o.pub.Tracks[i]
		if t := ofKind(tracks, is.Kind()); t == nil || !joins(is, t) {
			return false
		}
	}
	return true
}

// joins reports whether a decoder that was set up for is decodes t, perhaps with parameter sets in front.
func joins(is, t *media.Track) bool {
	same := bytes.Equal(is.Config, t.Config)
	switch is.Codec {
	case media.H264, media.HEVC, media.VP9, media.Opus: // they say in band what they need
		same = true
	case media.AAC: // the object type, in the upper five bits (ISO/IEC 14496-3, 1.6.2.1)
		same = len(is.Config) > 0 && len(t.Config) > 0 && is.Config[0]>>3 == t.Config[0]>>3
	}
	rates := is.FrameRate == t.FrameRate || !is.FrameRate.Known() || !t.FrameRate.Known()
	return same && is.Codec == t.Codec && is.Width == t.Width && is.Height == t.Height && rates &&
		is.SampleRate == t.SampleRate && is.Channels == t.Channels
}

// splice lets an input go on that the outlet takes.
func (o *outlet) splice(tracks []media.Track) {
	o.cut()
	for i := range tracks {
		if is := ofKind(o.pub.Tracks, tracks[i].Kind()); !bytes.Equal(is.Config, tracks[i].Config) {
			o.inband = true
		}
	}
}

// withSets puts a picture's parameter sets in front of it.
func withSets(t *media.Track, payload []byte) []byte {
	sets := nal.Sets(t.Codec, t.Config)
	if len(sets) == 0 {
		return payload
	}
	return append(sets[:len(sets):len(sets)], payload...)
}

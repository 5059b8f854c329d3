package mpegts

import (
	"bytes"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// The IDs of the tracks.
const (
	videoTrack = 1
	audioTrack = 2
)

// feed hands tracks and units to a Session. The programme map says which tracks there are, but how they are decoded stands
// in the tracks themselves: units are held back until all are known, or it has been long enough.
type feed struct {
	session  Session
	counters *Counters

	expected  map[int]bool
	tracks    [3]media.Track // by ID; without a codec until known
	described bool

	held      []ingest.Unit
	heldBytes int
}

func newFeed(s Session, c *Counters) *feed { return &feed{session: s, counters: c} }

// expect begins anew with the tracks that a programme map declares.
func (f *feed) expect(video, audio bool) {
	f.expected = map[int]bool{videoTrack: video, audioTrack: audio}
	f.tracks = [3]media.Track{}
	f.described = false
}

// configure takes a track, which has a new configuration.
func (f *feed) configure(t media.Track) error {
	if known := f.tracks[t.ID]; known.Codec == t.Codec && bytes.Equal(known.Config, t.Config) {
		return nil
	}
	if f.tracks[t.ID].Codec != "" && !f.described { // what is held belongs to the old one
		if err := f.describe(); err != nil {
			return err
		}
	}
	f.tracks[t.ID] = t
	if f.described || f.complete() {
		return f.describe()
	}
	return nil
}

// complete reports whether all expected tracks are known.
func (f *feed) complete() bool {
	for id, expected := range f.expected {
		if expected && f.tracks[id].Codec == "" {
			return false
		}
	}
	return true
}

// write takes a unit of a track that is known.
func (f *feed) write(u ingest.Unit) error {
	if f.described {
		return f.session.Write(u)
	}
	f.held = append(f.held, u)
	f.heldBytes += len(u.Payload)
	wait := int64(pictureWait * ticks)
	if f.tracks[videoTrack].Codec != "" {
		wait = soundWait * ticks
	}
	span := apart(u.DTS, f.held[0].DTS) // may be negative: the tracks need not begin together
	if max(span, -span) >= wait || len(f.held) >= maxHeldUnits || f.heldBytes >= maxHeldBytes {
		return f.describe()
	}
	return nil
}

// describe tells the Session what tracks are known, and writes what was held for that.
func (f *feed) describe() error {
	var tracks []media.Track
	for _, t := range f.tracks {
		if t.Codec != "" {
			tracks = append(tracks, t)
		}
	}
	if err := f.session.Describe(tracks); err != nil {
		return err
	}
	held := f.held
	f.described, f.held, f.heldBytes = true, nil, 0
	for _, u := range held {
		if err := f.session.Write(u); err != nil {
			return err
		}
	}
	return nil
}

// end writes what is still held.
func (f *feed) end() error {
	if len(f.held) == 0 {
		return nil
	}
	return f.describe()
}

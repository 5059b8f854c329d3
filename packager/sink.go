package packager

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
)

// Sink takes what the packagers make. It is called by one goroutine at a time for each stream, which waits for it: a Sink may
// take the time of a write to disk, and no more than a part lasts.
type Sink interface {
	// Put adds objects to a rendition and then, if there is one, makes Playlist its current playlist: whoever reads the
	// playlist can fetch all that it lists.
	Put(u Update)
	// Present tells what a stream consists of and how it stands.
	Present(p Presentation)
}

// Update is one step of one rendition.
type Update struct {
	Stream, Rendition string
	Kind              media.Kind
	Header            *Object            // a CMAF header that has not been put before
	Part              *Object            // a Partial Segment
	Arrived           time.Time          // when the access unit came by which it was completed
	Lag               time.Duration      // how long after their time the rendition's media come
	Segment           *Object            // a Media Segment, the concatenation of its parts: the same memory; nil where they are of the Past
	Playlist          *hls.MediaPlaylist // nil while there is no whole segment yet
}

// Object is an immutable piece of media under a name that is never used for other bytes.
type Object struct {
	Name   string
	Parent string   // of a part: the name of the segment that it is part of
	Chunks [][]byte // never written again
}

// Size is the object's length in bytes.
func (o *Object) Size() (n int) {
	for _, c := range o.Chunks {
		n += len(c)
	}
	return n
}

// State is how a stream stands with its viewers.
type State string

// The states of a stream, in the order of a broadcast.
const (
	Idle         State = "idle"         // nothing has been published
	Starting     State = "starting"     // published, no whole segment yet
	Live         State = "live"         // playing
	Reconnecting State = "reconnecting" // the encoder is gone; the stream waits for it
	Ended        State = "ended"        // the broadcast is over
)

// Presentation is a stream as a whole.
type Presentation struct {
	Stream       string
	State        State
	Since        time.Time // when the broadcast began
	Token        string    // stands for the broadcast in the names of its objects
	Generation   int64     // rises when the set of renditions or their codecs changes: a player must load the stream anew
	Multivariant *hls.MultivariantPlaylist
	Renditions   []Rendition
	PartTarget   time.Duration
	Target       time.Duration // the target duration; 0 before it is known
	Profile      Profile
}

// Rendition describes one Media Playlist of a Presentation.
type Rendition struct {
	Track media.Track
	Codec string // RFC 6381
	Peak  int64  // bits per second of its largest segment so far
}

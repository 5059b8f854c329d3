package origin

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// rendition is one Media Playlist and the objects it lists, or listed not long ago.
type rendition struct {
	name    string
	kind    media.Kind
	current atomic.Pointer[snapshot] // nil before the first whole segment
	first   chan struct{}            // closed when there is a current snapshot
	waiting atomic.Int64             // playlist requests that are held

	mu      sync.RWMutex // guards what follows
	objects map[string]*object
	leaving []departure // parts and segments, each in the order of departure
	bytes   int64       // of segments and headers; parts share their memory
	stores  int64       // updates so far: what came since the broadcast ended belongs to the next
	gone    bool        // forgotten; an update needs a new rendition
}

// object is stored media, immutable.
type object struct {
	chunks  [][]byte
	size    int64
	kind    media.Kind
	segment bool // or header: kept as long as the window; parts go sooner
}

// departure is when an object is forgotten.
type departure struct {
	at   time.Time
	name string
}

func newRendition(name string, kind media.Kind) *rendition {
	return &rendition{name: name, kind: kind, first: make(chan struct{}), objects: make(map[string]*object)}
}

// The shortest times for which objects are kept after they have been stored, in target durations beyond the window.
const (
	partStay    = 3 + 3 + 4 // RFC 8216bis, 6.2.2: parts are listed for three, and stay for three more; the rest is for a playlist that stands still
	defaultStay = 10 * time.Second
)

// endedStay is for how long beyond its playlist's length a rendition is kept that has ended.
const endedStay = time.Minute

// store adds the objects of an update. It reports false, and adds nothing, where the rendition has been forgotten.
func (r *rendition) store(u packager.Update, now time.Time) bool {
	target := defaultStay / 5
	if u.Playlist != nil {
		target = time.Duration(u.Playlist.TargetDuration) * time.Second
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return false
	}
	r.stores++
	if u.Header != nil {
		r.add(u.Header, true)
	}
	if u.Part != nil {
		r.add(u.Part, false)
		r.leaving = append(r.leaving, departure{now.Add(partStay * target), u.Part.Name})
	}
	if u.Segment != nil {
		r.add(u.Segment, true)
	}
	return true
}

func (r *rendition) add(o *packager.Object, segment bool) { // r.mu is held
	if r.objects[o.Name] != nil {
		return // a header that comes again: a name is never used for other bytes
	}
	stored := &object{chunks: o.Chunks, size: int64(o.Size()), kind: r.kind, segment: segment}
	if segment {
		r.bytes += stored.size
	}
	r.objects[o.Name] = stored
}

// publish makes p the current playlist, wakes all who wait for it, and lets the segments go that p no longer lists.
func (r *rendition) publish(p *hls.MediaPlaylist, now time.Time) {
	next := newSnapshot(p)
	old := r.current.Swap(next)
	if old == nil {
		close(r.first)
		return
	}
	r.retire(old.playlist, p, now)
	close(old.replaced)
}

// retire notes when the segments that have left the playlist may be forgotten.
//
// RFC 8216bis, 6.2.2: a removed segment stays for its own duration and that of the longest playlist that listed it.
func (r *rendition) retire(old, p *hls.MediaPlaylist, now time.Time) {
	gone := min(p.MediaSequence-old.MediaSequence, int64(len(old.Segments)))
	if gone <= 0 {
		return
	}
	var window time.Duration
	for _, s := range old.Segments {
		window += s.Duration
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range old.Segments[:gone] {
		r.leaving = append(r.leaving, departure{now.Add(window + 2*s.Duration), s.URI})
	}
}

// expire forgets what has been due. Departures of parts and segments are each in order, but not with each other: a scan
// of the few that wait is cheaper than two queues.
func (r *rendition) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.leaving[:0]
	for _, d := range r.leaving {
		if now.Before(d.at) {
			kept = append(kept, d)
			continue
		}
		if o := r.objects[d.name]; o != nil {
			if o.segment {
				r.bytes -= o.size
			}
			delete(r.objects, d.name)
		}
	}
	clear(r.leaving[len(kept):])
	r.leaving = kept
}

// updates is how many updates have been stored.
func (r *rendition) updates() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.stores
}

// forget drops everything, unless more has been stored than the given number of updates. It reports whether it did.
func (r *rendition) forget(stores int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone || r.stores != stores {
		return false
	}
	r.gone, r.objects, r.leaving, r.bytes = true, nil, nil, 0
	return true
}

func (r *rendition) object(name string) *object {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.objects[name]
}

// stored is how many bytes of media the rendition holds.
func (r *rendition) stored() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bytes
}

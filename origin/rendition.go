package origin

import (
	"errors"
	"hash/crc32"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// rendition is one Media Playlist and the objects it lists, or listed not long ago. Its one writer is the stream's packager.
type rendition struct {
	stream  string
	name    string
	kind    media.Kind
	current atomic.Pointer[snapshot] // nil before the first whole segment
	first   chan struct{}            // closed when there is a current snapshot
	waiting atomic.Int64             // playlist requests that are held

	// The writer's own.
	listed  *hls.MediaPlaylist // the newest playlist that was put, or that was listed before a restart
	lag     time.Duration      // as in packager.Update
	filling filling

	mu      sync.RWMutex // guards what follows
	objects map[string]*object
	uses    map[store.Key]int // objects that lie in what is stored under a key
	leaving []departure       // parts and segments, each in the order of departure
	bytes   int64             // of segments and headers; parts share them
	stores  int64             // updates so far: what came since the broadcast ended belongs to the next
	gone    bool              // forgotten; an update needs a new rendition
}

// filling is the segment that grows in the store.
type filling struct {
	name string
	size int64
}

// object is stored media, immutable: a segment, a header, or a part as a range of its segment.
type object struct {
	key     store.Key
	offset  int64
	size    int64
	sum     uint32 // CRC-32C, of a part
	segment bool   // or header: kept as long as the window; parts go sooner
}

// departure is when an object is forgotten.
type departure struct {
	at   time.Time
	name string
}

func newRendition(stream, name string, kind media.Kind) *rendition {
	return &rendition{
		stream: stream, name: name, kind: kind, first: make(chan struct{}), objects: make(map[string]*object), uses: make(map[store.Key]int),
	}
}

// The shortest times for which objects are kept after they have been stored, in target durations beyond the window.
const (
	partStay    = 3 + 3 + 4 // RFC 8216bis, 6.2.2: parts are listed for three, and stay for three more; the rest is for a playlist that stands still
	defaultStay = 10 * time.Second
)

// endedStay is for how long beyond its playlist's length a rendition is kept that has ended.
const endedStay = time.Minute

// touch notes an update. It reports false where the rendition has been forgotten.
func (r *rendition) touch() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stores++
	return !r.gone
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// keep gives the bytes of an update to the store, and returns the objects that they are, by name. Parts are appended to
// their segment as they come.
func (r *rendition) keep(s store.Store, u packager.Update) (map[string]*object, error) {
	fresh := make(map[string]*object, 3)
	var failed error
	if h := u.Header; h != nil && r.object(h.Name) == nil { // else it comes again: a name is never used for other bytes
		k := r.key(h.Name)
		failed = appendTo(s, k, 0, h.Chunks)
		fresh[h.Name] = &object{key: k, size: int64(h.Size()), segment: true}
	}
	if p := u.Part; p != nil {
		o := &object{key: r.key(p.Name), size: int64(p.Size())}
		if p.Parent != "" {
			if r.filling.name != p.Parent {
				r.filling = filling{name: p.Parent}
			}
			o.key, o.offset = r.key(p.Parent), r.filling.size
			r.filling.size += o.size
		}
		for _, c := range p.Chunks {
			o.sum = crc32.Update(o.sum, castagnoli, c)
		}
		if err := appendTo(s, o.key, o.offset, p.Chunks); err != nil {
			failed = err
		}
		fresh[p.Name] = o
	}
	if g := u.Segment; g != nil {
		o := &object{key: r.key(g.Name), size: int64(g.Size()), segment: true}
		if r.filling.name != g.Name || r.filling.size != o.size {
			if err := appendTo(s, o.key, 0, g.Chunks); err != nil {
				failed = err
			}
		}
		fresh[g.Name] = o
	}
	return fresh, failed
}

func (r *rendition) key(name string) store.Key {
	return store.Key{Stream: r.stream, Rendition: r.name, Name: name}
}

// store makes objects available.
func (r *rendition) store(fresh map[string]*object, target time.Duration, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, o := range fresh {
		r.add(name, o)
		if !o.segment {
			r.leaving = append(r.leaving, departure{now.Add(partStay * target), name})
		}
	}
}

func (r *rendition) add(name string, o *object) { // r.mu is held
	if r.objects[name] != nil {
		return
	}
	if o.segment {
		r.bytes += o.size
	}
	r.objects[name] = o
	r.uses[o.key]++
}

// publish makes p the current playlist and wakes all who wait for it.
func (r *rendition) publish(p *hls.MediaPlaylist) {
	next := newSnapshot(p)
	old := r.current.Swap(next)
	if old == nil {
		close(r.first)
		return
	}
	close(old.replaced)
}

// retire notes when the segments that have left the playlist may be forgotten.
//
// RFC 8216bis, 6.2.2: a removed segment stays for its own duration and that of the longest playlist that listed it.
func (r *rendition) retire(old, p *hls.MediaPlaylist, now time.Time) {
	if old == nil {
		return
	}
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

// expire forgets what has been due, and returns what need not be stored any more. Departures of parts and segments are each
// in order, but not with each other: a scan of the few that wait is cheaper than two queues.
func (r *rendition) expire(now time.Time) (unused []store.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.leaving[:0]
	for _, d := range r.leaving {
		if now.Before(d.at) {
			kept = append(kept, d)
			continue
		}
		unused = r.drop(d.name, unused)
	}
	clear(r.leaving[len(kept):])
	r.leaving = kept
	return unused
}

// drop forgets an object, and adds the key to unused under which nothing is needed any more.
func (r *rendition) drop(name string, unused []store.Key) []store.Key { // r.mu is held
	o := r.objects[name]
	if o == nil {
		return unused
	}
	delete(r.objects, name)
	if o.segment {
		r.bytes -= o.size
	}
	if r.uses[o.key]--; r.uses[o.key] == 0 {
		delete(r.uses, o.key)
		unused = append(unused, o.key)
	}
	return unused
}

// oldest is the first segment to depart.
func (r *rendition) oldest() (d departure, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, d := range r.leaving {
		if o := r.objects[d.name]; o != nil && o.segment {
			return d, true
		}
	}
	return departure{}, false
}

// dismiss forgets a segment before it is due, with its parts.
func (r *rendition) dismiss(name string) (unused []store.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.objects[name]
	if o == nil {
		return nil
	}
	for other, part := range r.objects {
		if part.key == o.key {
			unused = r.drop(other, unused)
		}
	}
	return unused
}

// updates is how many updates have been stored.
func (r *rendition) updates() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.stores
}

// forget drops everything, unless there have been more updates than the given number. It reports whether it did, and
// what need not be stored any more.
func (r *rendition) forget(stores int64) (unused []store.Key, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone || r.stores != stores {
		return nil, false
	}
	unused = slices.Collect(maps.Keys(r.uses))
	r.gone, r.objects, r.uses, r.leaving, r.bytes = true, nil, nil, nil, 0
	return unused, true
}

func (r *rendition) object(name string) *object {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.objects[name]
}

// stored is how many bytes of media the rendition has.
func (r *rendition) stored() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bytes
}

// appendTo is Append, where memory alone will do.
func appendTo(s store.Store, k store.Key, at int64, chunks [][]byte) error {
	if err := s.Append(k, at, chunks...); !errors.Is(err, store.ErrLost) {
		return err
	}
	return nil
}

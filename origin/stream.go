package origin

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// stream is one live broadcast: what it consists of, and its renditions.
type stream struct {
	name string
	view atomic.Pointer[view]

	journal *journal       // nil where nothing outlives the process. It is the packager's, as view is
	past    *packager.Past // what was listed before a restart, until the packager takes it; nil: nothing

	mu         sync.RWMutex // guards renditions
	renditions map[string]*rendition
}

// view is an immutable state of a stream as a whole.
type view struct {
	packager.Presentation
	multivariant *body         // nil while there is none
	changed      chan struct{} // closed when the next view is in place
}

func newStream(name string) *stream {
	s := &stream{name: name, renditions: make(map[string]*rendition)}
	s.view.Store(&view{
		Presentation: packager.Presentation{Stream: name, State: packager.Idle}, changed: make(chan struct{}),
	})
	return s
}

// present replaces the view. Its one writer is the stream's packager.
func (s *stream) present(p packager.Presentation) {
	next := &view{Presentation: p, changed: make(chan struct{})}
	if p.Multivariant != nil {
		next.multivariant = newBody([]byte(p.Multivariant.String()))
	}
	old := s.view.Swap(next)
	close(old.changed)
}

func (s *stream) rendition(name string) *rendition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.renditions[name]
}

func (s *stream) ensure(name string, kind media.Kind) *rendition {
	if r := s.rendition(name); r != nil {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.renditions[name]
	if r == nil {
		r = newRendition(s.name, name, kind)
		s.renditions[name] = r
	}
	return r
}

// keep adds a rendition that is new.
func (s *stream) keep(r *rendition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renditions[r.name] = r
}

// all are the renditions that the stream has.
func (s *stream) all() []*rendition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.renditions))
}

func (s *stream) remove(r *rendition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renditions[r.name] == r {
		delete(s.renditions, r.name)
	}
}

// forgetLater forgets a rendition that has ended, once nobody needs it any more: those who watch to the end are behind by no
// more than its playlist is long. If anything comes for it before, it is kept: the next broadcast has begun.
func (o *Origin) forgetLater(s *stream, r *rendition) {
	stores := r.updates()
	time.AfterFunc(o.config.Window+endedStay, func() {
		if unused, ok := r.forget(stores); ok {
			s.remove(r)
			o.discard(unused)
		}
	})
}

// viewers estimates how many players follow the live edge: each holds one playlist request of one picture, or of the
// sound where there is no picture. Players that do not wait for parts are not seen.
func (s *stream) viewers() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var pictures, sounds int64
	for _, r := range s.renditions {
		if r.kind == media.Video {
			pictures += r.waiting.Load()
		} else {
			sounds += r.waiting.Load()
		}
	}
	return max(pictures, sounds)
}

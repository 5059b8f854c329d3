package live

import (
	"context"
	"sync"

	"github.com/stagecast/stagecast/internal/hls"
)

// feed hands the newest playlist of a rendition to any number of readers, who may miss some. The zero value is ready.
type feed struct {
	mu      sync.Mutex // guards what follows
	latest  *hls.ParsedMedia
	number  int
	changed chan struct{} // closed when there is a newer one
}

func (f *feed) put(p *hls.ParsedMedia) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest = p
	f.number++
	if f.changed != nil {
		close(f.changed)
	}
	f.changed = make(chan struct{})
}

// next waits for a playlist with a number above after, and returns it with its number; nil when ctx ends.
func (f *feed) next(ctx context.Context, after int) (*hls.ParsedMedia, int) {
	for {
		f.mu.Lock()
		p, n := f.latest, f.number
		if f.changed == nil {
			f.changed = make(chan struct{})
		}
		changed := f.changed
		f.mu.Unlock()
		if n > after {
			return p, n
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, n
		}
	}
}

// fresh waits for the next playlist to arrive from now on; nil when ctx ends.
func (f *feed) fresh(ctx context.Context) *hls.ParsedMedia {
	f.mu.Lock()
	n := f.number
	f.mu.Unlock()
	p, _ := f.next(ctx, n)
	return p
}

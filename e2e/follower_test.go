//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/stagecast/stagecast/internal/hls"
)

// follower is a viewer that reloads one Media Playlist with blocking requests, and notes whatever a viewer would suffer from.
type follower struct {
	cancel  context.CancelFunc
	stopped chan struct{}

	mu       sync.Mutex // guards what follows
	newest   *hls.ParsedMedia
	problems []string
	updates  int
}

// follow starts a follower, which ends with the test at the latest.
func follow(t *testing.T, playlist string) *follower {
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{cancel: cancel, stopped: make(chan struct{})}
	go func() {
		defer close(f.stopped)
		f.run(ctx, playlist)
	}()
	return f
}

func (f *follower) run(ctx context.Context, playlist string) {
	query := ""
	for ctx.Err() == nil {
		p, err := reload(ctx, playlist, query)
		if ctx.Err() != nil {
			return
		}
		f.note(p, err)
		if err != nil {
			select { // a viewer that got an error does not hammer
			case <-time.After(250 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if p.Ended {
			return
		}
		next := p.Next()
		query = fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", next.MSN, next.Part)
	}
}

func (f *follower) note(p *hls.ParsedMedia, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.problems = append(f.problems, err.Error())
		return
	}
	if old := f.newest; old != nil {
		if p.MediaSequence < old.MediaSequence {
			f.problems = append(f.problems, fmt.Sprintf("the media sequence fell from %d to %d", old.MediaSequence, p.MediaSequence))
		}
		if p.Last().Before(old.Last()) {
			f.problems = append(f.problems, fmt.Sprintf("the newest part fell from %v to %v", old.Last(), p.Last()))
		}
		if p.DiscontinuitySequence < old.DiscontinuitySequence {
			f.problems = append(f.problems, "the discontinuity sequence fell")
		}
	}
	f.newest = p
	f.updates++
}

// playlist is the newest one seen; nil before the first.
func (f *follower) playlist() *hls.ParsedMedia {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest
}

// media is the number of the newest whole segment that is no gap; -1 where there is none.
func (f *follower) media() int64 {
	p := f.playlist()
	if p == nil {
		return -1
	}
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if s := &p.Segments[i]; !s.Gap {
			return s.MSN
		}
	}
	return -1
}

// discontinuity is the number of the newest segment that has an EXT-X-DISCONTINUITY; -1 where none has.
func (f *follower) discontinuity() int64 {
	p := f.playlist()
	if p == nil {
		return -1
	}
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if s := &p.Segments[i]; s.Discontinuity {
			return s.MSN
		}
	}
	return -1
}

// awaitMedia blocks until n more segments with media in them are listed.
func (f *follower) awaitMedia(t *testing.T, n int64) {
	t.Helper()
	await(t, "media is listed", func() bool { return f.media() >= 0 })
	from := f.media()
	await(t, "media goes on", func() bool { return f.media() >= from+n })
}

// stop ends the follower and checks that its viewer never suffered.
func (f *follower) stop(t *testing.T) {
	t.Helper()
	f.cancel()
	<-f.stopped
	assert.Empty(t, f.problems, "what a viewer suffered in %d reloads", f.updates)
}

// Package hub joins writers and readers of access units inside one process.
//
// One Publication has one writer and any number of Subscriptions that pull. It owns the queues between them and their
// bounds; it starts no goroutine, and never looks inside a payload.
package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/stagecast/stagecast/internal/media"
)

// Stage tells apart the publications of one stream.
type Stage string

// The stages of a stream.
const (
	Source Stage = "source" // what the broadcaster sends: a picture, or the same one in several sizes, and at most one sound
	Ladder Stage = "ladder" // what the packager takes: one track for each rendition
)

// Key names a Publication.
type Key struct {
	Stream string
	Stage  Stage
}

func (k Key) String() string { return k.Stream + "/" + string(k.Stage) }

// The reasons for which reading from a Subscription ends.
var (
	ErrEnded    = errors.New("hub: publication ended by its publisher")
	ErrOver     = errors.New("hub: publication ended, and nobody is waited for")
	ErrLost     = errors.New("hub: publication lost its publisher")
	ErrReplaced = errors.New("hub: publication replaced by a newer one")
)

// Hub holds the publications of this process by key. The zero value is not usable; see New.
type Hub struct {
	mu    sync.Mutex // guards slots
	slots map[Key]*slot
}

// slot is the place of one key: its newest publication, which may have ended, and the wake-up for the next.
type slot struct {
	newest *Publication
	next   chan struct{} // closed when newest changes
}

// New makes an empty Hub.
func New() *Hub { return &Hub{slots: make(map[Key]*slot)} }

func (h *Hub) slot(key Key) *slot { // h.mu is held
	s := h.slots[key]
	if s == nil {
		s = &slot{next: make(chan struct{})}
		h.slots[key] = s
	}
	return s
}

// Publish makes a new Publication under key. One that is still open there is closed with ErrReplaced: the newest writer
// wins. id tells publications of one key apart, also between nodes and after a restart: it must be unique for the key and
// rise; the ingest takes the Unix time of the first access unit in milliseconds.
func (h *Hub) Publish(key Key, id int64, tracks []media.Track) (*Publication, error) {
	if len(tracks) == 0 {
		return nil, fmt.Errorf("hub: publish %v: no tracks", key)
	}
	p := &Publication{Key: key, ID: id, Tracks: tracks, subs: make(map[*Subscription]struct{})}
	for _, t := range tracks {
		if t.Kind() == media.Video {
			p.hasVideo = true
		}
	}
	h.mu.Lock()
	s := h.slot(key)
	old := s.newest
	s.newest = p
	close(s.next)
	s.next = make(chan struct{})
	h.mu.Unlock()
	if old != nil {
		old.Close(ErrReplaced)
	}
	return p, nil
}

// Newest is the newest Publication under key, open or closed; nil when there never was one.
func (h *Hub) Newest(key Key) *Publication {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.slots[key]; s != nil {
		return s.newest
	}
	return nil
}

// Await blocks until there is a Publication under key other than after (which may be nil), and returns the newest.
// It returns ctx's error when that ends first.
func (h *Hub) Await(ctx context.Context, key Key, after *Publication) (*Publication, error) {
	for {
		h.mu.Lock()
		s := h.slot(key)
		newest, next := s.newest, s.next
		h.mu.Unlock()
		if newest != nil && newest != after {
			return newest, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Package cluster spreads the encoding of streams over nodes: who has a source says so, a worker with room takes its job by a lease, and
// who wants the ladder reads it from whoever holds the newest lease.
//
// It owns the claims and what follows when a node dies. Encoding is the caller's [Runner], units between nodes are package relay's, and
// what nodes know of each other is in a [registry.Registry].
package cluster

import (
	"encoding/json"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// The kinds of announcements; their keys are streams, those of workers nodes.
const (
	kindSource = "source"
	kindLadder = "ladder"
	kindWorker = "worker"
)

// The times by which a dead worker's job is taken by another within two seconds: a lease ends, is seen to have ended, and is not taken
// at once, so that its old holder, if it lives, has it again first, and of the others the one with the most room.
const (
	tick       = 100 * time.Millisecond
	leaseTime  = 900 * time.Millisecond
	renewEvery = 200 * time.Millisecond
	claimAfter = 300 * time.Millisecond
	yieldAfter = 600 * time.Millisecond // where others give up rungs for it
	claimPause = 300 * time.Millisecond // between two claims of a worker that is full, none for one that is empty
	claimMost  = 2                      // jobs at a time: others take some too
	spreadOver = 32                     // streams that nodes begin at
	announced  = 3 * time.Second        // what is said of oneself
	announce   = 500 * time.Millisecond
)

// Source is what an ingest says of a stream that it has.
type Source struct {
	Stream   string         `json:"stream"`
	Node     string         `json:"node"`
	URL      string         `json:"url"` // of the node
	ID       int64          `json:"id"`  // of the publication
	Since    int64          `json:"since"`
	Priority int            `json:"priority,omitempty"`
	Width    int            `json:"width,omitempty"`
	Height   int            `json:"height,omitempty"`
	Rate     media.Rational `json:"rate"`
}

// follows reports that a source is of another node and began later.
func (s Source) follows(before Source) bool { return s.Node != before.Node && s.ID > before.ID }

// Picture of the source; nil where it is sound alone.
func (s Source) Picture() *media.Track {
	if s.Width == 0 {
		return nil
	}
	return &media.Track{Codec: media.H264, Width: s.Width, Height: s.Height, FrameRate: s.Rate}
}

// Ladder is what a worker says of a stream that it encodes.
type Ladder struct {
	Node  string `json:"node"`
	URL   string `json:"url"`
	Epoch int64  `json:"epoch"` // of its lease
	ID    int64  `json:"id"`    // of the publication
}

// Node is this process, as others know it.
type Node struct {
	ID  string
	URL string // where its publications are read
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types
	}
	return string(text)
}

// decode is one that a node of ours has written; ok is false for anything else.
func decode[T any](text string) (v T, ok bool) {
	err := json.Unmarshal([]byte(text), &v)
	return v, err == nil
}

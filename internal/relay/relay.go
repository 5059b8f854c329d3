// Package relay carries publications from the hub of one node to the hub of another, as an endless fragmented MP4 over HTTP: with
// exact timestamps, every codec, and readable by any ffmpeg.
//
// It owns what goes over the wire and who may ask for it. Which node asks which is its callers' to say.
package relay

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Prefix is where a node serves its publications: Prefix/STREAM/STAGE.
const Prefix = "/relay"

// The headers of an answer, and the trailer that says why a publication has ended. A stream that breaks off without it was lost.
const (
	publicationHeader = "Stagecast-Publication"
	endTrailer        = "Stagecast-End"
	nodeHeader        = "Stagecast-Node" // who asks
)

// The bounds of what a peer may send.
const (
	mostUnit   = 16 << 20 // bytes of one access unit
	mostHeader = 64 << 10
	mostTracks = 64
	mostConfig = 16 << 10
)

// silence is how long a publication may say nothing before the other node is taken for dead. Sound alone speaks twenty times a second.
const silence = 10 * time.Second

var (
	// ErrPeer says that the other node answers in a way that ours do not.
	ErrPeer = errors.New("relay: not an answer of a node of ours")
	// ErrNone says that the other node has no such publication (any more).
	ErrNone = errors.New("relay: the node has no such publication")
	// ErrSilent says that nothing has come for too long.
	ErrSilent = errors.New("relay: the node says nothing")
)

// head describes a publication.
type head struct {
	ID     int64         `json:"id"`
	Tracks []media.Track `json:"tracks"`
}

func (h head) encode() (string, error) {
	text, err := json.Marshal(h)
	return base64.RawURLEncoding.EncodeToString(text), err
}

func decodeHead(text string) (h head, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &h) != nil {
		return h, ErrPeer
	}
	if len(h.Tracks) == 0 || len(h.Tracks) > mostTracks {
		return h, fmt.Errorf("%w: %d tracks", ErrPeer, len(h.Tracks))
	}
	seen := make(map[int]bool)
	for _, t := range h.Tracks {
		if t.ID < 1 || seen[t.ID] || t.Kind() == 0 || t.ClockRate < 1 || t.ClockRate > 1e6 || len(t.Config) > mostConfig {
			return h, fmt.Errorf("%w: track %d", ErrPeer, t.ID)
		}
		seen[t.ID] = true
	}
	return h, nil
}

// ends are the reasons of an end by their names on the wire.
var ends = map[string]error{"ended": hub.ErrEnded, "over": hub.ErrOver, "lost": hub.ErrLost, "replaced": hub.ErrReplaced}

func endName(err error) string {
	for name, reason := range ends {
		if errors.Is(err, reason) {
			return name
		}
	}
	return ""
}

package ingest

import (
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// Request is what a broadcaster asks for at the door.
type Request struct {
	Protocol string // "rtmp", "srt", …: log field and metric label
	Stream   string // the stream's name where the protocol carries one; empty where the key alone says which
	Key      string // secret; never logged
	// Proves reports whether the broadcaster has shown that it knows a key which it did not send (digest authentication).
	// Where it is set, Key is empty and Stream is not.
	Proves func(key string) bool
	Remote string // address and port of the peer
	Agent  string // what the encoder calls itself, cut to a sane length and printable
	Clock  WireClock
	Pulled bool // we have gone to fetch it, as the operator said: its address has not come to us

	// Check, where set, is asked once it is known which stream the key opens, before the session is admitted; its error,
	// an *Error, refuses. A protocol whose connections have secrets of their own compares them there.
	Check func(stream string) error
}

// MaxKeySize bounds what is compared with the keys.
const MaxKeySize = 2048 // a token is some hundred bytes

// IsKey reports whether s has the form of a key or of a stream's name: the unreserved characters of a URL (RFC 3986, 2.3),
// and not "." or "..".
func IsKey(s string) bool {
	if s == "" || len(s) > MaxKeySize || s == "." || s == ".." {
		return false
	}
	return strings.IndexFunc(s, func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !letter && !strings.ContainsRune("-._~", c)
	}) < 0
}

// WireClock describes the timestamps of a protocol's units.
type WireClock struct {
	Rate int64 // ticks per second: 1000 for RTMP, 90000 for MPEG-TS
	Bits uint  // they wrap at 2^Bits: 32 for RTMP, 33 for MPEG-TS
}

// since is how far a stands after b, the shorter way around the wrap; negative when before.
func (c WireClock) since(a, b int64) int64 {
	unused := 64 - c.Bits
	return (a - b) << unused >> unused
}

// Unit is one access unit as the wire brought it, with the wire's own timestamps.
//
// The Session takes the Payload over: the adapter must not write to it again.
type Unit struct {
	Track        int   // media.Track.ID as given to Describe
	DTS          int64 // wire clock, wrapped to its bits
	Offset       int64 // PTS−DTS in ticks of the wire clock; may be negative
	RandomAccess bool  // of a picture; ignored for sound
	Payload      []byte
}

// Attempt is one line of the journal: a session that ended, or a request that was refused.
type Attempt struct {
	At       time.Time     `json:"at"`
	Protocol string        `json:"protocol"`
	Stream   string        `json:"stream,omitempty"`
	Remote   string        `json:"remote"`
	Agent    string        `json:"agent,omitempty"`
	Admitted bool          `json:"admitted"`
	Lasted   time.Duration `json:"-"`
	Seconds  float64       `json:"seconds"`
	Reason   Reason        `json:"reason"`
	Detail   string        `json:"detail,omitempty"`
	Fix      string        `json:"fix,omitempty"`
}

// trackOf finds the track with the given ID.
func trackOf(tracks []media.Track, id int) *media.Track {
	for i := range tracks {
		if tracks[i].ID == id {
			return &tracks[i]
		}
	}
	return nil
}

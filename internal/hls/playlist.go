// Package hls is the grammar of playlists (draft-pantos-hls-rfc8216bis-22): the model, its writer and its strict reader.
//
// It owns no clock, no socket and no policy: what is in a playlist is the packager's decision.
package hls

import "time"

// MediaPlaylist is one state of one rendition's Media Playlist. It is immutable once handed over.
type MediaPlaylist struct {
	TargetDuration        int           // seconds; EXT-X-TARGETDURATION
	PartTarget            time.Duration // EXT-X-PART-INF
	PartHoldBack          time.Duration
	HoldBack              time.Duration
	CanSkipUntil          time.Duration
	MediaSequence         int64 // of Segments[0]
	DiscontinuitySequence int64
	Segments              []*Segment // complete ones, oldest first
	Open                  []Part     // of the segment that follows them: EXT-X-PART lines without an EXTINF yet
	OpenHead              *Segment   // what stands before the open segment's first part (PDT, MAP, DISCONTINUITY); nil where Open is empty
	PreloadHint           string     // URI of the next part; empty once Ended
	Reports               []RenditionReport
	Ended                 bool
}

// Segment is one Media Segment and what stands before it. It is immutable once listed.
type Segment struct {
	URI             string
	Duration        time.Duration
	ProgramDateTime time.Time // zero: none
	Map             string    // EXT-X-MAP URI that applies; written where it differs from the one before or after a discontinuity
	Discontinuity   bool
	Gap             bool
	Parts           []Part // may be left out of the text when old; see MediaPlaylist.AppendTo
}

// Part is one Partial Segment.
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool
	Gap         bool
}

// RenditionReport is the EXT-X-RENDITION-REPORT of another Media Playlist.
type RenditionReport struct {
	URI      string
	LastMSN  int64
	LastPart int // -1: the segment is complete and listed without parts
}

// Package packager turns the access units of a stream's renditions into Low-Latency HLS: CMAF chunks, one for each Partial
// Segment, and the Media Playlists that list them.
//
// It decides what is in a playlist and when, and obeys draft-pantos-hls-rfc8216bis-22. It neither stores nor serves: what
// it makes goes to a Sink. Media time comes from the access units alone; the wall clock is looked at only to notice that
// nothing comes any more.
package packager

import (
	"fmt"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
)

// Profile is how much latency a stream trades for requests. Part targets are ones that every common frame rate and AAC
// can fill to the 85 % that RFC 8216bis asks for.
type Profile string

// The profiles, with the length of a part and the requests per second that one viewer of video and audio makes (a
// playlist and a part for each, once per part).
const (
	Ultra    Profile = "ultra"    // parts of 0.334 s: about 12 requests per viewer-second
	Low      Profile = "low"      // parts of 0.5 s: about 8
	Standard Profile = "standard" // parts of 1 s: about 4
)

// PartTarget is the profile's EXT-X-PART-INF PART-TARGET.
func (p Profile) PartTarget() time.Duration {
	switch p {
	case Ultra:
		return 334 * time.Millisecond
	case Standard:
		return time.Second
	}
	return 500 * time.Millisecond
}

// RequestsPerSecond is what one viewer of video and audio costs, in requests.
func (p Profile) RequestsPerSecond() float64 { return 4 / p.PartTarget().Seconds() }

// Validate says what is wrong with the name of a profile.
func (p Profile) Validate() error {
	switch p {
	case Ultra, Low, Standard:
		return nil
	}
	return fmt.Errorf("unknown profile %q: choose ultra, low or standard", string(p))
}

// Config of a Packager. The zero value has the defaults.
type Config struct {
	Stage           hub.Stage     // which publications to package: Ladder when empty, Source to pass sources on as they came
	Profile         Profile       // Low when empty
	SegmentDuration time.Duration // 2 s when zero; whole seconds
	Window          time.Duration // what a live playlist lists; 60 s when zero, and never less than 6 segments
	Grace           time.Duration // how long a lost stream waits for its encoder; 60 s when zero
	EndGrace        time.Duration // the same after a clean end, so that a restarted encoder goes on; 10 s when zero, at most Grace
	Past            *Past         // what the stream had listed before, to go on from; nil: nothing
}

func (c Config) withDefaults() Config {
	if c.Stage == "" {
		c.Stage = hub.Ladder
	}
	if c.Profile == "" {
		c.Profile = Low
	}
	if c.SegmentDuration == 0 {
		c.SegmentDuration = 2 * time.Second
	}
	if c.Window == 0 {
		c.Window = time.Minute
	}
	// Apple, HLS Authoring Specification, 8.11: a live playlist lists at least 6 segments.
	c.Window = max(c.Window, 6*c.SegmentDuration)
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.EndGrace == 0 {
		c.EndGrace = 10 * time.Second
	}
	c.EndGrace = min(c.EndGrace, c.Grace)
	return c
}

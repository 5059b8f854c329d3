// Package transcode makes the ladder: one ffmpeg for each source decodes once and encodes every rendition.
//
// It owns the plan (which renditions, by the source and by what the machine was measured at), the job and its restarts.
// What comes out is on the one timeline, at exact lattice points and on exact segment boundaries, whichever process made
// it.
package transcode

import "time"

// Config of a Pool. The zero value has the defaults.
type Config struct {
	SegmentDuration time.Duration // 2 s when zero; whole seconds. A key frame stands at every multiple of it in Unix time
	Keep            time.Duration // for which a lost source's rungs are kept for the next; 60 s when zero
	Ladders         Ladders       // what streams are encoded into
	Devices         []string      // that may encode, by ID, in the order in which they are used; nil for all of them, GPUs first
	Share           float64       // of the processor that one source's ladder may take; 0.55 when zero
}

func (c Config) withDefaults() Config {
	if c.SegmentDuration == 0 {
		c.SegmentDuration = 2 * time.Second
	}
	if c.Keep == 0 {
		c.Keep = time.Minute
	}
	if c.Share == 0 {
		c.Share = 0.55
	}
	return c
}

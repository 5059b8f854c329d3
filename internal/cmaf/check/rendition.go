package check

import (
	"bytes"
	"maps"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// Header checks a Media Initialization Section. It returns nil where it cannot be read.
func Header(r *check.Report, uri string, b []byte) *Init {
	in, err := ParseInit(b)
	if !r.Expect("L70", err == nil, uri, "%v", err) {
		return nil
	}
	r.Expect("L70", len(in.Faults) == 0, uri, "%q", in.Faults)
	if in.Main() == nil {
		r.Expect("L70", false, uri, "no track")
		return nil
	}
	return in
}

// Rendition checks the parts and segments of one rendition. They are given in the order of the playlist, each segment after
// its parts. It is for one goroutine.
type Rendition struct {
	Report *check.Report

	parts    clock
	segments clock
	drift    drift

	frames int64 // of pictures, for the frame rate
	ticks  int64
	scale  uint32
}

// clock is where each track's next sample should stand. A track that is not in it is not known.
type clock map[uint32]int64

// Lost tells that a part or segment is missing, or that a discontinuity follows: what comes next continues nothing.
func (c *Rendition) Lost() { c.parts, c.segments, c.drift = nil, nil, drift{} }

// Part checks one part against the playlist's line about it. It returns nil where it cannot be read.
func (c *Rendition) Part(in *Init, p *hls.ParsedPart, b []byte) *Media {
	m := c.read(in, p.URI, b)
	if m == nil {
		c.parts = nil
		return nil
	}
	c.parts = c.continuous("L72", p.URI, c.parts, m)
	main := in.Main()
	media, frame := m.length(main)
	off := media - p.Duration
	c.Report.Expect("L74", off.Abs() <= frame, p.URI, "DURATION %v, media %v", p.Duration, media)
	first, independent := m.independent(main)
	if p.Independent {
		c.Report.Expect("L77", independent, p.URI, "INDEPENDENT=YES, but no sample is a sync sample")
		c.Report.Expect("L79", first || !independent, p.URI, "does not start with its independent frame")
	}
	if independent {
		c.Report.Expect("L78", p.Independent, p.URI, "holds an independent frame, but no INDEPENDENT=YES")
	}
	return m
}

// Segment checks one segment against the playlist's entry. parts are the bytes of all its parts; none where some are
// missing. It returns nil where the segment cannot be read.
func (c *Rendition) Segment(in *Init, s *hls.ParsedSegment, b []byte, parts [][]byte) *Media {
	m := c.read(in, s.URI, b)
	if m == nil {
		c.segments, c.drift = nil, drift{}
		return nil
	}
	c.segments = c.continuous("L73", s.URI, c.segments, m)
	main := in.Main()
	media, frame := m.length(main)
	worst := c.drift.add(media - s.Duration)
	c.Report.Expect("L74", worst <= frame, s.URI, "EXTINF and media of a run of segments that ends here differ by %v", worst)
	first, independent := m.independent(main)
	c.Report.Expect("L75", independent, s.URI, "holds no independent frame")
	if main.Handler == "vide" {
		c.Report.Expect("L76", first && m.startsWithIDR(main), s.URI, "does not start with an IDR")
		c.measure(main, m)
	}
	c.flags(in, s.URI, m)
	if len(parts) > 0 {
		c.concatenation(in, s.URI, m, b, parts)
	}
	return m
}

// read parses a resource and reports what is wrong with its boxes.
func (c *Rendition) read(in *Init, uri string, b []byte) *Media {
	m, err := in.ParseMedia(b)
	if !c.Report.Expect("L71", err == nil, uri, "%v", err) {
		return nil
	}
	c.Report.Expect("L71", len(m.Faults) == 0, uri, "%q", m.Faults)
	return m
}

// continuous checks that each track goes on where it ended, within the resource too, and returns where it ends now.
func (c *Rendition) continuous(rule, uri string, at clock, m *Media) clock {
	next := make(clock)
	maps.Copy(next, at)
	for i := range m.Samples {
		s := &m.Samples[i]
		if want, known := next[s.Track]; known {
			c.Report.Expect(rule, s.DTS == want, uri, "track %d: decode time %d, expected %d", s.Track, s.DTS, want)
		}
		next[s.Track] = s.DTS + int64(s.Duration)
	}
	return next
}

// flags compares the sync flags with the NAL units.
func (c *Rendition) flags(in *Init, uri string, m *Media) {
	for i := range m.Samples {
		s := &m.Samples[i]
		t := in.Track(s.Track)
		if t == nil || t.Handler != "vide" {
			continue
		}
		if p := t.pictureOf(s.Data); p.known {
			c.Report.Expect("L80", !s.Sync || p.irap, uri, "sample at %d is flagged as sync, but is no random access picture", s.DTS)
			c.Report.Expect("L80", s.Sync || !p.idr, uri, "sample at %d is an IDR, but not flagged as sync", s.DTS)
		}
	}
}

// concatenation compares a segment with its parts, in samples and in bytes.
func (c *Rendition) concatenation(in *Init, uri string, m *Media, b []byte, parts [][]byte) {
	var samples []Sample
	for _, part := range parts {
		p, err := in.ParseMedia(part)
		if err != nil {
			return // reported with the part
		}
		samples = append(samples, p.Samples...)
	}
	same := len(samples) == len(m.Samples)
	for i := 0; same && i < len(samples); i++ {
		same = samples[i].same(&m.Samples[i])
	}
	c.Report.Expect("L66", same, uri, "the samples of the segment (%d) and of its parts (%d) differ", len(m.Samples), len(samples))
	c.Report.Expect("L67", bytes.Equal(b, bytes.Join(parts, nil)), uri, "is not the concatenation of its parts")
}

func (c *Rendition) measure(t *Track, m *Media) {
	if c.scale != t.Timescale {
		c.frames, c.ticks, c.scale = 0, 0, t.Timescale
	}
	for i := range m.Samples {
		if m.Samples[i].Track == t.ID {
			c.frames++
			c.ticks += int64(m.Samples[i].Duration)
		}
	}
}

// FrameRate is the measured frames per second; 0 where there were no pictures yet.
func (c *Rendition) FrameRate() float64 {
	if c.ticks == 0 {
		return 0
	}
	return float64(c.frames) * float64(c.scale) / float64(c.ticks)
}

// length is the duration of a track's samples, and of the longest of them.
func (m *Media) length(t *Track) (total, frame time.Duration) {
	var ticks, longest int64
	for i := range m.Samples {
		if s := &m.Samples[i]; s.Track == t.ID {
			ticks += int64(s.Duration)
			longest = max(longest, int64(s.Duration))
		}
	}
	return t.time(ticks), t.time(longest)
}

// time converts ticks of the track to a time, without overflow for ticks since the Unix epoch.
func (t *Track) time(ticks int64) time.Duration {
	scale := int64(t.Timescale)
	return time.Duration(ticks/scale)*time.Second + time.Duration(ticks%scale*int64(time.Second)/scale)
}

// independent reports whether a track's first sample, and whether any, is a sync sample.
func (m *Media) independent(t *Track) (first, some bool) {
	seen := false
	for i := range m.Samples {
		if s := &m.Samples[i]; s.Track == t.ID {
			first = first || !seen && s.Sync
			some = some || s.Sync
			seen = true
		}
	}
	return first, some
}

func (m *Media) startsWithIDR(t *Track) bool {
	for i := range m.Samples {
		if s := &m.Samples[i]; s.Track == t.ID {
			p := t.pictureOf(s.Data)
			return p.idr || !p.known
		}
	}
	return false
}

// start is the earliest presentation time of a track, from the beginning of its timeline.
func (m *Media) start(t *Track) time.Duration {
	var earliest int64
	found := false
	for i := range m.Samples {
		if s := &m.Samples[i]; s.Track == t.ID && (!found || s.DTS+s.Offset < earliest) {
			earliest, found = s.DTS+s.Offset, true
		}
	}
	return t.time(earliest - t.Edit)
}

// drift sums how far declared and real durations lie apart, and knows the worst of any run that ends at the newest.
type drift struct{ sum, low, high time.Duration }

func (d *drift) add(off time.Duration) time.Duration {
	d.sum += off
	worst := max(d.sum-d.low, d.high-d.sum)
	d.low, d.high = min(d.low, d.sum), max(d.high, d.sum)
	return worst
}

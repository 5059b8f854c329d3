package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls/check"
)

// The tolerances between renditions: date-times are written in milliseconds, and a mapping that is off by a picture shows.
const (
	sameTime    = 1500 * time.Microsecond
	sameMapping = 20 * time.Millisecond
	maxDrift    = 100 * time.Millisecond
	maxStarts   = 32 // segments remembered of each rendition
)

// Start is where a segment begins, in both times.
type Start struct {
	Rendition string
	Video     bool
	Epoch     int64         // its Discontinuity Sequence Number
	DateTime  time.Time     // of its EXT-X-PROGRAM-DATE-TIME
	Media     time.Duration // its earliest presentation time
}

// StartOf makes a Start of a segment that was read.
func StartOf(rendition string, in *Init, m *Media, epoch int64, dateTime time.Time) Start {
	main := in.Main()
	return Start{rendition, main.Handler == "vide", epoch, dateTime, m.start(main)}
}

// offset is where the media timeline begins, in date-time.
func (s Start) offset() time.Time { return s.DateTime.Add(-s.Media) }

// Alignment compares the timelines of all renditions of a presentation. It is for one goroutine.
type Alignment struct {
	Report *check.Report

	starts map[string][]Start
	first  map[string]Start // of the current epoch
}

// Add takes one more segment of a rendition, in the order of its playlist.
func (a *Alignment) Add(s Start) {
	if a.starts == nil {
		a.starts, a.first = make(map[string][]Start), make(map[string]Start)
	}
	if first, ok := a.first[s.Rendition]; !ok || first.Epoch != s.Epoch {
		a.first[s.Rendition] = s
	}
	drift := s.offset().Sub(a.first[s.Rendition].offset())
	a.Report.Expect("L113", drift.Abs() <= maxDrift, s.Rendition, "the date-time %v has drifted %v from the media", s.DateTime, drift)
	a.Report.Expect("L84", drift.Abs() < time.Second, s.Rendition, "the date-time %v is %v off the media", s.DateTime, drift)
	for name := range a.starts {
		if name != s.Rendition {
			a.compare(s, a.starts[name])
		}
	}
	kept := append(a.starts[s.Rendition], s)
	if len(kept) > maxStarts {
		kept = kept[1:]
	}
	a.starts[s.Rendition] = kept
}

// compare looks for the segment of another rendition nearest in date-time, and compares media times with it.
func (a *Alignment) compare(s Start, others []Start) {
	best := -1
	for i, o := range others {
		if o.Epoch == s.Epoch && (best < 0 || o.DateTime.Sub(s.DateTime).Abs() < others[best].DateTime.Sub(s.DateTime).Abs()) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	o := others[best]
	off := s.offset().Sub(o.offset())
	a.Report.Expect("L83", off.Abs() <= sameMapping, s.Rendition, "date-times map to media %v apart from those of %s", off, o.Rendition)
	if s.Video && o.Video && s.DateTime.Sub(o.DateTime).Abs() <= sameTime {
		off := s.Media - o.Media
		a.Report.Expect("L81", off.Abs() <= sameTime, s.Rendition, "the segment at %v has media time %v, in %s %v", s.DateTime, s.Media, o.Rendition, o.Media)
	}
}

package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// DefaultSlack is what the network and the schedulers at both ends may add to a time.
const DefaultSlack = 150 * time.Millisecond

// Checker is fed the playlists of one presentation in the order in which they arrived, and reports what it finds.
// It is for one goroutine.
type Checker struct {
	Report *Report
	Slack  time.Duration // tolerance of every rule about time; 0: DefaultSlack

	renditions map[string]*rendition // by Snapshot.Playlist
	names      []string              // of renditions, as they came
	pending    []pendingReport
}

// rendition is what is known of one Media Playlist.
type rendition struct {
	name     string
	video    bool
	known    bool // by the Multivariant Playlist
	latest   *hls.ParsedMedia
	arrived  time.Time // of latest
	pruned   bool      // segments have been removed from it
	versions []version
	history  []sighting
	closed   []closing
}

// sighting is the first time that a position was seen as the last one listed.
type sighting struct {
	last hls.Position
	at   time.Time
}

// closing is the first time that a segment was seen complete.
type closing struct {
	msn int64
	end time.Time // date-time of the segment's end; zero: unknown
	at  time.Time
}

// maxHistory bounds what is remembered of each rendition's past, and the reports that wait to be judged.
const maxHistory = 1024

// NewChecker makes a Checker that writes to r.
func NewChecker(r *Report) *Checker {
	return &Checker{Report: r, Slack: DefaultSlack, renditions: make(map[string]*rendition)}
}

// Declare tells of a Media Playlist that the Multivariant Playlist names, by its URL without query.
func (c *Checker) Declare(playlist string, video bool) {
	t := c.rendition(playlist)
	t.known, t.video = true, video
}

func (c *Checker) rendition(name string) *rendition {
	t := c.renditions[name]
	if t == nil {
		t = &rendition{name: name}
		c.renditions[name] = t
		c.names = append(c.names, name)
	}
	return t
}

// Add checks one answer, and returns the playlist in it: merged where it was a delta update that could be merged, as it
// came where it could not; nil where the answer held no playlist.
func (c *Checker) Add(s Snapshot) *hls.ParsedMedia {
	c.headers(s)
	if s.Status != 200 {
		return nil
	}
	p, err := hls.ParseMedia(s.Body)
	Grammar(c.Report, s.Playlist, err)
	if p == nil {
		return nil
	}
	t := c.rendition(s.Playlist)
	Media(c.Report, s.Playlist, p)
	c.blocking(s, p)
	c.reports(t, s, p)
	whole := p
	if p.Skip != nil {
		if whole = c.merge(t, p); whole == nil {
			return p
		}
	}
	v := version{p: whole}
	if p.Skip != nil {
		v.delta, v.skipped = true, int(p.Skip.Segments)
	}
	c.remember(t, v)
	c.succeed(t, s, whole)
	return whole
}

// succeed compares a whole playlist with the newest one of its rendition, and takes its place where it is newer.
func (c *Checker) succeed(t *rendition, s Snapshot, p *hls.ParsedMedia) {
	if t.latest == nil {
		t.latest, t.arrived = p, s.Arrived
		t.history = append(t.history, sighting{p.Last(), s.Arrived})
		c.others(t, p)
		return
	}
	if p.Next().Before(t.latest.Next()) && t.mayBeOld(s) {
		Succession(c.Report, t.name, p, t.latest)
		return
	}
	Succession(c.Report, t.name, t.latest, p)
	t.pruned = t.pruned || p.MediaSequence > t.latest.MediaSequence
	if !p.Ended {
		c.length(t, p)
	}
	if t.latest.Next().Before(p.Next()) {
		c.timing(t, s, p)
		c.others(t, p)
	}
	t.latest, t.arrived = p, s.Arrived
}

// mayBeOld reports whether an answer may be an older state than the newest: one that was overtaken by another answer, one
// to a reload for what was there already, or one from a cache.
func (t *rendition) mayBeOld(s Snapshot) bool {
	d := ParseDirectives(s.Query)
	return s.Sent.Before(t.arrived) || d.Blocking && d.At.Before(t.latest.Last()) || s.Header.Get("Age") != ""
}

// length checks that a live playlist is long enough. One from which nothing was ever removed may still be growing.
func (c *Checker) length(t *rendition, p *hls.ParsedMedia) {
	if len(p.Segments) >= 6 || t.pruned {
		c.Report.Expect("L16", len(p.Segments) >= 6, t.name, "%d segments", len(p.Segments))
	}
}

// blocking checks that a blocking reload was not answered too early.
func (c *Checker) blocking(s Snapshot, p *hls.ParsedMedia) {
	d := ParseDirectives(s.Query)
	if !d.Blocking || p.Ended {
		return
	}
	if d.At.Part < 0 {
		has := p.Has(hls.Position{MSN: d.At.MSN})
		c.Report.Expect("L43", has, s.Playlist, "?%s was answered with a playlist that ends before %v", s.Query, p.Next())
		return
	}
	c.Report.Expect("L42", p.Has(d.At), s.Playlist, "?%s was answered with a playlist that ends before %v", s.Query, p.Next())
}

// Finish judges what still waited for later playlists.
func (c *Checker) Finish() { c.settle(time.Time{}) }

package check

import (
	"net/url"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// pendingReport is a rendition report that waits until the playlist it is about has been seen late enough to judge it.
type pendingReport struct {
	from, about string
	says        hls.Position
	at          time.Time // when the carrier arrived
	since       time.Time // when the carrier's own edge was first seen
	partTarget  time.Duration
}

// patience is how long a pendingReport waits at most.
const patience = 30 * time.Second

// reports checks the rendition reports of a playlist.
func (c *Checker) reports(t *rendition, s Snapshot, p *hls.ParsedMedia) {
	if p.Ended {
		return
	}
	count := make(map[string]int)
	for _, rep := range p.Reports {
		about, ok := c.resolve(s.Playlist, rep)
		if !c.Report.Expect("L39", ok, t.name, "line %d: %q names no other playlist by a relative URI", rep.Line, rep.URI) {
			continue
		}
		count[about]++
		c.pending = bounded(append(c.pending, pendingReport{from: t.name, about: about, says: says(rep, p),
			at: s.Arrived, since: t.sightedAt(p.Last(), s.Arrived), partTarget: p.PartTarget}))
	}
	for _, name := range c.names {
		if o := c.renditions[name]; o != t && o.known && t.known {
			c.Report.Expect("L38", count[name] == 1, t.name, "%d reports of %s", count[name], name)
		}
	}
	c.settle(s.Arrived)
}

// resolve is the playlist that a report is about.
func (c *Checker) resolve(base string, rep hls.ParsedReport) (string, bool) {
	b, err := url.Parse(base)
	if err != nil {
		return "", false
	}
	ref, err := url.Parse(rep.URI)
	if err != nil || rep.URI == "" || ref.IsAbs() || ref.Host != "" || ref.RawQuery != "" {
		return "", false
	}
	about := b.ResolveReference(ref).String()
	t := c.renditions[about]
	return about, t != nil && about != base
}

// says is the position that a report names. RFC 8216bis 4.4.5.4: LAST-MSN and LAST-PART may be left out where they equal
// those of the carrier.
func says(rep hls.ParsedReport, carrier *hls.ParsedMedia) hls.Position {
	at := hls.Position{MSN: rep.LastMSN, Part: int(rep.LastPart)}
	if rep.LastMSN < 0 {
		at.MSN = carrier.Last().MSN
	}
	if rep.LastPart < 0 {
		at.Part = carrier.Last().Part
	}
	return at
}

// settle judges the reports whose subject has been seen late enough.
func (c *Checker) settle(now time.Time) {
	var wait []pendingReport
	for _, rep := range c.pending {
		o := c.renditions[rep.about]
		switch {
		case o.latest == nil || o.arrived.Before(rep.at.Add(c.slack())):
			if !now.IsZero() && now.Sub(rep.at) < patience {
				wait = append(wait, rep)
			}
		default:
			c.judge(rep, o)
		}
	}
	c.pending = wait
}

func (c *Checker) judge(rep pendingReport, o *rendition) {
	if edge, ok := o.edgeAt(rep.at.Add(c.slack())); ok {
		c.Report.Expect("L40", !edge.Before(rep.says), rep.from, "says that %s is at %v, which is only at %v", o.name, rep.says, edge)
	}
	if edge, ok := o.edgeAt(rep.since.Add(-rep.partTarget - c.slack())); ok {
		c.Report.Expect("L40", !rep.says.Before(edge), rep.from, "says that %s is at %v, which had reached %v one part target before", o.name, rep.says, edge)
	}
}

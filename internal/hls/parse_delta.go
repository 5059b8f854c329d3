package hls

import (
	"errors"
	"slices"
	"strings"
)

// ErrNotMergeable means that a delta update skips what the playlist at hand does not have: the client must ask for a whole one.
var ErrNotMergeable = errors.New("hls: the playlist at hand does not hold what the delta update skips")

// Merge fills in what the Playlist Delta Update d skipped, from an earlier playlist of the same rendition, and returns the
// whole playlist. A playlist that skips nothing is returned as it is. Lines of the result are those of d; the skipped
// segments come without line numbers, and without their parts, which are too old to be listed.
//
// RFC 8216bis 6.3.7: "A Client updates an existing Playlist by ... replacing the EXT-X-SKIP tag with the Media Segments it
// already has".
func (d *ParsedMedia) Merge(base *ParsedMedia) (*ParsedMedia, error) {
	if d.Skip == nil {
		return d, nil
	}
	if base == nil || base.Skip != nil || d.MediaSequence < base.MediaSequence {
		return nil, ErrNotMergeable
	}
	from := d.MediaSequence - base.MediaSequence
	to := from + d.Skip.Segments
	if to > int64(len(base.Segments)) {
		return nil, ErrNotMergeable
	}
	p := *d
	p.Skip = nil
	p.Segments = append(slices.Clone(base.Segments[from:to]), d.Segments...)
	for i := range d.Skip.Segments {
		p.Segments[i].Line, p.Segments[i].Parts = 0, nil
	}
	if d.Skip.RemovedDateRanges != "" || d.Control != nil && d.Control.CanSkipDateRanges {
		p.DateRanges = d.mergeDateRanges(base)
	}
	p.carry(int(d.Skip.Segments))
	p.number()
	return &p, nil
}

// carry gives the segments after the first n the map and key that apply from before, where they have none of their own.
func (p *ParsedMedia) carry(n int) {
	if n == 0 {
		return
	}
	last := p.Segments[n-1]
	apply := func(s *ParsedSegment) bool {
		if s.Map != nil {
			return false
		}
		s.Map = last.Map
		return true
	}
	keyed := false
	for i := n; i < len(p.Segments); i++ {
		apply(&p.Segments[i])
		if keyed = keyed || p.Segments[i].Key != ""; !keyed {
			p.Segments[i].Key = last.Key
		}
	}
	apply(&p.Open)
	if !keyed && p.Open.Key == "" {
		p.Open.Key = last.Key
	}
}

func (d *ParsedMedia) mergeDateRanges(base *ParsedMedia) []DateRange {
	removed := strings.Split(d.Skip.RemovedDateRanges, "\t")
	var out []DateRange
	for _, r := range base.DateRanges {
		again := slices.ContainsFunc(d.DateRanges, func(n DateRange) bool { return n.ID == r.ID })
		if !again && !slices.Contains(removed, r.ID) {
			out = append(out, r)
		}
	}
	return append(out, d.DateRanges...)
}

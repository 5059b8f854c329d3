package check

import (
	"github.com/stagecast/stagecast/internal/hls"
)

// Succession checks what one rendition's playlist may change from one state to a later one. Both must be whole: a delta
// update is merged first.
func Succession(r *Report, where string, prev, next *hls.ParsedMedia) {
	s := &succession{r: r, where: where, prev: prev, next: next}
	s.constants()
	s.ending()
	if s.numbers() {
		s.hint()
	}
}

type succession struct {
	r          *Report
	where      string
	prev, next *hls.ParsedMedia
}

func (s *succession) expect(rule string, ok bool, format string, args ...any) bool {
	return s.r.Expect(rule, ok, s.where, format, args...)
}

// constants checks what never changes.
func (s *succession) constants() {
	s.expect("L08", s.next.TargetDuration == s.prev.TargetDuration, "%d became %d", s.prev.TargetDuration, s.next.TargetDuration)
	s.expect("L26", s.next.PartTarget == s.prev.PartTarget, "PART-TARGET %v became %v", s.prev.PartTarget, s.next.PartTarget)
	s.expect("L26", sameControl(s.prev.Control, s.next.Control), "EXT-X-SERVER-CONTROL %+v became %+v", s.prev.Control, s.next.Control)
}

func sameControl(a, b *hls.ServerControl) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// numbers matches the segments of both states by what they name, and checks the numbers against the match. It reports
// whether the two match at all.
func (s *succession) numbers() bool {
	removed := s.next.MediaSequence - s.prev.MediaSequence
	if !s.expect("L10", removed >= 0, "EXT-X-MEDIA-SEQUENCE fell from %d to %d", s.prev.MediaSequence, s.next.MediaSequence) {
		return false
	}
	s.expect("L11", s.next.DiscontinuitySequence >= s.prev.DiscontinuitySequence,
		"EXT-X-DISCONTINUITY-SEQUENCE fell from %d to %d", s.prev.DiscontinuitySequence, s.next.DiscontinuitySequence)
	from := int(min(removed, int64(len(s.prev.Segments))))
	if found := s.find(s.next.Segments); found >= 0 {
		if !s.expect("L10", found == from, "EXT-X-MEDIA-SEQUENCE rose by %d, but %d segments were removed", removed, found) {
			return false
		}
	}
	if removed > 0 {
		s.expect("L12", s.next.Type == "", "segments were removed from a playlist of type %s", s.next.Type)
		s.expect("L15", s.next.Length() >= 3*target(s.next), "removal left %v", s.next.Length())
	}
	return s.overlap(s.prev.Segments[from:], s.next.Segments) &&
		s.expect("L10", !s.next.Next().Before(s.prev.Next()), "the edge went back from %v to %v", s.prev.Next(), s.next.Next())
}

// find is the index in prev of the first segment of next; -1 where it is not there.
func (s *succession) find(next []hls.ParsedSegment) int {
	if len(next) == 0 {
		return -1
	}
	for i := range s.prev.Segments {
		if names(&s.prev.Segments[i], &next[0]) {
			return i
		}
	}
	return -1
}

// names reports whether two entries name the same bytes.
func names(a, b *hls.ParsedSegment) bool {
	return a.URI == b.URI && sameRange(a.ByteRange, b.ByteRange)
}

func sameRange(a, b *hls.ByteRange) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// overlap compares the entries that both states should list, and reports whether they list the same.
func (s *succession) overlap(prev, next []hls.ParsedSegment) bool {
	for i := range prev {
		if i == len(next) {
			return s.expect("L15", false, "%s and what follows it is no longer listed", prev[i].URI)
		}
		if !names(&prev[i], &next[i]) {
			gone := i+1 < len(prev) && names(&prev[i+1], &next[i])
			return s.expect("L15", !gone, "line %d: %s was removed from the middle", next[i].Line, prev[i].URI) &&
				s.expect("L14", false, "line %d: segment %d was %s and is %s", next[i].Line, next[i].MSN, prev[i].URI, next[i].URI)
		}
		s.expect("L14", prev[i].Duration == next[i].Duration, "line %d: EXTINF of segment %d was %v and is %v", next[i].Line, next[i].MSN, prev[i].Duration, next[i].Duration)
		s.head(&prev[i], &next[i])
		s.parts(&prev[i], &next[i], true)
	}
	s.open(next[len(prev):])
	return true
}

// open compares what was listed of the open segment. completed are the segments that were completed since.
func (s *succession) open(completed []hls.ParsedSegment) {
	was, is := &s.prev.Open, &s.next.Open
	if len(completed) > 0 {
		is = &completed[0]
	}
	if len(was.Parts) > 0 && (len(is.Parts) > 0 || is.URI != "") {
		s.head(was, is)
		s.parts(was, is, false)
	}
}

// head compares the tags that apply to a segment as a whole.
func (s *succession) head(was, is *hls.ParsedSegment) {
	changed := func(what string, same bool, a, b any) {
		s.expect("L14", same, "%s of segment %d was %v and is %v", what, is.MSN, a, b)
	}
	changed("EXT-X-PROGRAM-DATE-TIME", was.DateTimeText == is.DateTimeText, was.DateTimeText, is.DateTimeText)
	changed("EXT-X-KEY", was.Key == is.Key, was.Key, is.Key)
	changed("EXT-X-DISCONTINUITY", was.Discontinuity == is.Discontinuity, was.Discontinuity, is.Discontinuity)
	changed("EXT-X-GAP", was.Gap == is.Gap || was.URI == "", was.Gap, is.Gap)
	changed("EXT-X-MAP", sameMap(was.Map, is.Map), mapURI(was.Map), mapURI(is.Map))
	s.expect("L11", was.Epoch == is.Epoch, "segment %d had discontinuity number %d and has %d", is.MSN, was.Epoch, is.Epoch)
}

func sameMap(a, b *hls.Map) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.URI == b.URI && sameRange(a.ByteRange, b.ByteRange)
}

func mapURI(m *hls.Map) string {
	if m == nil {
		return "none"
	}
	return m.URI
}

// parts compares the parts of one parent, of which none may be listed any more. complete says that they were all listed.
func (s *succession) parts(was, is *hls.ParsedSegment, complete bool) {
	if len(is.Parts) == 0 || len(was.Parts) == 0 {
		return
	}
	if complete {
		s.expect("L29", len(is.Parts) == len(was.Parts), "segment %d had %d parts and has %d", is.MSN, len(was.Parts), len(is.Parts))
	} else {
		s.expect("L29", len(is.Parts) >= len(was.Parts), "segment %d had %d parts and has %d", is.MSN, len(was.Parts), len(is.Parts))
	}
	for i := range min(len(was.Parts), len(is.Parts)) {
		a, b := &was.Parts[i], &is.Parts[i]
		same := a.URI == b.URI && a.Duration == b.Duration && a.Independent == b.Independent && a.Gap == b.Gap && sameRange(a.ByteRange, b.ByteRange)
		s.expect("L14", same, "line %d: part %d of segment %d was %s %v and is %s %v, or its flags changed", b.Line, i, is.MSN, a.URI, a.Duration, b.URI, b.Duration)
	}
}

// ending checks that nothing happens after EXT-X-ENDLIST.
func (s *succession) ending() {
	if s.prev.Ended {
		s.expect("L12", s.next.Ended && s.next.Next() == s.prev.Next(), "the playlist went on after EXT-X-ENDLIST")
	}
}

// hint checks that the part that came is the one that was hinted.
func (s *succession) hint() {
	hint := s.prev.Hint()
	came := partAt(s.next, s.prev.Next())
	if hint == nil || came == nil || came.Gap {
		return
	}
	same := came.URI == hint.URI
	if same && hint.ByteRange != nil && came.ByteRange != nil {
		same = hint.ByteRange.Offset == came.ByteRange.Offset
	}
	s.expect("L37", same, "line %d: %s came, %s was hinted", came.Line, came.URI, hint.URI)
}

// partAt is the part at a position, or part 0 of the next segment where its parent ended without it; nil where it is not
// listed.
func partAt(p *hls.ParsedMedia, at hls.Position) *hls.ParsedPart {
	for range 2 {
		parent := p.Segment(at.MSN)
		if at.MSN == p.LastMSN()+1 {
			parent = &p.Open
		}
		if parent == nil || at.MSN <= p.LastMSN() && len(parent.Parts) == 0 {
			return nil
		}
		if at.Part < len(parent.Parts) {
			return &parent.Parts[at.Part]
		}
		at = hls.Position{MSN: at.MSN + 1}
	}
	return nil
}

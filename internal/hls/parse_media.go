package hls

import (
	"strings"
	"time"
)

// ParseMedia reads a Media Playlist as strictly as RFC 8216bis is written.
//
// The error is Problems. Where the playlist can be made sense of all the same, a ParsedMedia comes with it, so that the
// other rules can be checked too; a player that is not a judge stops at the error. Nothing of text is kept.
func ParseMedia(text []byte) (*ParsedMedia, error) {
	r := &mediaReader{p: &ParsedMedia{Version: 1}}
	if !r.read(text, inMedia) {
		return nil, r.err()
	}
	r.p.Lines = r.lines
	for _, l := range r.lines {
		r.take(l)
	}
	r.finish()
	return r.p, r.err()
}

// mediaReader walks the lines of a Media Playlist.
type mediaReader struct {
	reader
	p         *ParsedMedia
	next      ParsedSegment // what stands before the next URI
	hasEXTINF bool
	inKeys    bool // the line before was an EXT-X-KEY: the next one adds to it
	segments  chain
	parts     chain
}

// chain follows the byte ranges of one resource, so that an offset can be left out: it is then where the range before ended
// (RFC 8216bis 4.4.4.2, 4.4.4.9).
type chain struct {
	uri string // empty: the segment or part before had no byte range
	end int64
}

// resolve gives b its offset. It reports false where b has none and none follows from what came before.
func (c *chain) resolve(uri string, b *ByteRange) bool {
	if b == nil {
		*c = chain{}
		return true
	}
	ok := b.Offset >= 0 || c.uri == uri && uri != ""
	if b.Offset < 0 {
		b.Offset = c.end
	}
	c.uri, c.end = uri, b.Offset+b.Length
	return ok
}

func (r *mediaReader) take(l Line) {
	wasInKeys := r.inKeys
	r.inKeys = false
	switch l.Tag {
	case "":
		r.uri(l)
	case "EXTINF":
		r.extinf(l)
	case "EXT-X-PART":
		r.part(l)
	case "EXT-X-KEY":
		r.key(l, wasInKeys)
	case "EXT-X-MAP":
		r.next.Map = &Map{URI: l.Attrs.Value("URI"), ByteRange: r.explicitRange(l)}
	case "EXT-X-PROGRAM-DATE-TIME":
		r.dateTime(l)
	case "EXT-X-DISCONTINUITY":
		r.next.Discontinuity = true
	case "EXT-X-GAP":
		r.next.Gap = true
	case "EXT-X-BITRATE":
		r.next.Bitrate = r.number(l)
	case "EXT-X-BYTERANGE":
		r.byteRange(l)
	case "EXT-X-PRELOAD-HINT", "EXT-X-RENDITION-REPORT", "EXT-X-SKIP", "EXT-X-DATERANGE":
		r.metadata(l)
	default:
		r.header(l)
	}
}

// header takes the tags that are about the whole playlist.
func (r *mediaReader) header(l Line) {
	p := r.p
	switch l.Tag {
	case "EXT-X-VERSION":
		p.Version = int(r.number(l))
	case "EXT-X-TARGETDURATION":
		p.TargetDuration = int(r.number(l))
	case "EXT-X-MEDIA-SEQUENCE":
		p.MediaSequence = r.number(l)
	case "EXT-X-DISCONTINUITY-SEQUENCE":
		p.DiscontinuitySequence = r.number(l)
	case "EXT-X-PLAYLIST-TYPE":
		if p.Type = l.Value; l.Value != "EVENT" && l.Value != "VOD" {
			r.problem(l.Number, BadSyntax, l.Tag, "is %.20q", l.Value)
		}
	case "EXT-X-INDEPENDENT-SEGMENTS":
		p.IndependentSegments = true
	case "EXT-X-I-FRAMES-ONLY":
		p.IFramesOnly = true
	case "EXT-X-ENDLIST":
		p.Ended = true
	case "EXT-X-PART-INF":
		p.PartTarget = seconds(l, "PART-TARGET")
	case "EXT-X-SERVER-CONTROL":
		p.Control = &ServerControl{
			CanBlockReload: l.Attrs.Yes("CAN-BLOCK-RELOAD"), CanSkipDateRanges: l.Attrs.Yes("CAN-SKIP-DATERANGES"),
			CanSkipUntil: seconds(l, "CAN-SKIP-UNTIL"), HoldBack: seconds(l, "HOLD-BACK"), PartHoldBack: seconds(l, "PART-HOLD-BACK"),
		}
	}
}

// metadata takes the tags that stand between or after segments without belonging to one.
func (r *mediaReader) metadata(l Line) {
	p := r.p
	switch l.Tag {
	case "EXT-X-PRELOAD-HINT":
		h := PreloadHint{Line: l.Number, Type: l.Attrs.Value("TYPE"), URI: l.Attrs.Value("URI")}
		if start, ok := l.Attrs.Get("BYTERANGE-START"); ok || l.Attrs.Value("BYTERANGE-LENGTH") != "" {
			h.ByteRange = &ByteRange{Length: integerOr(l, "BYTERANGE-LENGTH", -1)}
			h.ByteRange.Offset, _ = parseInt(start)
		}
		p.Hints = append(p.Hints, h)
	case "EXT-X-RENDITION-REPORT":
		p.Reports = append(p.Reports, ParsedReport{Line: l.Number, URI: l.Attrs.Value("URI"),
			LastMSN: integerOr(l, "LAST-MSN", -1), LastPart: integerOr(l, "LAST-PART", -1)})
	case "EXT-X-SKIP":
		if p.Skip == nil {
			p.Skip = &Skip{Line: l.Number, Segments: min(integerOr(l, "SKIPPED-SEGMENTS", 0), maxLines),
				RemovedDateRanges: l.Attrs.Value("RECENTLY-REMOVED-DATERANGES")}
		}
	case "EXT-X-DATERANGE":
		p.DateRanges = append(p.DateRanges, DateRange{Line: l.Number, ID: l.Attrs.Value("ID"), Attrs: l.Attrs})
	}
}

// uri ends a segment. What lasts beyond it (MAP, KEY, BITRATE) is carried over to the next.
func (r *mediaReader) uri(l Line) {
	if !r.hasEXTINF {
		r.problem(l.Number, BadStructure, "", "URI without an EXTINF")
	}
	s := r.next
	s.Line, s.URI = l.Number, l.Value
	if !r.segments.resolve(s.URI, s.ByteRange) {
		r.problem(l.Number, BadStructure, "EXT-X-BYTERANGE", "without an offset after no range of the same resource")
	}
	r.p.Segments = append(r.p.Segments, s)
	r.next = ParsedSegment{Map: s.Map, Key: s.Key, Bitrate: s.Bitrate}
	r.hasEXTINF = false
}

func (r *mediaReader) extinf(l Line) {
	if r.hasEXTINF {
		r.problem(l.Number, BadStructure, l.Tag, "appears twice for one URI")
	}
	value, _, comma := strings.Cut(l.Value, ",")
	d, ok := parseSeconds(value)
	if !ok || !comma {
		r.problem(l.Number, BadSyntax, l.Tag, "%.40q is no duration with a comma", l.Value)
	}
	r.next.Duration, r.hasEXTINF = d, true
}

func (r *mediaReader) part(l Line) {
	part := ParsedPart{Line: l.Number, URI: l.Attrs.Value("URI"), Duration: seconds(l, "DURATION"),
		Independent: l.Attrs.Yes("INDEPENDENT"), Gap: l.Attrs.Yes("GAP")}
	if b, ok := parseByteRange(l.Attrs.Value("BYTERANGE")); ok {
		part.ByteRange = &b
	}
	if !r.parts.resolve(part.URI, part.ByteRange) {
		r.problem(l.Number, BadStructure, l.Tag, "BYTERANGE without an offset after no part of the same resource")
	}
	r.next.Parts = append(r.next.Parts, part)
}

func (r *mediaReader) key(l Line, more bool) {
	if more {
		r.next.Key += "\n" + l.Value
	} else {
		r.next.Key = l.Value
	}
	r.inKeys = true
}

func (r *mediaReader) dateTime(l Line) {
	t, ok := parseDateTime(l.Value)
	if !ok {
		r.problem(l.Number, BadSyntax, l.Tag, "%.40q is no date", l.Value)
	}
	if r.next.DateTimeText != "" {
		r.problem(l.Number, BadStructure, l.Tag, "appears twice for one segment")
	}
	r.next.DateTime, r.next.DateTimeText = t, l.Value
}

func (r *mediaReader) byteRange(l Line) {
	b, ok := parseByteRange(l.Value)
	if !ok {
		r.problem(l.Number, BadSyntax, l.Tag, "%.40q is no byte range", l.Value)
		return
	}
	r.next.ByteRange = &b
}

// explicitRange is the BYTERANGE of an EXT-X-MAP, whose offset is 0 where it is left out.
func (r *mediaReader) explicitRange(l Line) *ByteRange {
	b, ok := parseByteRange(l.Attrs.Value("BYTERANGE"))
	if !ok {
		return nil
	}
	b.Offset = max(b.Offset, 0)
	return &b
}

// finish numbers the segments, and tells what is open from what is missing.
func (r *mediaReader) finish() {
	p := r.p
	if r.hasEXTINF {
		r.problem(0, BadStructure, "EXTINF", "without a URI at the end")
	}
	p.Open = r.next
	p.number()
}

// number gives each segment its Media Sequence Number and its Discontinuity Sequence Number.
func (p *ParsedMedia) number() {
	msn, epoch := p.MediaSequence, p.DiscontinuitySequence
	if p.Skip != nil {
		msn += p.Skip.Segments
	}
	set := func(s *ParsedSegment) {
		if s.Discontinuity {
			epoch++
		}
		s.MSN, s.Epoch = msn, epoch
		msn++
	}
	for i := range p.Segments {
		set(&p.Segments[i])
	}
	set(&p.Open)
}

// number is the decimal-integer that a tag has as its value.
func (r *mediaReader) number(l Line) int64 {
	n, ok := parseInt(l.Value)
	if !ok || n > 1<<53 {
		r.problem(l.Number, BadSyntax, l.Tag, "%.40q is no number", l.Value)
		return 0
	}
	return n
}

func seconds(l Line, attr string) time.Duration {
	d, _ := parseSeconds(l.Attrs.Value(attr))
	return d
}

func integerOr(l Line, attr string, absent int64) int64 {
	if n, ok := parseInt(l.Attrs.Value(attr)); ok {
		return n
	}
	return absent
}

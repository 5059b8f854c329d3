package check

import (
	"strings"

	"github.com/stagecast/stagecast/internal/hls"
)

// segmentTag reports whether a line belongs to a Media Segment.
func segmentTag(l hls.Line) bool {
	switch l.Tag {
	case "", "EXTINF", "EXT-X-PART", "EXT-X-MAP", "EXT-X-KEY", "EXT-X-DISCONTINUITY", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-GAP",
		"EXT-X-BYTERANGE", "EXT-X-BITRATE":
		return true
	}
	return false
}

// beforeParts reports whether a tag applies to a parent as a whole, and so must stand before its first EXT-X-PART.
func beforeParts(tag string) bool {
	switch tag {
	case "EXT-X-MAP", "EXT-X-KEY", "EXT-X-DISCONTINUITY", "EXT-X-PROGRAM-DATE-TIME":
		return true
	}
	return false
}

// order checks the places of tags.
func (m *media) order() {
	inSegments, afterPart, parts := false, false, false
	for _, l := range m.p.Lines {
		switch l.Tag {
		case "EXT-X-MEDIA-SEQUENCE":
			m.expect("L10", !inSegments, "line %d: EXT-X-MEDIA-SEQUENCE stands behind a segment's tag", l.Number)
		case "EXT-X-DISCONTINUITY-SEQUENCE":
			m.expect("L11", !inSegments, "line %d: EXT-X-DISCONTINUITY-SEQUENCE stands behind a segment's tag", l.Number)
		case "EXT-X-PART":
			afterPart, parts = true, true
		case "":
			afterPart = false
		}
		if beforeParts(l.Tag) {
			m.expect("L31", !afterPart, "line %d: %s stands behind a part of its segment", l.Number, l.Tag)
		}
		inSegments = inSegments || segmentTag(l)
	}
	if parts {
		m.expect("L31", true, "")
	}
}

// transportStream reports whether a URI names a resource that is MPEG-2 TS by its name, and so needs no EXT-X-MAP.
func transportStream(uri string) bool {
	path, _, _ := strings.Cut(uri, "?")
	return strings.HasSuffix(path, ".ts")
}

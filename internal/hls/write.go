package hls

import (
	"strconv"
	"time"
)

// AppendTo appends the whole Media Playlist as text.
//
// Parts are written for the segments that end less than three target durations before the playlist does; older ones only
// cost bytes (RFC 8216bis, Server Responsibilities: "SHOULD remove" them).
func (p *MediaPlaylist) AppendTo(dst []byte) []byte {
	dst = p.appendHead(dst, 6)
	return p.appendSegments(dst, 0)
}

// AppendDelta appends a Playlist Delta Update, which leaves out all segments beyond the Skip Boundary. ok is false, and
// nothing is appended, where there is none to leave out.
//
// RFC 8216bis, Playlist Delta Updates: "A Server MUST NOT" skip segments that are nearer to the end of the playlist than
// CAN-SKIP-UNTIL.
func (p *MediaPlaylist) AppendDelta(dst []byte) (out []byte, ok bool) {
	skip := p.skippable()
	if skip == 0 {
		return dst, false
	}
	dst = p.appendHead(dst, 9)
	dst = append(dst, "#EXT-X-SKIP:SKIPPED-SEGMENTS="...)
	dst = strconv.AppendInt(dst, int64(skip), 10)
	dst = append(dst, '\n')
	return p.appendSegments(dst, skip), true
}

// skippable is how many of the oldest segments end at least CanSkipUntil before the end of the last complete segment.
func (p *MediaPlaylist) skippable() int {
	if p.CanSkipUntil == 0 {
		return 0
	}
	var after time.Duration
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if after >= p.CanSkipUntil {
			return i + 1
		}
		after += p.Segments[i].Duration.Round(time.Microsecond) // as it is written
	}
	return 0
}

func (p *MediaPlaylist) appendHead(dst []byte, version int64) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:"...)
	dst = strconv.AppendInt(dst, version, 10)
	dst = append(dst, "\n#EXT-X-TARGETDURATION:"...)
	dst = strconv.AppendInt(dst, int64(p.TargetDuration), 10)
	dst = append(dst, "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
	dst = appendSeconds(dst, p.PartHoldBack)
	dst = append(dst, ",HOLD-BACK="...)
	dst = appendSeconds(dst, p.HoldBack)
	if p.CanSkipUntil > 0 {
		dst = append(dst, ",CAN-SKIP-UNTIL="...)
		dst = appendSeconds(dst, p.CanSkipUntil)
	}
	dst = append(dst, "\n#EXT-X-PART-INF:PART-TARGET="...)
	dst = appendSeconds(dst, p.PartTarget)
	dst = append(dst, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	dst = strconv.AppendInt(dst, p.MediaSequence, 10)
	dst = append(dst, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	dst = strconv.AppendInt(dst, p.DiscontinuitySequence, 10)
	return append(dst, '\n')
}

// appendSegments writes the segments from the one with index skip on, and what follows them.
func (p *MediaPlaylist) appendSegments(dst []byte, skip int) []byte {
	mapped := ""
	if skip > 0 {
		mapped = p.Segments[skip-1].Map // RFC 8216bis, 6.2.5.1: skipped tags still apply to what follows
	}
	withParts := p.firstWithParts()
	for i := skip; i < len(p.Segments); i++ {
		s := p.Segments[i]
		dst = s.appendHead(dst, &mapped)
		if i >= withParts {
			dst = appendParts(dst, s.Parts)
		}
		if s.Gap {
			dst = append(dst, "#EXT-X-GAP\n"...)
		}
		dst = append(dst, "#EXTINF:"...)
		dst = appendSeconds(dst, s.Duration)
		dst = append(dst, ",\n"...)
		dst = append(dst, s.URI...)
		dst = append(dst, '\n')
	}
	if p.OpenHead != nil && len(p.Open) > 0 {
		dst = p.OpenHead.appendHead(dst, &mapped)
		dst = appendParts(dst, p.Open)
	}
	return p.appendTail(dst)
}

// firstWithParts is the index of the first segment whose parts are written, going by the durations as they are written.
func (p *MediaPlaylist) firstWithParts() int {
	var after time.Duration
	for i := range p.Open {
		after += p.Open[i].Duration.Round(time.Microsecond)
	}
	horizon := 3 * time.Duration(p.TargetDuration) * time.Second
	i := len(p.Segments)
	for i > 0 && after < horizon {
		i--
		after += p.Segments[i].Duration.Round(time.Microsecond)
	}
	return i
}

func (p *MediaPlaylist) appendTail(dst []byte) []byte {
	if p.Ended {
		return append(dst, "#EXT-X-ENDLIST\n"...)
	}
	if p.PreloadHint != "" {
		dst = append(dst, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\""...)
		dst = append(dst, p.PreloadHint...)
		dst = append(dst, "\"\n"...)
	}
	for _, r := range p.Reports {
		dst = append(dst, "#EXT-X-RENDITION-REPORT:URI=\""...)
		dst = append(dst, r.URI...)
		dst = append(dst, "\",LAST-MSN="...)
		dst = strconv.AppendInt(dst, r.LastMSN, 10)
		if r.LastPart >= 0 {
			dst = append(dst, ",LAST-PART="...)
			dst = strconv.AppendInt(dst, int64(r.LastPart), 10)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendHead writes what stands before a segment's first part (RFC 8216bis, EXT-X-PART: the tags that apply to the parent
// come before its parts).
func (s *Segment) appendHead(dst []byte, mapped *string) []byte {
	if s.Discontinuity {
		dst = append(dst, "#EXT-X-DISCONTINUITY\n"...)
	}
	if s.Map != *mapped || s.Discontinuity {
		*mapped = s.Map
		dst = append(dst, "#EXT-X-MAP:URI=\""...)
		dst = append(dst, s.Map...)
		dst = append(dst, "\"\n"...)
	}
	if !s.ProgramDateTime.IsZero() {
		dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
		dst = s.ProgramDateTime.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
		dst = append(dst, '\n')
	}
	return dst
}

func appendParts(dst []byte, parts []Part) []byte {
	for i := range parts {
		p := &parts[i]
		dst = append(dst, "#EXT-X-PART:DURATION="...)
		dst = appendSeconds(dst, p.Duration)
		dst = append(dst, ",URI=\""...)
		dst = append(dst, p.URI...)
		dst = append(dst, '"')
		if p.Independent {
			dst = append(dst, ",INDEPENDENT=YES"...)
		}
		if p.Gap {
			dst = append(dst, ",GAP=YES"...)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendSeconds writes a duration as decimal seconds, to the microsecond and without trailing zeros.
func appendSeconds(dst []byte, d time.Duration) []byte {
	us := (d + 500*time.Nanosecond) / time.Microsecond
	dst = strconv.AppendInt(dst, int64(us/1e6), 10)
	rest := int64(us % 1e6)
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(1e5); rest > 0; unit /= 10 {
		dst = append(dst, byte('0'+rest/unit))
		rest %= unit
	}
	return dst
}

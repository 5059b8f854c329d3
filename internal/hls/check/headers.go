package check

import (
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says what was asked for, as far as caches care.
type Kind uint8

// The kinds of resources.
const (
	Multivariant Kind = iota + 1
	Playlist          // a Media Playlist without delivery directives
	Reload            // a Media Playlist with _HLS_msn
	Delta             // a Media Playlist with _HLS_skip alone
	Part
	Segment
	Init
)

func (k Kind) playlist() bool { return k <= Delta }

// Headers checks the headers of an answer to a GET that had an Origin. targetDuration may be 0 where it is not known yet.
func Headers(r *Report, where string, kind Kind, status int, h http.Header, targetDuration time.Duration) {
	if status >= 400 {
		errorHeaders(r, where, kind, status, h, targetDuration)
		return
	}
	if status != http.StatusOK {
		return
	}
	r.Expect("L100", h.Get("Access-Control-Allow-Origin") != "", where, "no Access-Control-Allow-Origin")
	exposed := strings.ToLower(strings.Join(h.Values("Access-Control-Expose-Headers"), ","))
	r.Expect("L107", exposed == "*" || strings.Contains(exposed, "date") && strings.Contains(exposed, "age"), where, "Date and Age are not exposed: %q", exposed)
	mediaType, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	if kind.playlist() {
		named := slices.Contains([]string{".m3u8", ".m3u"}, path.Ext(where))
		r.Expect("L02", named || mediaType == "application/vnd.apple.mpegurl" || mediaType == "audio/mpegurl", where, "Content-Type %q, and no .m3u8", mediaType)
		playlistLifetime(r, where, kind, h, targetDuration)
		return
	}
	r.Expect("L101", slices.Contains([]string{"video/mp4", "audio/mp4", "video/iso.segment"}, mediaType), where, "Content-Type %q", mediaType)
	age, ok := maxAge(h)
	r.Expect("L99", ok && age >= 6*targetDuration && age > 0, where, "Cache-Control %q", h.Get("Cache-Control"))
}

// playlistLifetime checks Cache-Control of a playlist (RFC 8216bis B.1).
func playlistLifetime(r *Report, where string, kind Kind, h http.Header, td time.Duration) {
	age, ok := maxAge(h)
	ok = ok && !hasDirective(h, "no-store") && !hasDirective(h, "no-cache")
	switch {
	case !ok || td == 0:
	case kind == Reload:
		ok = age >= 4*td && age <= 8*td
	case kind == Playlist:
		ok = age <= td
	}
	r.Expect("L98", ok, where, "Cache-Control %q, target duration %v", h.Get("Cache-Control"), td)
}

func errorHeaders(r *Report, where string, kind Kind, status int, h http.Header, td time.Duration) {
	r.Expect("L107", h.Get("Access-Control-Allow-Origin") != "", where, "no Access-Control-Allow-Origin on a %d", status)
	limit := td
	if kind == Reload {
		limit = 4 * td
	}
	age, ok := maxAge(h)
	ok = ok && (td == 0 || age <= limit) || hasDirective(h, "no-store")
	r.Expect("L106", ok, where, "Cache-Control %q on a %d, target duration %v", h.Get("Cache-Control"), status, td)
}

// maxAge is the lifetime that Cache-Control gives: s-maxage, or else max-age.
func maxAge(h http.Header) (time.Duration, bool) {
	for _, name := range []string{"s-maxage=", "max-age="} {
		for _, d := range directives(h) {
			if v, ok := strings.CutPrefix(d, name); ok {
				n, err := strconv.ParseInt(v, 10, 32)
				return time.Duration(n) * time.Second, err == nil
			}
		}
	}
	return 0, false
}

func hasDirective(h http.Header, name string) bool { return slices.Contains(directives(h), name) }

func directives(h http.Header) []string {
	var out []string
	for _, d := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		out = append(out, strings.ToLower(strings.TrimSpace(d)))
	}
	return out
}

// headers checks the headers and the time of an answer to a request for a Media Playlist.
func (c *Checker) headers(s Snapshot) {
	d := ParseDirectives(s.Query)
	kind := Playlist
	switch {
	case d.Blocking || s.Status >= 400 && s.Query != "":
		kind = Reload
	case d.Skip != "":
		kind = Delta
	}
	var td time.Duration
	if t := c.renditions[s.Playlist]; t != nil && t.latest != nil {
		td = target(t.latest)
	}
	if s.Header != nil {
		Headers(c.Report, s.Playlist, kind, s.Status, s.Header, td)
	}
	if held := s.Arrived.Sub(s.Sent); d.Blocking && td > 0 && held > 3*td+c.slack() {
		c.Report.Expect("L50", s.Status == http.StatusServiceUnavailable, s.Playlist, "held for %v and answered %d", held, s.Status)
	}
}

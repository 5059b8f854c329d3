package origin

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// directives are the Delivery Directives of a playlist request (RFC 8216bis, 6.2.5).
type directives struct {
	msn  int64 // -1: none
	part int   // 0 where only msn is given: its first part is enough to go on with
	skip bool
}

var errDirectives = errors.New("malformed delivery directive")

// parseDirectives reads the three directives and ignores every other parameter, whatever their order.
func parseDirectives(query string) (directives, error) {
	d := directives{msn: -1}
	part := -1
	seen := ""
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		if name != "_HLS_msn" && name != "_HLS_part" && name != "_HLS_skip" {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil || strings.Contains(seen, name) {
			return d, errDirectives
		}
		seen += name
		switch name {
		case "_HLS_msn":
			if d.msn, err = decimal(value); err != nil {
				return d, err
			}
		case "_HLS_part":
			n, err := decimal(value)
			if err != nil || n > 1<<20 {
				return d, errDirectives
			}
			part = int(n)
		case "_HLS_skip":
			if value != "YES" && value != "v2" {
				return d, errDirectives
			}
			d.skip = true
		}
	}
	if part >= 0 && d.msn < 0 {
		return d, errDirectives // "A Client MUST NOT" send _HLS_part alone; 400
	}
	d.part = max(part, 0)
	return d, nil
}

// decimal is a decimal-integer of the grammar: digits only, within 63 bits.
func decimal(s string) (int64, error) {
	if s == "" || len(s) > 18 {
		return 0, errDirectives
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, errDirectives
		}
	}
	return strconv.ParseInt(s, 10, 64)
}

package hls

import (
	"strconv"
	"strings"
	"time"
)

// parseInt reads a decimal-integer. The draft allows 20 digits; what does not fit an int64 is no number of this world.
func parseInt(s string) (int64, bool) {
	if !digits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// parseSeconds reads a decimal-floating-point number of seconds, exact to the nanosecond and below a thousand million.
func parseSeconds(s string) (time.Duration, bool) {
	whole, fraction, point := strings.Cut(s, ".")
	if !digits(whole) || len(whole) > 9 || point && !digits(fraction) {
		return 0, false
	}
	n, _ := strconv.ParseInt(whole, 10, 64)
	d := time.Duration(n) * time.Second
	fraction = (fraction + "0000000000")[:10] // one digit more than nanoseconds, to round by
	tenths, _ := strconv.ParseInt(fraction, 10, 64)
	return d + time.Duration((tenths+5)/10), true
}

// ByteRange is a sub-range of a resource.
type ByteRange struct{ Length, Offset int64 }

// parseByteRange reads n[@o]. Offset is -1 where it is left out.
func parseByteRange(s string) (ByteRange, bool) {
	n, o, hasOffset := strings.Cut(s, "@")
	length, ok := parseInt(n)
	if !ok || length == 0 {
		return ByteRange{}, false
	}
	if !hasOffset {
		return ByteRange{Length: length, Offset: -1}, true
	}
	offset, ok := parseInt(o)
	return ByteRange{Length: length, Offset: offset}, ok
}

// dateTimeForms are the ISO 8601 forms in use; the one without a zone is legal, and means nothing to a stranger.
var dateTimeForms = []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999Z07", "2006-01-02T15:04:05.999999999"}

func parseDateTime(s string) (time.Time, bool) {
	for _, form := range dateTimeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseResolution(s string) (width, height int64, ok bool) {
	w, h, found := strings.Cut(s, "x")
	width, okW := parseInt(w)
	height, okH := parseInt(h)
	return width, height, found && okW && okH
}

func isHex(s string) bool {
	if len(s) < 3 || s[0] != '0' || s[1] != 'x' && s[1] != 'X' {
		return false
	}
	return strings.Trim(s[2:], "0123456789ABCDEFabcdef") == ""
}

package check

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// Snapshot is one answer to a request for a Media Playlist.
type Snapshot struct {
	Playlist string // URL without query: the identity of the rendition
	Query    string // of the request: the delivery directives
	Sent     time.Time
	Arrived  time.Time // of the last byte
	Status   int
	Header   http.Header
	Body     []byte // decoded; not kept, not written
}

// Directives are the delivery directives of a request (RFC 8216bis 6.2.5).
type Directives struct {
	Blocking bool
	At       hls.Position // Part is -1 where only _HLS_msn was given
	Skip     string
}

// ParseDirectives reads the directives that a well-behaved client sends; what is malformed counts as absent.
func ParseDirectives(query string) (d Directives) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return d
	}
	d.Skip = values.Get("_HLS_skip")
	msn, err := strconv.ParseInt(values.Get("_HLS_msn"), 10, 64)
	if err != nil {
		return d
	}
	d.Blocking, d.At = true, hls.Position{MSN: msn, Part: -1}
	if part, err := strconv.Atoi(values.Get("_HLS_part")); err == nil {
		d.At.Part = part
	}
	return d
}

// Query renders the directives, in the order that the draft asks of clients.
func (d Directives) Query() string {
	q := url.Values{}
	if d.Blocking {
		q.Set("_HLS_msn", strconv.FormatInt(d.At.MSN, 10))
		if d.At.Part >= 0 {
			q.Set("_HLS_part", strconv.Itoa(d.At.Part))
		}
	}
	if d.Skip != "" {
		q.Set("_HLS_skip", d.Skip)
	}
	return q.Encode()
}

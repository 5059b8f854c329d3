package origin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHostileRequestsAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		long := strings.Repeat("a", 1<<20)
		for target, want := range map[string]int{
			"/" + long:                          404,
			"/live/" + long + "/index.m3u8":     404,
			"/live/720p/" + long:                404,
			"/live/../live/720p/index.m3u8":     404,
			"/live/720p/../720p/index.m3u8":     404,
			"/live/720p/..%2f..%2fetc%2fpasswd": 404,
			"/live/720p/%00":                    404,
			"//live/index.m3u8":                 404,
			"/":                                 404,
			playlist + "/":                      404,
			playlist + "?" + long:               200,
			playlist + "?_HLS_msn=" + long:      400,
			playlist + "?_HLS_skip=" + long:     400,
			playlist + "?_HLS_msn=%zz":          400,
			playlist + "?" + strings.Repeat("_HLS_msn=1&", 1<<16): 400,
			playlist + "?" + strings.Repeat("_HLS_x=1&", 1<<16):   200,
		} {
			began := time.Now()
			w := d.get(target)
			require.Equal(t, want, w.Code, "%.60s", target)
			require.Zero(t, time.Since(began), "%.60s was held", target)
			require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
			require.Less(t, w.Body.Len(), 1<<16)
		}
	})
}

func TestConditionalRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		etag := d.get(playlist).Header().Get("Etag")
		require.NotEmpty(t, etag)
		require.NotEqual(t, etag, d.get(playlist, "Accept-Encoding", "gzip").Header().Get("Etag"), "other bytes")
		for match, want := range map[string]int{etag: 304, `"x", ` + etag: 304, "W/" + etag: 304, "*": 304, `"x"`: 200, "": 200} {
			require.Equal(t, want, d.get(playlist, "If-None-Match", match).Code, match)
		}
		d.part()
		require.Equal(t, 200, d.get(playlist, "If-None-Match", etag).Code)
		for header, want := range map[string]int{"bytes=0-4": 206, "bytes=-3": 206, "bytes=99999-": 416, "bytes=5-4": 416, "lines=1": 416} {
			w := d.get("/live/720p/109-t.mp4", "Range", header)
			require.Equal(t, want, w.Code, header)
			require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"), header)
		}
		for encoding, packed := range map[string]bool{"gzip": true, "GZIP": false, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=1.0": true, "identity": false, "br,gzip": true} {
			require.Equal(t, packed, d.get(playlist, "Accept-Encoding", encoding).Header().Get("Content-Encoding") == "gzip", encoding)
		}
	})
}

// FuzzRequest looks for a path or query that panics, hangs, or is answered with a status of another kind. The seeds hold a long
// query.
func FuzzRequest(f *testing.F) {
	f.Add("/live/720p/index.m3u8", "_HLS_msn=109&_HLS_part=3&_HLS_skip=YES")
	f.Add("/live/720p/109.0-t.mp4", "")
	f.Add("/live/index.m3u8", "x")
	f.Add("/live/720p/index.m3u8", strings.Repeat("_HLS_x=&%5f=", 1<<10))
	d := newDesk()
	d.end()
	f.Fuzz(func(t *testing.T, path, query string) {
		req := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}}).WithContext(context.Background())
		w := httptest.NewRecorder()
		d.o.ServeHTTP(w, req)
		if w.Code != 200 && w.Code != 400 && w.Code != 404 {
			t.Errorf("%q %q: %d", path, query, w.Code)
		}
	})
}

// BenchmarkServePart is the handler's share of sending a part.
func BenchmarkServePart(b *testing.B) {
	d := newDesk()
	req := httptest.NewRequest(http.MethodGet, "/live/720p/109.3-t.mp4", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := &counter{header: make(http.Header, 16)}
		d.o.ServeHTTP(w, req)
		if w.bytes == 0 {
			b.Fatal("no bytes")
		}
	}
}

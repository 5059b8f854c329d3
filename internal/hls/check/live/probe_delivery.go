package live

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/stagecast/stagecast/internal/hls/check"
)

// together: three identical requests at the same time for what is not there yet.
func (q *prober) together(ctx context.Context) {
	if !q.blocks() || q.p.PartTarget == 0 {
		return
	}
	next := q.p.Next()
	query := at(next.MSN, next.Part)
	var answers [3]*answer
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = q.ask(ctx, "L51", query) })
	}
	all.Wait()
	for _, a := range answers {
		if a == nil || a.status == http.StatusServiceUnavailable {
			return
		}
		q.r.add(q.t, a)
		q.expect("L51", a.status == answers[0].status && bytes.Equal(a.body, answers[0].body), "?%s was answered with different playlists", query)
	}
}

// gzip compares the compressed and the plain form of a state that is there already.
func (q *prober) gzip(ctx context.Context) {
	query := ""
	if last := q.p.Last(); q.blocks() {
		query = at(last.MSN, last.Part)
	}
	zipped, a := q.playlist(ctx, "L97", query, "Accept-Encoding: gzip")
	if zipped == nil || !q.expect("L97", a.header.Get("Content-Encoding") == "gzip", "?%s: Content-Encoding %q", query, a.header.Get("Content-Encoding")) {
		return
	}
	plain, b := q.playlist(ctx, "L97", query)
	if plain == nil {
		return
	}
	q.expect("L97", b.header.Get("Content-Encoding") == "", "?%s: Content-Encoding %q, which was not asked for", query, b.header.Get("Content-Encoding"))
	if plain.Next() == zipped.Next() && plain.Ended == zipped.Ended {
		q.expect("L97", bytes.Equal(a.body, b.body), "?%s: the gzip-encoded playlist is another than the plain one", query)
	}
}

// resources are URLs of the newest segment and of its header; none where they are byte ranges or gaps.
func (q *prober) resources() []string {
	s := q.p.Segment(q.p.LastMSN())
	if s == nil || s.Gap || s.ByteRange != nil || s.Map == nil || s.Map.ByteRange != nil {
		return nil
	}
	return []string{q.t.resolve(s.URI), q.t.resolve(s.Map.URI)}
}

// send asks for a resource; nil means that no answer came: reported, or ctx has ended.
func (q *prober) send(ctx context.Context, rule, method, u string, headers ...string) *answer {
	a, err := q.r.client.do(ctx, method, u, headers...)
	if ctx.Err() != nil || !q.r.report.Expect(rule, err == nil, u, "no answer: %v", err) {
		return nil
	}
	return a
}

// byteRange asks for the beginning of a segment. Whether the playlist uses ranges decides how much that binds.
func (q *prober) byteRange(ctx context.Context) {
	uris := q.resources()
	if uris == nil {
		return
	}
	whole := q.send(ctx, "L69b", http.MethodGet, uris[0])
	if whole == nil || len(whole.body) < 100 {
		return
	}
	a := q.send(ctx, "L69b", http.MethodGet, uris[0], "Range: bytes=10-99")
	if a == nil {
		return
	}
	want := fmt.Sprintf("bytes 10-99/%d", len(whole.body))
	ok := a.status == http.StatusPartialContent && a.header.Get("Content-Range") == want && bytes.Equal(a.body, whole.body[10:100])
	q.r.report.Expect("L69b", ok, uris[0], "bytes 10-99: status %d, Content-Range %q, %d bytes", a.status, a.header.Get("Content-Range"), len(a.body))
}

// head compares HEAD with GET.
func (q *prober) head(ctx context.Context) {
	media := q.resources()
	for i, u := range append(media, q.where()) {
		get, head := q.send(ctx, "L102", http.MethodGet, u), q.send(ctx, "L102", http.MethodHead, u)
		if get == nil || head == nil {
			return
		}
		r := q.r.report
		r.Expect("L102", head.status == get.status && len(head.body) == 0, u, "HEAD: status %d and %d bytes; GET: status %d", head.status, len(head.body), get.status)
		r.Expect("L102", head.header.Get("Content-Type") == get.header.Get("Content-Type"), u, "HEAD: Content-Type %q, GET: %q", head.header.Get("Content-Type"), get.header.Get("Content-Type"))
		if length := head.header.Get("Content-Length"); i < len(media) && length != "" {
			r.Expect("L102", length == strconv.Itoa(len(get.body)), u, "HEAD: Content-Length %s, GET: %d bytes", length, len(get.body))
		}
	}
}

// validators asks again for what is there already.
func (q *prober) validators(ctx context.Context) {
	for _, u := range q.resources() {
		a := q.send(ctx, "L103", http.MethodGet, u)
		if a == nil {
			return
		}
		tag, date := a.header.Get("ETag"), a.header.Get("Last-Modified")
		condition := "If-None-Match: " + tag
		if tag == "" {
			condition = "If-Modified-Since: " + date
		}
		if !q.r.report.Expect("L103", tag != "" || date != "", u, "neither ETag nor Last-Modified") {
			continue
		}
		if b := q.send(ctx, "L103", http.MethodGet, u, condition); b != nil {
			q.r.report.Expect("L103", b.status == http.StatusNotModified && len(b.body) == 0, u, "%s: status %d and %d bytes", condition, b.status, len(b.body))
		}
	}
}

// preflight asks as a browser does before a GET with Range from another origin (Fetch standard, CORS-preflight fetch).
func (q *prober) preflight(ctx context.Context) {
	for _, u := range q.resources() {
		a := q.send(ctx, "L107", http.MethodOptions, u, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range")
		if a == nil {
			return
		}
		allowed := strings.ToLower(a.header.Get("Access-Control-Allow-Headers"))
		ok := a.status >= 200 && a.status < 300 && a.header.Get("Access-Control-Allow-Origin") != "" && (allowed == "*" || strings.Contains(allowed, "range"))
		q.r.report.Expect("L107", ok, u, "OPTIONS: status %d, Access-Control-Allow-Headers %q", a.status, allowed)
	}
}

// madeUp asks for what never was: beside a segment, beside the playlist.
func (q *prober) madeUp(ctx context.Context) {
	kinds := map[string]check.Kind{q.where(): check.Playlist}
	if uris := q.resources(); uris != nil {
		kinds[uris[0]] = check.Segment
	}
	for u, kind := range kinds {
		name := sibling(u)
		a := q.send(ctx, "L65", http.MethodGet, name)
		if a == nil {
			return
		}
		q.r.report.Expect("L65", a.status == http.StatusNotFound, name, "status %d", a.status)
		check.Headers(q.r.report, name, kind, a.status, a.header, target(q.p))
	}
}

// sibling is a URL beside another, of a name that nobody would give.
func sibling(u string) string {
	base, err := url.Parse(u)
	if err != nil {
		return u
	}
	return base.ResolveReference(&url.URL{Path: "no-such-resource-5e1f" + path.Ext(base.Path)}).String()
}

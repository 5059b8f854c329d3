package origin

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// Cache lifetimes. TD is the target duration. RFC 8216bis, B.1, with one departure: errors of blocking requests are kept
// for a second and not for 4 TD, because what they say is untrue a segment later (docs/decisions/0003).
const (
	cacheError   = "max-age=1"
	cachePart    = "max-age=60, immutable"
	cacheSegment = "max-age=86400, immutable"
)

// Header values that every answer shares; set under their canonical names, they cost nothing.
var (
	anyOrigin    = []string{"*"}
	exposed      = []string{"Age, Content-Length, Content-Range, Date"}
	playlistType = []string{"application/vnd.apple.mpegurl"}
	varyEncoding = []string{"Accept-Encoding"}
	gzipEncoding = []string{"gzip"}
)

// startingWait is how long the request for a stream that is starting is held.
const startingWait = 6 * time.Second

// ServeHTTP answers GET and HEAD of
//
//	/STREAM/index.m3u8               the Multivariant Playlist
//	/STREAM/status.json              how the stream stands, for its page
//	/STREAM/RENDITION/index.m3u8     a Media Playlist, with Delivery Directives
//	/STREAM/RENDITION/OBJECT         a part, a segment or a header
//
// and OPTIONS of them all. A request that waits ends when its client leaves or its time is up.
func (o *Origin) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposed
	h["Timing-Allow-Origin"] = anyOrigin
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Range, If-None-Match, Content-Type")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		fail(w, http.StatusMethodNotAllowed)
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	s := o.stream(name)
	if s == nil {
		fail(w, http.StatusNotFound)
		return
	}
	switch rest {
	case "index.m3u8":
		s.serveMultivariant(w, req)
		return
	case "status.json":
		s.serveStatus(w, req, o.now())
		return
	}
	name, object, _ := strings.Cut(rest, "/")
	r := s.rendition(name)
	switch {
	case r == nil:
		fail(w, http.StatusNotFound)
	case object == "index.m3u8":
		o.servePlaylist(w, req, s, r)
	default:
		o.serveObject(w, req, r, object)
	}
}

func fail(w http.ResponseWriter, status int) {
	h := w.Header()
	h.Set("Cache-Control", cacheError)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, http.StatusText(status)+"\n")
}

func (s *stream) serveMultivariant(w http.ResponseWriter, req *http.Request) {
	v := s.view.Load()
	if v.multivariant == nil && onAir(v.State) {
		v = s.awaitMultivariant(req)
	}
	if v.multivariant == nil || v.State == packager.Ended && len(s.all()) == 0 { // what it lists has been forgotten
		fail(w, http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "max-age="+strconv.Itoa(max(1, int(v.Target/time.Second))))
	writePlaylist(w, req, v.multivariant)
}

// onAir reports whether a stream in the given state may be waited for.
func onAir(s packager.State) bool {
	return s == packager.Starting || s == packager.Live || s == packager.Reconnecting
}

// awaitMultivariant waits for a stream that is starting: the first viewer would otherwise ask again and again.
func (s *stream) awaitMultivariant(req *http.Request) *view {
	t := time.NewTimer(startingWait)
	defer t.Stop()
	for {
		v := s.view.Load()
		if v.multivariant != nil {
			return v
		}
		select {
		case <-v.changed:
		case <-t.C:
			return v
		case <-req.Context().Done():
			return v
		}
	}
}

// status is what a stream's page needs to know.
type status struct {
	Stream     string           `json:"stream"`
	State      packager.State   `json:"state"`
	StartedAt  string           `json:"startedAt"`
	Generation int64            `json:"generation"`
	Now        int64            `json:"now"` // Unix time in milliseconds
	Viewers    int64            `json:"viewers"`
	Profile    packager.Profile `json:"profile,omitempty"`
	PartTarget float64          `json:"partTarget"`
}

func (s *stream) serveStatus(w http.ResponseWriter, req *http.Request, now time.Time) {
	v := s.view.Load()
	st := status{
		Stream: s.name, State: v.State, Generation: v.Generation, Now: now.UnixMilli(), Viewers: s.viewers(),
		Profile: v.Profile, PartTarget: v.PartTarget.Seconds(),
	}
	if !v.Since.IsZero() {
		st.StartedAt = v.Since.Format(time.RFC3339)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=1")
	if req.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(st)
	}
}

func (o *Origin) servePlaylist(w http.ResponseWriter, req *http.Request, s *stream, r *rendition) {
	d, err := parseDirectives(req.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest)
		return
	}
	snap, code := r.await(req, d, s)
	if code != 0 {
		if code == http.StatusServiceUnavailable {
			o.metrics.timeouts.Inc()
		}
		fail(w, code)
		return
	}
	target := snap.playlist.TargetDuration
	age := max(1, target/2)
	if d.msn >= 0 { // with _HLS_skip alone it is still the current playlist, which ages
		age = 6 * target
	}
	if snap.playlist.Ended {
		age = max(1, target)
	}
	w.Header()["Cache-Control"] = []string{"max-age=" + strconv.Itoa(age)}
	writePlaylist(w, req, snap.text(d.skip))
}

// await finds the snapshot that a request is to be answered with, or the status it is refused with.
func (r *rendition) await(req *http.Request, d directives, s *stream) (*snapshot, int) {
	snap := r.current.Load()
	if snap == nil {
		var code int
		if snap, code = r.awaitFirst(req, s); snap == nil {
			return nil, code
		}
	}
	if d.msn < 0 || snap.playlist.Ended || snap.has(d.msn, d.part) {
		return snap, 0
	}
	if !snap.near(d) {
		return nil, http.StatusBadRequest
	}
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	// RFC 8216bis, 6.2.5.2: a reload that is held for more than three target durations is answered with 503.
	t := time.NewTimer(3 * time.Duration(snap.playlist.TargetDuration) * time.Second)
	defer t.Stop()
	for {
		select {
		case <-snap.replaced:
		case <-t.C:
			return nil, http.StatusServiceUnavailable
		case <-req.Context().Done():
			return nil, http.StatusServiceUnavailable
		}
		snap = r.current.Load()
		if snap.playlist.Ended || snap.has(d.msn, d.part) {
			return snap, 0
		}
	}
}

func (r *rendition) awaitFirst(req *http.Request, s *stream) (*snapshot, int) {
	if !onAir(s.view.Load().State) {
		return nil, http.StatusNotFound
	}
	t := time.NewTimer(startingWait)
	defer t.Stop()
	select {
	case <-r.first:
		return r.current.Load(), 0
	case <-t.C:
		return nil, http.StatusNotFound
	case <-req.Context().Done():
		return nil, http.StatusServiceUnavailable
	}
}

// near reports whether what a request waits for can come within reason.
//
// RFC 8216bis, 6.2.5.2: a server "SHOULD immediately return Bad Request" for a Media Sequence Number beyond that of the
// last segment plus two, or a part beyond the last part plus the Advance Part Limit.
func (s *snapshot) near(d directives) bool {
	whole := s.playlist.MediaSequence + int64(len(s.playlist.Segments)) - 1
	if d.msn > whole+2 {
		return false
	}
	advance := 3
	if part := s.playlist.PartTarget; part < time.Second {
		advance = int((3*time.Second + part - 1) / part)
	}
	if d.msn == whole+1 {
		return d.part <= len(s.playlist.Open)-1+advance+1
	}
	return d.msn <= whole || d.part <= advance
}

func writePlaylist(w http.ResponseWriter, req *http.Request, b *body) {
	h := w.Header()
	h["Content-Type"] = playlistType
	h["Vary"] = varyEncoding
	f := &b.plain
	if acceptsGzip(req) {
		f = b.gzip()
		h["Content-Encoding"] = gzipEncoding
	}
	h["Etag"] = f.etag
	if match := req.Header["If-None-Match"]; len(match) > 0 && matches(match[0], f.etag[0]) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = f.length
	if req.Method != http.MethodHead {
		_, _ = w.Write(f.text)
	}
}

// matches compares an If-None-Match with an entity tag, weakly (RFC 9110, 13.1.2).
func matches(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

func acceptsGzip(req *http.Request) bool {
	for part := range strings.SplitSeq(req.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(coding) == "gzip" {
			return strings.TrimRight(strings.ReplaceAll(params, " ", ""), "0.") != "q="
		}
	}
	return false
}

func (o *Origin) serveObject(w http.ResponseWriter, req *http.Request, r *rendition, name string) {
	stored := r.object(name)
	if stored == nil {
		if stored = r.awaitHinted(req, name); stored == nil {
			fail(w, http.StatusNotFound)
			return
		}
	}
	media, err := o.store.Open(stored.key, stored.offset, stored.size)
	if err != nil {
		o.log.Error("media cannot be read", "object", stored.key.String(), "err", err)
		fail(w, http.StatusNotFound)
		return
	}
	defer media.Close()
	h := w.Header()
	h.Set("Content-Type", contentType(r.kind))
	h.Set("Cache-Control", cachePart)
	if stored.segment {
		h.Set("Cache-Control", cacheSegment)
	}
	h.Set("Etag", `"`+name+`"`) // names are never used for other bytes
	counting := &counter{ResponseWriter: w}
	defer func() { o.metrics.bytes.Add(float64(counting.bytes)) }()
	if req.Header.Get("Range") != "" || req.Header.Get("If-None-Match") != "" {
		http.ServeContent(counting, req, "", time.Time{}, media)
		return
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(stored.size, 10))
	if req.Method != http.MethodHead {
		_, _ = media.CopyTo(counting, stored.size)
	}
}

// awaitHinted waits for a part that the playlist hints at, and returns nil for any other name, or when the part turns out
// not to come.
//
// RFC 8216bis, 6.2.6: the request is held until all of the part can be sent.
func (r *rendition) awaitHinted(req *http.Request, name string) *object {
	snap := r.current.Load()
	if snap == nil || name != snap.playlist.PreloadHint {
		return r.object(name) // it may just have been put
	}
	t := time.NewTimer(3 * time.Duration(snap.playlist.TargetDuration) * time.Second)
	defer t.Stop()
	for snap.playlist.PreloadHint == name { // a newer playlist may hint at it still
		select {
		case <-snap.replaced:
			snap = r.current.Load()
		case <-t.C:
			return r.object(name)
		case <-req.Context().Done():
			return nil
		}
	}
	return r.object(name)
}

func contentType(kind media.Kind) string {
	if kind == media.Audio {
		return "audio/mp4"
	}
	return "video/mp4"
}

// counter counts the bytes of a body, and passes on what the body is copied from: where that is a file, it is the kernel that
// copies.
type counter struct {
	http.ResponseWriter
	bytes int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (c *counter) ReadFrom(src io.Reader) (n int64, err error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if media, ok := l.R.(store.Reader); ok { // of http.ServeContent, which knows nothing of files
			return media.CopyTo(c, l.N)
		}
	}
	if to, ok := c.ResponseWriter.(io.ReaderFrom); ok {
		n, err = to.ReadFrom(src)
		c.bytes += n
		return n, err
	}
	return io.Copy(struct{ io.Writer }{c}, src)
}

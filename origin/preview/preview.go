// Package preview shows what a stream looks like: a poster of now, and a storyboard of what its playlist lists, to look for a moment in.
//
// It makes pictures only when somebody asks for them, of the key frames of a small rendition, and keeps the last ones. It reads
// media as any player does, and owns none.
package preview

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// The sizes of pictures: their lines, and how many of a storyboard stand on a sheet.
const (
	posterLines = 360
	tileLines   = 90
	columns     = 5
	sheetTiles  = 25
)

// The bounds of what may go on.
const (
	atOnce    = 2 // processes
	within    = 8 * time.Second
	mostMedia = 64 << 20 // bytes that go into one picture
	mostImage = 4 << 20
	keptSum   = 64 << 20 // bytes of pictures
)

var (
	errNone = errors.New("preview: nothing to show")
	errBusy = errors.New("preview: too many pictures are asked for")
)

// Server answers GET and HEAD of /STREAM/poster.jpg, /STREAM/storyboard.vtt and /STREAM/storyboard/…jpg. It is safe for concurrent use.
type Server struct {
	media  http.Handler // that playlists and segments are read from
	places chan struct{}
	one    singleflight.Group
	kept   cache
}

// New makes a Server of the media that a handler serves.
func New(media http.Handler) *Server {
	return &Server{media: media, places: make(chan struct{}, atOnce)}
}

// Serves reports whether a path is one of this server's.
func Serves(path string) bool {
	_, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return rest == "poster.jpg" || rest == "storyboard.vtt" || strings.HasPrefix(rest, "storyboard/")
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Timing-Allow-Origin", "*")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	stream, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, kind, age, err := s.answer(ctx, stream, rest)
	switch {
	case errors.Is(err, errNone):
		fail(w, http.StatusNotFound)
	case err != nil:
		h.Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable)
	default:
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", age)
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(body)
		}
	}
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "max-age=1")
	http.Error(w, http.StatusText(status), status)
}

// Cache lifetimes: a sheet's name says all that is on it.
const (
	cacheNow   = "max-age=2"
	cacheSheet = "max-age=86400, immutable"
)

func (s *Server) answer(ctx context.Context, stream, rest string) (body []byte, kind, age string, err error) {
	l, err := s.listing(ctx, stream)
	if err != nil {
		return nil, "", "", err
	}
	switch name, sheet := strings.CutPrefix(rest, "storyboard/"); {
	case rest == "poster.jpg":
		body, err = s.poster(ctx, l)
		return body, "image/jpeg", cacheNow, err
	case rest == "storyboard.vtt":
		return l.vtt(), "text/vtt; charset=utf-8", cacheNow, nil
	case sheet:
		body, err = s.sheet(ctx, l, name)
		return body, "image/jpeg", cacheSheet, err
	}
	return nil, "", "", errNone
}

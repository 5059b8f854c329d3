package preview

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// listing is the playlist of the rendition that pictures are made of.
type listing struct {
	stream string
	base   string // path of the playlist
	width  int64  // of a tile; its lines are tileLines
	media  *hls.ParsedMedia
}

// listing of a stream: of its smallest rendition that has the lines of a poster, else of its largest.
func (s *Server) listing(ctx context.Context, stream string) (*listing, error) {
	base := "/" + url.PathEscape(stream) + "/index.m3u8"
	text, err := s.get(ctx, base)
	if err != nil {
		return nil, err
	}
	m, err := hls.ParseMultivariant(text)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	var best *hls.ParsedVariant
	for i := range m.Variants {
		v := &m.Variants[i]
		small := best != nil && min(best.Width, best.Height) < posterLines
		switch lines := min(v.Width, v.Height); {
		case lines == 0:
		case best == nil, small && v.Bandwidth > best.Bandwidth, lines >= posterLines && v.Bandwidth < best.Bandwidth:
			best = v
		}
	}
	if best == nil {
		return nil, errNone
	}
	l := &listing{stream: stream, base: path.Join(path.Dir(base), best.URI), width: max(2, (best.Width*tileLines+best.Height)/(2*best.Height)*2)}
	if text, err = s.get(ctx, l.base); err != nil {
		return nil, err
	}
	if l.media, err = hls.ParseMedia(text); err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	return l, nil
}

// at resolves a URI of the playlist.
func (l *listing) at(uri string) string { return path.Join(path.Dir(l.base), uri) }

// newest is the last segment with media; nil where there is none.
func (l *listing) newest() *hls.ParsedSegment {
	for i := len(l.media.Segments) - 1; i >= 0; i-- {
		if s := &l.media.Segments[i]; !s.Gap && s.Map != nil {
			return s
		}
	}
	return nil
}

// sheet is a run of segments whose pictures stand together: of one number divided by sheetTiles, with one header, without a gap.
type sheet struct {
	segments []hls.ParsedSegment
	from     time.Duration // of the first one's start, behind that of the playlist
}

// name says all that is on a sheet.
func (s *sheet) name() string {
	return fmt.Sprintf("%d-%d.jpg", s.segments[0].MSN, len(s.segments))
}

func (l *listing) sheets() (out []sheet) {
	at := time.Duration(0)
	var last *hls.ParsedSegment
	for i := range l.media.Segments {
		s := &l.media.Segments[i]
		if s.Gap || s.Map == nil {
			last = nil
		} else {
			if last == nil || last.Map.URI != s.Map.URI || last.MSN/sheetTiles != s.MSN/sheetTiles {
				out = append(out, sheet{from: at})
			}
			k := &out[len(out)-1]
			k.segments = append(k.segments, *s)
			last = s
		}
		at += s.Duration
	}
	return out
}

// vtt is the storyboard as WebVTT: each cue is the time of a segment, from the start of the playlist, and where on which sheet its picture is.
func (l *listing) vtt() []byte {
	var b bytes.Buffer
	b.WriteString("WEBVTT\n")
	if len(l.media.Segments) > 0 {
		fmt.Fprintf(&b, "\nNOTE 0 is %s\n", l.media.Segments[0].DateTimeText)
	}
	for _, s := range l.sheets() {
		at := s.from
		for i := range s.segments {
			end := at + s.segments[i].Duration
			fmt.Fprintf(&b, "\n%s --> %s\nstoryboard/%s#xywh=%d,%d,%d,%d\n", stamp(at), stamp(end), s.name(),
				int64(i%columns)*l.width, i/columns*tileLines, l.width, tileLines)
			at = end
		}
	}
	return b.Bytes()
}

func stamp(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

// get reads from the media's handler, within its bounds.
func (s *Server) get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, errNone
	}
	w := &recorder{header: make(http.Header)}
	s.media.ServeHTTP(w, req)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case w.status != 0 && w.status != http.StatusOK, w.body.Len() == 0:
		return nil, errNone
	case w.body.Len() > mostMedia:
		return nil, errNone
	}
	return w.body.Bytes(), nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

package origin

import (
	"bytes"
	"compress/gzip"
	"hash/fnv"
	"strconv"
	"sync"

	"github.com/stagecast/stagecast/internal/hls"
)

// snapshot is one state of a Media Playlist. Its texts are made when first asked for, once, and never change.
type snapshot struct {
	playlist *hls.MediaPlaylist
	msn      int64         // of the newest segment that is whole or has parts
	part     int           // index of the newest part in it
	replaced chan struct{} // closed when the next snapshot is in place

	full  lazy
	delta lazy
}

// lazy is a text that is rendered at most once.
type lazy struct {
	once sync.Once
	body *body
}

func newSnapshot(p *hls.MediaPlaylist) *snapshot {
	s := &snapshot{playlist: p, replaced: make(chan struct{})}
	s.msn = p.MediaSequence + int64(len(p.Segments)) - 1
	s.part = len(p.Segments[len(p.Segments)-1].Parts) - 1
	if len(p.Open) > 0 {
		s.msn++
		s.part = len(p.Open) - 1
	}
	return s
}

// has reports whether the snapshot lists the part of the segment msn, or a later one. A part index beyond the last of a
// whole segment is the first part of the next.
//
// RFC 8216bis, Blocking Playlist Reload: "If the Client requests a Part Index greater than that of the final Partial
// Segment of the Parent Segment, the Server MUST treat the request as one for Part Index 0 of the following Parent
// Segment."
func (s *snapshot) has(msn int64, part int) bool {
	whole := s.playlist.MediaSequence + int64(len(s.playlist.Segments)) - 1
	if msn < s.playlist.MediaSequence {
		return true
	}
	if msn <= whole {
		if last := len(s.playlist.Segments[msn-s.playlist.MediaSequence].Parts) - 1; part <= last {
			return true
		}
		msn, part = msn+1, 0
	}
	return msn < s.msn || msn == s.msn && part <= s.part
}

// text is the playlist, or its delta update where that is asked for and leaves something out.
func (s *snapshot) text(delta bool) *body {
	if delta {
		s.delta.once.Do(func() {
			if text, ok := s.playlist.AppendDelta(nil); ok {
				s.delta.body = newBody(text)
			}
		})
		if s.delta.body != nil {
			return s.delta.body
		}
	}
	s.full.once.Do(func() { s.full.body = newBody(s.playlist.AppendTo(make([]byte, 0, 4096))) })
	return s.full.body
}

// body is a text, plain and compressed. The compressed form is made when first asked for.
type body struct {
	plain  form
	once   sync.Once
	packed form
}

// form is a text as it is sent, with the headers that go with it.
type form struct {
	text   []byte
	etag   []string
	length []string
}

func newBody(text []byte) *body { return &body{plain: newForm(text)} }

func newForm(text []byte) form {
	sum := fnv.New64a()
	sum.Write(text)
	return form{text, []string{`"` + strconv.FormatUint(sum.Sum64(), 36) + `"`}, []string{strconv.Itoa(len(text))}}
}

var writers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func (b *body) gzip() *form {
	b.once.Do(func() {
		var out bytes.Buffer
		w := writers.Get().(*gzip.Writer)
		defer writers.Put(w)
		w.Reset(&out)
		_, _ = w.Write(b.plain.text) // a bytes.Buffer does not fail
		_ = w.Close()
		b.packed = newForm(out.Bytes())
	})
	return &b.packed
}

package live_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagecast/stagecast/internal/cmaf/check/cmaftest"
	"github.com/stagecast/stagecast/internal/hls"
)

// The stream that the server of these tests makes up: two renditions of pictures and one of sound, in segments of two
// seconds with four parts each. Part k of it holds the media from k·0.5 s to (k+1)·0.5 s of Unix time, and is published at
// the end of that. So all that is there is a function of the clock.
const (
	partTime  = 500 * time.Millisecond
	perParent = 4
	window    = 9  // segments listed
	keptParts = 7  // segments whose parts can be fetched
	kept      = 60 // segments that can be fetched
)

// server is a server without fault.
type server struct {
	tb testing.TB
	// now is the number of parts published at a time. A test may replace it.
	now func() int64
	// ends is the number of parts after which the stream ends; 0: never.
	ends int64
	// gap is the number of a segment that was lost; 0: none.
	gap int64

	// rewrite changes the text of a playlist before it is sent, for a path and query; nil: it does not.
	rewrite func(r *http.Request, text string) string

	mu    sync.Mutex // guards media
	media map[string][]byte
}

func newServer(tb testing.TB) *server {
	return &server{tb: tb, now: func() int64 { return published(time.Now()) }, media: make(map[string][]byte)}
}

func published(t time.Time) int64 { return t.UnixMilli() / partTime.Milliseconds() }

const multivariant = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=200000,AVERAGE-BANDWIDTH=160000,CODECS="avc1.640020,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio"
720p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=110000,AVERAGE-BANDWIDTH=90000,CODECS="avc1.640020,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio"
480p/index.m3u8
`

var renditions = []string{"720p", "480p", "audio"}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Date, Age, Content-Length, Content-Range")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Headers", "Range")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	rendition, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/live/"), "/")
	switch {
	case r.URL.Path == "/live/index.m3u8":
		s.playlist(w, r, "max-age=2", multivariant)
	case name == "index.m3u8":
		s.reload(w, r, rendition)
	default:
		s.resource(w, r, rendition, name)
	}
}

// refuse answers with a status that is kept for a second.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "max-age=1")
	w.WriteHeader(status)
}

// wait returns when that many parts have been published, and reports false when the client has left before.
func (s *server) wait(ctx context.Context, parts int64) bool {
	for s.now() < parts && (s.ends == 0 || s.now() < s.ends) {
		timer := time.NewTimer(time.Until(time.UnixMilli((published(time.Now()) + 1) * partTime.Milliseconds())))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
	return true
}

func (s *server) reload(w http.ResponseWriter, r *http.Request, rendition string) {
	q := r.URL.Query()
	now, lifetime := s.now(), "max-age=1"
	if q.Has("_HLS_msn") || q.Has("_HLS_part") {
		msn, err1 := strconv.ParseInt(q.Get("_HLS_msn"), 10, 64)
		part, err2 := strconv.ParseInt(q.Get("_HLS_part"), 10, 64)
		if !q.Has("_HLS_part") {
			part, err2 = 0, nil
		}
		open := now / perParent
		if err1 != nil || err2 != nil || msn < 0 || part < 0 || msn > open+1 || msn == open && part > now%perParent+6 {
			refuse(w, http.StatusBadRequest)
			return
		}
		if !s.wait(r.Context(), msn*perParent+min(part, perParent)+1) {
			return
		}
		lifetime = "max-age=12"
	}
	if s.ends > 0 {
		now = min(s.now(), s.ends)
	} else {
		now = s.now()
	}
	skip := 0
	if q.Get("_HLS_skip") != "" {
		skip, lifetime = window-6, "max-age=12"
	}
	s.playlist(w, r, lifetime, s.text(rendition, now, skip))
}

// text is the Media Playlist when that many parts have been published, without the first skip segments.
func (s *server) text(rendition string, parts int64, skip int) string {
	var b strings.Builder
	open := parts / perParent
	version := 6
	if skip > 0 {
		version = 9
	}
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,HOLD-BACK=6,CAN-SKIP-UNTIL=12\n"+
		"#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n", version, open-window)
	if skip > 0 {
		fmt.Fprintf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", skip)
	} else {
		b.WriteString("#EXT-X-MAP:URI=\"init.mp4\"\n")
	}
	for msn := open - window + int64(skip); msn <= open; msn++ {
		s.segmentText(&b, rendition, msn, parts)
	}
	if s.ends > 0 && parts >= s.ends {
		b.WriteString("#EXT-X-ENDLIST\n")
		return b.String()
	}
	fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s%d.%d.m4s\"\n", open, parts%perParent)
	last := hls.Position{MSN: (parts - 1) / perParent, Part: int((parts - 1) % perParent)}
	for _, other := range renditions {
		if other != rendition {
			fmt.Fprintf(&b, "#EXT-X-RENDITION-REPORT:URI=\"../%s/index.m3u8\",LAST-MSN=%d,LAST-PART=%d\n", other, last.MSN, last.Part)
		}
	}
	return b.String()
}

func (s *server) segmentText(b *strings.Builder, rendition string, msn, parts int64) {
	open := parts / perParent
	if msn == open && parts%perParent == 0 {
		return
	}
	fmt.Fprintf(b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", time.Unix(msn*2, 0).UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	for i := range int64(perParent) {
		if msn*perParent+i >= parts || msn < open-3 {
			break
		}
		flag := ""
		switch {
		case msn == s.gap:
			flag = ",GAP=YES"
		case i == 0 || rendition == "audio":
			flag = ",INDEPENDENT=YES"
		}
		fmt.Fprintf(b, "#EXT-X-PART:DURATION=0.5,URI=\"s%d.%d.m4s\"%s\n", msn, i, flag)
	}
	if msn < open && msn == s.gap {
		b.WriteString("#EXT-X-GAP\n")
	}
	if msn < open {
		fmt.Fprintf(b, "#EXTINF:2,\ns%d.m4s\n", msn)
	}
}

func (s *server) playlist(w http.ResponseWriter, r *http.Request, lifetime, text string) {
	if s.rewrite != nil {
		text = s.rewrite(r, text)
	}
	h := w.Header()
	h.Set("Cache-Control", lifetime)
	h.Set("Content-Type", "application/vnd.apple.mpegurl")
	h.Set("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		return
	}
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Write([]byte(text))
		return
	}
	h.Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write([]byte(text))
	z.Close()
}

// resource serves a header, a part or a segment.
func (s *server) resource(w http.ResponseWriter, r *http.Request, rendition, name string) {
	var msn, part int64
	var b []byte
	open := s.now() / perParent
	switch {
	case name == "init.mp4":
		b = s.header(rendition)
	case scan(name, "s%d.%d.m4s", &msn, &part) && part < perParent && msn != s.gap && msn > open-keptParts && msn*perParent+part < s.now()+2:
		if !s.wait(r.Context(), msn*perParent+part+1) {
			return
		}
		b = s.part(rendition, msn, part)
	case scan(name, "s%d.m4s", &msn) && msn > open-kept && msn < open && msn != s.gap:
		b = s.segment(rendition, msn)
	default:
		refuse(w, http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "max-age=60, immutable")
	h.Set("Content-Type", map[bool]string{true: "audio/mp4", false: "video/mp4"}[rendition == "audio"])
	h.Set("ETag", fmt.Sprintf("\"%x\"", sha256.Sum256(b)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// scan reports whether a name is exactly of a form.
func scan(name, form string, numbers ...*int64) bool {
	args, values := make([]any, len(numbers)), make([]any, len(numbers))
	for i := range numbers {
		args[i] = numbers[i]
	}
	if n, _ := fmt.Sscanf(name, form, args...); n != len(numbers) {
		return false
	}
	for i := range numbers {
		values[i] = *numbers[i]
	}
	return fmt.Sprintf(form, values...) == name
}

func (s *server) header(rendition string) []byte {
	if rendition == "audio" {
		return s.made("init audio", func() []byte { return cmaftest.AudioHeader(s.tb) })
	}
	return s.made("init video", func() []byte { return cmaftest.VideoHeader(s.tb) })
}

// made is what make returned for the name the first time.
func (s *server) made(name string, make func() []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.media[name] == nil {
		s.media[name] = make()
	}
	return s.media[name]
}

func (s *server) segment(rendition string, msn int64) []byte {
	var parts [][]byte
	for i := range int64(perParent) {
		parts = append(parts, s.part(rendition, msn, i))
	}
	return bytes.Join(parts, nil)
}

func (s *server) part(rendition string, msn, part int64) []byte {
	k := msn*perParent + part
	return s.made(fmt.Sprintf("%s %d", rendition, k), func() []byte {
		if rendition == "audio" {
			samples := make([]cmaftest.Sample, 25)
			for i := range samples {
				samples[i] = cmaftest.Sound(20 + i)
			}
			return cmaftest.Chunk(s.tb, uint32(k), uint64(k)*cmaftest.AudioScale/2, samples...)
		}
		size := map[string]int{"720p": 400, "480p": 150}[rendition]
		samples := make([]cmaftest.Sample, 15)
		for i := range samples {
			samples[i] = cmaftest.Picture(3000, part == 0 && i == 0, size+i)
		}
		return cmaftest.Chunk(s.tb, uint32(k), uint64(k)*cmaftest.VideoScale/2, samples...)
	})
}

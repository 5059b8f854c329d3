package live_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// spoiler makes a faulty server of a good one.
type spoiler func(*server) http.Handler

// spoil lets f alter every answer.
func spoil(f func(r *http.Request, rec *httptest.ResponseRecorder)) spoiler {
	return func(s *server) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			changed(s, w, r, func(rec *httptest.ResponseRecorder) { f(r, rec) })
		})
	}
}

// instead lets f answer where it reports true.
func instead(f func(s *server, w http.ResponseWriter, r *http.Request) bool) spoiler {
	return func(s *server) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !f(s, w, r) {
				s.ServeHTTP(w, r)
			}
		})
	}
}

// rewrite replaces text in all playlists whose path ends so.
func rewrite(suffix, old, new string) spoiler {
	return rewriting(func(r *http.Request, text string) string {
		if strings.HasSuffix(r.URL.Path, suffix) {
			return regexp.MustCompile(old).ReplaceAllString(text, new)
		}
		return text
	})
}

func rewriting(f func(r *http.Request, text string) string) spoiler {
	return func(s *server) http.Handler { s.rewrite = f; return s }
}

func edited(rec *httptest.ResponseRecorder, text string) {
	rec.Body = bytes.NewBufferString(text)
	rec.Header().Del("Content-Length")
}

func status(code int, when func(*server, *http.Request) bool) spoiler {
	return instead(func(s *server, w http.ResponseWriter, r *http.Request) bool {
		if !when(s, r) {
			return false
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		refuse(w, code)
		return true
	})
}

// query runs the good server with another query.
func query(when func(*http.Request) bool, rewritten string) spoiler {
	return instead(func(s *server, w http.ResponseWriter, r *http.Request) bool {
		if when(r) {
			other := r.Clone(r.Context())
			other.URL.RawQuery = rewritten
			s.ServeHTTP(w, other)
			return true
		}
		return false
	})
}

func isPart(path string) bool {
	return strings.Count(path[strings.LastIndexByte(path, '/'):], ".") == 2
}

func isSegment(path string) bool { return strings.HasSuffix(path, ".m4s") && !isPart(path) }

// numbers are the segment's and the part's of a path.
func numbers(path string) (msn, part int64) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if !scan(name, "s%d.%d.m4s", &msn, &part) {
		scan(name, "s%d.m4s", &msn)
	}
	return msn, part
}

func removed(s *server, path string) bool {
	msn, _ := numbers(path)
	open := s.now() / perParent
	return isSegment(path) && msn > 0 && msn < open-window || isPart(path) && msn < open-3
}

// once reports true for the first call with each name.
func once() func(string) bool {
	var seen sync.Map
	return func(name string) bool {
		_, before := seen.LoadOrStore(name, true)
		return !before
	}
}

func TestDefectsAreFound(t *testing.T) {
	const msn, part, skipped = "_HLS_msn=", "_HLS_part=", "_HLS_skip="
	var served atomic.Int64
	tests := map[string]struct {
		rules []string // all that must be broken
		also  []string // what may be broken as a consequence
		spoil spoiler
	}{
		"reloads that do not wait": {[]string{"L42", "L43"}, []string{"L46", "L47", "L54", "L58", "L98"},
			query(func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, msn) && !malformed(r) }, "")},
		"past numbers refused": {[]string{"L45"}, nil, status(400, func(s *server, r *http.Request) bool {
			return number(r, "_HLS_msn") > 0 && number(r, "_HLS_msn") < s.now()/perParent-3
		})},
		"an index past the end refused": {[]string{"L44"}, nil, status(400, func(s *server, r *http.Request) bool {
			return number(r, "_HLS_part") >= perParent && number(r, "_HLS_part") < 20
		})},
		"a far number not refused":                  {[]string{"L46"}, nil, query(func(r *http.Request) bool { return number(r, "_HLS_msn") > published(time.Now())/perParent+2 }, "")},
		"a far part not refused":                    {[]string{"L47"}, []string{"L42"}, query(func(r *http.Request) bool { return number(r, "_HLS_part") == 40 }, "")},
		"a part without its segment":                {[]string{"L48"}, nil, query(func(r *http.Request) bool { return r.URL.RawQuery == "_HLS_part=0" }, "")},
		"malformed directives ignored":              {[]string{"L49"}, []string{"L98"}, query(malformed, "")},
		"malformed directives that make it stumble": {[]string{"L49"}, []string{"L106"}, status(500, func(_ *server, r *http.Request) bool { return malformed(r) })},
		"answers that are never the same": {[]string{"L51"}, []string{"L97"}, rewriting(func(_ *http.Request, text string) string {
			return text + "#" + strings.Repeat("x", int(served.Add(1)%7)) + "\n"
		})},
		"directives in order only": {[]string{"L52"}, nil, status(400, func(_ *server, r *http.Request) bool {
			return strings.HasPrefix(r.URL.RawQuery, part) && strings.Contains(r.URL.RawQuery, msn)
		})},
		"plain requests held": {[]string{"L53"}, nil, instead(func(s *server, _ http.ResponseWriter, r *http.Request) bool {
			return r.URL.RawQuery == "" && isMediaPlaylist(r) && !s.wait(r.Context(), s.now()+1)
		})},
		"no delta updates":                  {[]string{"L54", "L58"}, []string{"L98"}, query(func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, skipped) }, "")},
		"delta updates that lose a tag":     {[]string{"L56"}, []string{"L14", "L113", "L84"}, rewriteDelta(`(SKIP.*\n)#EXT-X-PROGRAM.*\n`, "$1")},
		"delta updates not offered":         {[]string{"L59"}, []string{"L54"}, rewrite("index.m3u8", ",CAN-SKIP-UNTIL=12", "")},
		"delta updates beyond the boundary": {[]string{"L55"}, nil, rewriteDelta(`SEGMENTS=3\n(.*\n){3}`, "SEGMENTS=4\n")},

		"hints refused": {[]string{"L61"}, nil, status(404, func(s *server, r *http.Request) bool {
			m, p := numbers(r.URL.Path)
			return isPart(r.URL.Path) && m*perParent+p >= s.now()
		})},
		"hints answered with something else": {[]string{"L61"}, []string{"L66", "L68", "L71"}, spoil(func(r *http.Request, rec *httptest.ResponseRecorder) {
			if isPart(r.URL.Path) && served.Add(1)%2 == 0 {
				edited(rec, "something else")
			}
		})},
		"hinted parts trickled": {[]string{"L62"}, nil, trickle},
		"listed parts held": {[]string{"L63"}, []string{"L33", "L68"}, instead(func(s *server, _ http.ResponseWriter, r *http.Request) bool {
			return isPart(r.URL.Path) && !s.wait(r.Context(), s.now()+1)
		})},
		"segments missing": {[]string{"L64"}, []string{"L19", "L69b", "L102", "L103", "L107"}, status(404, func(_ *server, r *http.Request) bool {
			return isSegment(r.URL.Path) && strings.Contains(r.URL.Path, "480p")
		})},
		"anything found": {[]string{"L65"}, []string{"L98", "L99", "L100", "L101", "L107"}, instead(func(_ *server, w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "no-such")
		})},
		"removed segments gone": {[]string{"L19"}, nil, status(404, func(s *server, r *http.Request) bool { return isSegment(r.URL.Path) && removed(s, r.URL.Path) })},
		"removed parts gone":    {[]string{"L33"}, nil, status(404, func(s *server, r *http.Request) bool { return isPart(r.URL.Path) && removed(s, r.URL.Path) })},
		"bytes that change": {[]string{"L68"}, []string{"L66", "L67", "L61", "L69b"}, func(s *server) http.Handler {
			first := once()
			return spoil(func(r *http.Request, rec *httptest.ResponseRecorder) {
				if b := rec.Body.Bytes(); isSegment(r.URL.Path) && len(b) > 0 && !first(r.URL.Path) {
					b[len(b)-1]++
				}
			})(s)
		}},
		"segments that are not their parts": {[]string{"L66", "L67"}, []string{"L69b"}, spoil(func(r *http.Request, rec *httptest.ResponseRecorder) {
			if b := rec.Body.Bytes(); isSegment(r.URL.Path) && rec.Code == 200 && len(b) > 0 {
				b[len(b)-1]++
			}
		})},
		"no ranges": {[]string{"L69b"}, nil, instead(func(_ *server, _ http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false })},
		"no compression": {[]string{"L97"}, nil, instead(func(_ *server, _ http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("Accept-Encoding")
			return false
		})},
		"no lifetimes":  {[]string{"L98", "L99", "L106"}, nil, spoil(func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Header().Del("Cache-Control") })},
		"no CORS":       {[]string{"L100", "L107"}, nil, spoil(func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Header().Del("Access-Control-Allow-Origin") })},
		"no preflight":  {[]string{"L107"}, nil, status(405, func(_ *server, r *http.Request) bool { return r.Method == http.MethodOptions })},
		"no HEAD":       {[]string{"L102"}, nil, status(405, func(_ *server, r *http.Request) bool { return r.Method == http.MethodHead })},
		"no validators": {[]string{"L103"}, nil, spoil(func(_ *http.Request, rec *httptest.ResponseRecorder) { rec.Header().Del("ETag") })},
		"no 304": {[]string{"L103"}, nil, instead(func(_ *server, _ http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("If-None-Match")
			return false
		})},
		"redirects": {[]string{"L104"}, nil, instead(func(_ *server, w http.ResponseWriter, r *http.Request) bool {
			if !isSegment(r.URL.Path) || r.URL.RawQuery != "" {
				return false
			}
			http.Redirect(w, r, r.URL.Path+"?again", http.StatusFound)
			return true
		})},

		"a peak above BANDWIDTH":         {[]string{"L91"}, nil, rewrite("/live/index.m3u8", ":BANDWIDTH=200000", ":BANDWIDTH=115000")},
		"an average above declared":      {[]string{"L92"}, nil, rewrite("/live/index.m3u8", "AVERAGE-BANDWIDTH=160000", "AVERAGE-BANDWIDTH=100000")},
		"CODECS that are not true":       {[]string{"L87"}, nil, rewrite("/live/index.m3u8", "avc1.640020", "avc1.64001f")},
		"a RESOLUTION that is not true":  {[]string{"L88"}, nil, rewrite("/live/index.m3u8", "1280x720", "1920x1080")},
		"a FRAME-RATE that is not true":  {[]string{"L89"}, nil, rewrite("/live/index.m3u8", "RATE=30.000", "RATE=29.970")},
		"another hint than what comes":   {[]string{"L37"}, nil, rewrite("0p/index.m3u8", `(HINT:TYPE=PART,URI=")s`, "${1}t")},
		"date-times of another clock":    {[]string{"L83"}, []string{"L41", "L82"}, rewrite("audio/index.m3u8", `\.000Z`, ".070Z")},
		"durations that are not true":    {[]string{"L74"}, []string{"L28", "L32", "L113", "L55", "L82", "L17"}, rewrite("0p/index.m3u8", "EXTINF:2,", "EXTINF:1.96,")},
		"parts that are not independent": {[]string{"L77"}, []string{"L79"}, rewrite("720p/index.m3u8", `(DURATION=0.5,URI="s\d+\.1\.m4s")`, "$1,INDEPENDENT=YES")},
		"reports that are old":           {[]string{"L40"}, nil, oldReports},
		"a rendition that lags":          {[]string{"L40", "L41"}, []string{"L10", "L37", "L46", "L47", "L53", "L61", "L81", "L82", "L85", "L51", "L97"}, lagging},
	}
	for name, defect := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := test(t, 40*time.Second, defect.spoil(newServer(t)))
				require.Subset(t, broken(r), defect.rules, "%v", r.Findings())
				require.Subset(t, append(defect.rules, defect.also...), broken(r), "%v", r.Findings())
			})
		})
	}
}

func isMediaPlaylist(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/index.m3u8") && strings.Count(r.URL.Path, "/") == 3
}

// number is a directive's value; 0 where it is none.
func number(r *http.Request, name string) int64 {
	var n int64
	scan(r.URL.Query().Get(name), "%d", &n)
	return n
}

func malformed(r *http.Request) bool {
	q := r.URL.Query()
	if !q.Has("_HLS_msn") {
		return false
	}
	good := regexp.MustCompile(`^\d{1,18}$`)
	return !good.MatchString(q.Get("_HLS_msn")) || q.Has("_HLS_part") && !good.MatchString(q.Get("_HLS_part"))
}

// rewriteDelta replaces text in delta updates.
func rewriteDelta(old, new string) spoiler {
	return rewriting(func(r *http.Request, text string) string {
		if strings.Contains(r.URL.RawQuery, "_HLS_skip") {
			return regexp.MustCompile(old).ReplaceAllString(text, new)
		}
		return text
	})
}

// trickle sends the first bytes of a hinted part before it is there.
func trickle(s *server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		msn, part := numbers(r.URL.Path)
		k := msn*perParent + part
		if !isPart(r.URL.Path) || k < s.now() {
			s.ServeHTTP(w, r)
			return
		}
		rendition := strings.Split(r.URL.Path, "/")[2]
		b := s.part(rendition, msn, part)
		w.Write(b[:100])
		if s.wait(r.Context(), k+1) {
			w.Write(b[100:])
		}
	})
}

// oldReports writes the reports of three parts before.
func oldReports(s *server) http.Handler {
	const tag = "#EXT-X-RENDITION-REPORT"
	s.rewrite = func(r *http.Request, text string) string {
		list, _, found := strings.Cut(text, tag)
		if !found {
			return text
		}
		_, old, _ := strings.Cut(s.text(strings.Split(r.URL.Path, "/")[2], s.now()-3, 0), tag)
		return list + tag + old
	}
	return s
}

// lagging serves one rendition a second and a half behind the others.
func lagging(s *server) http.Handler {
	behind := newServer(s.tb)
	behind.now = func() int64 { return published(time.Now()) - 3 }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "480p") {
			behind.ServeHTTP(w, r)
			return
		}
		s.ServeHTTP(w, r)
	})
}

package origin_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin"
	"github.com/stagecast/stagecast/packager"
)

// desk feeds an Origin by hand: ten segments of four parts from number 100 on, then what a test adds.
type desk struct {
	o        *origin.Origin
	segments []*hls.Segment
	open     []hls.Part
	next     int64
}

func newDesk() *desk {
	d := &desk{o: origin.New(origin.Config{}, slog.New(slog.NewTextHandler(io.Discard, nil))), next: 100}
	d.o.Present(packager.Presentation{Stream: "live", State: packager.Starting})
	d.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Header: &packager.Object{Name: "init.mp4", Chunks: [][]byte{[]byte("header")}}})
	for range 10 {
		for range 4 {
			d.part()
		}
		d.segment()
	}
	d.o.Present(packager.Presentation{
		Stream: "live", State: packager.Live, Target: 2 * time.Second,
		Multivariant: &hls.MultivariantPlaylist{Variants: []hls.Variant{{URI: "720p/index.m3u8", Bandwidth: 1, Codecs: []string{"avc1.64001f"}}}},
	})
	return d
}

func (d *desk) name(part int) string { return fmt.Sprintf("%d.%d-t.mp4", d.next, part) }

func (d *desk) playlist(ended bool) *hls.MediaPlaylist {
	p := &hls.MediaPlaylist{
		TargetDuration: 2, PartTarget: 500 * time.Millisecond, PartHoldBack: 1500 * time.Millisecond, HoldBack: 6 * time.Second,
		CanSkipUntil: 12 * time.Second, MediaSequence: d.next - int64(len(d.segments)), Segments: d.segments[:len(d.segments):len(d.segments)], Ended: ended,
	}
	if len(d.segments) == 0 {
		return nil
	}
	if !ended {
		p.PreloadHint = d.name(len(d.open))
	}
	if len(d.open) > 0 && !ended {
		p.Open, p.OpenHead = d.open[:len(d.open):len(d.open)], &hls.Segment{Map: "init.mp4", ProgramDateTime: time.Unix(d.next*2, 0).UTC()}
	}
	return p
}

// part adds the next part of the open segment.
func (d *desk) part() {
	name := d.name(len(d.open))
	d.open = append(d.open, hls.Part{URI: name, Duration: 500 * time.Millisecond, Independent: len(d.open) == 0})
	d.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: d.playlist(false),
		Part: &packager.Object{Name: name, Chunks: [][]byte{[]byte("bytes of " + name)}}})
}

// segment closes the open segment.
func (d *desk) segment() {
	name := fmt.Sprintf("%d-t.mp4", d.next)
	var chunks [][]byte
	for _, p := range d.open {
		chunks = append(chunks, []byte("bytes of "+p.URI))
	}
	d.segments = append(d.segments, &hls.Segment{URI: name, Duration: 2 * time.Second, ProgramDateTime: time.Unix(d.next*2, 0).UTC(), Map: "init.mp4", Parts: d.open})
	d.next, d.open = d.next+1, nil
	d.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: d.playlist(false), Segment: &packager.Object{Name: name, Chunks: chunks}})
}

func (d *desk) get(path string, header ...string) *httptest.ResponseRecorder {
	return d.do(context.Background(), http.MethodGet, path, header...)
}

func (d *desk) do(ctx context.Context, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.o.ServeHTTP(w, r)
	return w
}

const playlist = "/live/720p/index.m3u8"

func TestDirectivesThatAreAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk() // whole: 100…109, the next is 110
		for query, want := range map[string]int{
			"":                                200,
			"?_HLS_msn=105":                   200, // past
			"?_HLS_msn=3":                     200, // no longer listed
			"?_HLS_msn=109&_HLS_part=3":       200,
			"?_HLS_part=0&_HLS_msn=105":       200, // any order
			"?foo=bar&_HLS_msn=105&x=_HLS_":   200,
			"?_HLS_msn=113":                   400, // beyond the last plus two
			"?_HLS_msn=999999999999999999":    400,
			"?_HLS_msn=110&_HLS_part=40":      400, // beyond the Advance Part Limit
			"?_HLS_part=1":                    400,
			"?_HLS_msn=":                      400,
			"?_HLS_msn=-1":                    400,
			"?_HLS_msn=x":                     400,
			"?_HLS_msn=1e3":                   400,
			"?_HLS_msn=105&_HLS_msn=106":      400,
			"?_HLS_msn=105&_HLS_part=":        400,
			"?_HLS_msn=105&_HLS_part=-1":      400,
			"?_HLS_skip=no":                   400,
			"?_HLS_msn=99999999999999999999":  400,
			"?_HLS_skip=YES&_HLS_msn=109":     200,
			"?_HLS_skip=v2":                   200,
			"?_HLS_msn=105&_HLS_part=9999999": 400,
		} {
			began := time.Now()
			w := d.get(playlist + query)
			require.Equal(t, want, w.Code, query)
			require.Zero(t, time.Since(began), "%s was held", query)
			require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"), query)
			if want == 400 {
				require.Equal(t, "max-age=1", w.Header().Get("Cache-Control"))
			}
		}
	})
}

func TestReloadIsHeldUntilThePartIsListed(t *testing.T) {
	for query, parts := range map[string]int{
		"?_HLS_msn=110&_HLS_part=0": 1,
		"?_HLS_msn=110&_HLS_part=2": 3,
		"?_HLS_msn=110":             1, // without a part the first is enough
		"?_HLS_msn=109&_HLS_part=4": 1, // past the last part: the first of the next segment
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk()
			answers := make(chan *httptest.ResponseRecorder, 3)
			for range 3 {
				go func() { answers <- d.get(playlist + query) }()
			}
			for range parts {
				synctest.Wait()
				require.Empty(t, answers, query)
				d.part()
			}
			first := <-answers
			require.Equal(t, 200, first.Code)
			require.Contains(t, first.Body.String(), fmt.Sprintf("110.%d-t.mp4", parts-1))
			require.Equal(t, "max-age=12", first.Header().Get("Cache-Control"))
			for range 2 {
				require.Equal(t, first.Body.String(), (<-answers).Body.String(), "equal requests get equal answers")
			}
		})
	}
}

func TestReloadEndsWithItsTimeOrItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		began := time.Now()
		w := d.get(playlist + "?_HLS_msn=110&_HLS_part=0")
		require.Equal(t, 503, w.Code)
		require.Equal(t, 6*time.Second, time.Since(began), "three target durations")
		require.Equal(t, "1", w.Header().Get("Retry-After"))

		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		began = time.Now()
		go func() {
			d.do(ctx, http.MethodGet, playlist+"?_HLS_msn=110&_HLS_part=0")
			close(done)
		}()
		synctest.Wait()
		cancel()
		<-done
		require.Zero(t, time.Since(began))
	})
}

func TestHintedPartIsHeldAndOthersAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() { answer <- d.get("/live/720p/110.0-t.mp4") }()
		synctest.Wait()
		require.Empty(t, answer)
		d.part()
		w := <-answer
		require.Equal(t, 200, w.Code)
		require.Equal(t, "bytes of 110.0-t.mp4", w.Body.String())
		require.Equal(t, w.Body.String(), d.get("/live/720p/110.0-t.mp4").Body.String())

		for _, path := range []string{"/live/720p/110.3-t.mp4", "/live/720p/999-t.mp4", "/live/720p/", "/live/720p/../../etc/passwd",
			"/live/none/index.m3u8", "/other/index.m3u8", "/live/" + strings.Repeat("x", 4000)} {
			began := time.Now()
			w := d.get(path)
			require.Equal(t, 404, w.Code, path)
			require.Zero(t, time.Since(began))
			require.Equal(t, "max-age=1", w.Header().Get("Cache-Control"))
		}

		go func() { answer <- d.get("/live/720p/110.1-t.mp4") }() // hinted, and then the segment ends without it
		synctest.Wait()
		d.segment()
		require.Equal(t, 404, (<-answer).Code)
	})
}

func TestDeltaUpdateLeavesOutWhatIsFarFromTheEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		full, delta := d.get(playlist).Body.String(), d.get(playlist+"?_HLS_skip=YES").Body.String()
		require.Contains(t, delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=4\n", "20 s less a boundary of 12 s")
		require.Contains(t, delta, "#EXT-X-VERSION:9\n")
		require.Contains(t, full, "\n100-t.mp4\n")
		require.NotContains(t, delta, "\n103-t.mp4\n")
		require.Contains(t, delta, "\n104-t.mp4\n")
	})
}

func TestHeadersAndForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		for path, want := range map[string]string{
			"/live/index.m3u8":       "max-age=2",
			playlist:                 "max-age=1",
			"/live/720p/109.3-t.mp4": "max-age=60, immutable",
			"/live/720p/109-t.mp4":   "max-age=86400, immutable",
			"/live/720p/init.mp4":    "max-age=86400, immutable",
			"/live/status.json":      "max-age=1",
		} {
			w := d.get(path)
			require.Equal(t, 200, w.Code, path)
			require.Equal(t, want, w.Header().Get("Cache-Control"), path)
			require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"), path)
			head := d.do(context.Background(), http.MethodHead, path)
			require.Equal(t, 200, head.Code, path)
			require.Empty(t, head.Body.String(), path)
			if etag := w.Header().Get("Etag"); etag != "" {
				require.Equal(t, 304, d.get(path, "If-None-Match", etag).Code, path)
			}
			require.Equal(t, 204, d.do(context.Background(), http.MethodOptions, path, "Origin", "http://else").Code)
			require.Equal(t, 405, d.do(context.Background(), http.MethodPost, path).Code)
		}
		packed := d.get(playlist, "Accept-Encoding", "br, gzip;q=0.5")
		require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
		z, err := gzip.NewReader(packed.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, d.get(playlist).Body.String(), string(text))
		require.Empty(t, d.get(playlist, "Accept-Encoding", "gzip;q=0").Header().Get("Content-Encoding"))

		part := d.get("/live/720p/109-t.mp4", "Range", "bytes=9-14")
		require.Equal(t, 206, part.Code)
		require.Equal(t, "109.0-", part.Body.String())
	})
}

func TestRemovedSegmentsStayForTheirTimeAndAreThenForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		step := func() {
			for range 4 {
				time.Sleep(500 * time.Millisecond)
				d.part()
			}
			if len(d.segments) == 10 {
				d.segments = d.segments[1:]
			}
			d.segment()
		}
		step() // 100 leaves the list
		require.NotContains(t, d.get(playlist).Body.String(), "\n100-t.mp4\n")
		for range 10 {
			step() // twenty seconds, the longest playlist that listed it
			require.Equal(t, 200, d.get("/live/720p/100-t.mp4").Code)
		}
		for range 5 {
			step()
		}
		require.Equal(t, 404, d.get("/live/720p/100-t.mp4").Code)
		require.Equal(t, 404, d.get("/live/720p/100.0-t.mp4").Code)
	})
}

func TestStreamThatStartsIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := origin.New(origin.Config{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		o.Declare("live")
		d := &desk{o: o, next: 100}
		require.Equal(t, 404, d.get("/live/index.m3u8").Code, "idle")
		require.Contains(t, d.get("/live/status.json").Body.String(), `"state":"idle"`)
		o.Present(packager.Presentation{Stream: "live", State: packager.Starting})
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() { answer <- d.get("/live/index.m3u8") }()
		synctest.Wait()
		require.Empty(t, answer)
		o.Present(packager.Presentation{Stream: "live", State: packager.Live, Multivariant: &hls.MultivariantPlaylist{}})
		require.Equal(t, 200, (<-answer).Code)
	})
}

// counter is an http.ResponseWriter that keeps nothing.
type counter struct {
	header http.Header
	bytes  int
}

func (c *counter) Header() http.Header         { return c.header }
func (c *counter) WriteHeader(int)             {}
func (c *counter) Write(b []byte) (int, error) { c.bytes += len(b); return len(b), nil }

// BenchmarkWake10000 is the time from a part to the last of ten thousand answers that waited for it, each of them whole.
func BenchmarkWake10000(b *testing.B) {
	d := newDesk()
	for b.Loop() {
		b.StopTimer()
		var ready, done sync.WaitGroup
		query := fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", playlist, d.next, len(d.open))
		for range 10_000 {
			ready.Add(1)
			done.Go(func() {
				r := httptest.NewRequest(http.MethodGet, query, nil)
				w := &counter{header: make(http.Header, 16)}
				ready.Done()
				d.o.ServeHTTP(w, r)
				if w.bytes < 1000 {
					b.Errorf("answered with %d bytes", w.bytes)
				}
			})
		}
		ready.Wait()
		for d.o.Status()[0].Viewers < 10_000 {
			runtime.Gosched()
		}
		b.StartTimer()
		d.part()
		done.Wait()
		b.StopTimer()
		if len(d.open) == 4 {
			d.segment()
		}
		b.StartTimer()
	}
}

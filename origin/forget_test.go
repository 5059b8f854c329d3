package origin_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// end ends the desk's broadcast.
func (d *desk) end() {
	d.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: d.playlist(true)})
	d.o.Present(packager.Presentation{Stream: "live", State: packager.Ended})
}

// gauge is the value of one of the origin's metrics.
func (d *desk) gauge(t *testing.T, name string) float64 {
	r := prometheus.NewRegistry()
	r.MustRegister(d.o.Collectors()...)
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

const memory = "stagecast_origin_memory_bytes"

func TestEndedBroadcastIsForgottenAMinuteAfterItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		require.Positive(t, d.gauge(t, memory))
		d.end()
		w := d.get(playlist + "?_HLS_msn=110&_HLS_part=0")
		require.Equal(t, 200, w.Code, "nothing more comes: the answer is at once")
		require.Contains(t, w.Body.String(), "#EXT-X-ENDLIST")
		time.Sleep(119 * time.Second)
		for _, path := range []string{playlist, "/live/720p/100-t.mp4", "/live/720p/109-t.mp4", "/live/720p/init.mp4"} {
			require.Equal(t, 200, d.get(path).Code, path)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, path := range []string{playlist, "/live/720p/109-t.mp4", "/live/720p/init.mp4", "/live/index.m3u8"} {
			require.Equal(t, 404, d.get(path).Code, path)
		}
		require.Contains(t, d.get("/live/status.json").Body.String(), `"state":"ended"`)
		require.Zero(t, d.gauge(t, memory))
	})
}

func TestNextBroadcastKeepsItsOwnAndLosesTheOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.end()
		time.Sleep(100 * time.Second)
		d.o.Present(packager.Presentation{Stream: "live", State: packager.Starting})
		d.segments = nil
		for range 16 { // well past two minutes after the end
			for range 4 {
				time.Sleep(500 * time.Millisecond)
				d.part()
			}
			d.segment()
		}
		synctest.Wait()
		require.Equal(t, 200, d.get(playlist).Code)
		require.Equal(t, 200, d.get("/live/720p/110-t.mp4").Code)
		require.Equal(t, 404, d.get("/live/720p/100-t.mp4").Code, "what the old broadcast listed has left with it")
		require.Equal(t, 200, d.get("/live/720p/init.mp4").Code)
	})
}

func TestBroadcastAfterEverythingIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.end()
		time.Sleep(time.Hour)
		d.segments = nil
		for range 4 {
			d.part()
		}
		d.segment()
		require.Equal(t, 200, d.get(playlist).Code)
		require.Equal(t, 200, d.get("/live/720p/110-t.mp4").Code)
	})
}

func TestMemoryDoesNotGrowWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		step := func() {
			for range 4 {
				time.Sleep(500 * time.Millisecond)
				d.part()
			}
			d.segments = d.segments[1:]
			d.segment()
		}
		for range 40 {
			step()
		}
		held := d.gauge(t, memory)
		for range 400 {
			step()
		}
		require.Equal(t, held, d.gauge(t, memory))
	})
}

func TestHintIsWaitedForAcrossPlaylistsThatStillHintAtIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		answer := make(chan int, 1)
		go func() { answer <- d.get("/live/720p/110.0-t.mp4").Code }()
		synctest.Wait()
		d.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: d.playlist(false)}) // another rendition's report
		synctest.Wait()
		require.Empty(t, answer)
		d.part()
		require.Equal(t, 200, <-answer)
		began := time.Now()
		require.Equal(t, 404, d.get("/live/720p/110.1-t.mp4").Code, "it never comes")
		require.Equal(t, 6*time.Second, time.Since(began))
	})
}

// pointer remembers where the bytes lie that it is given.
type pointer struct {
	counter
	at *byte
}

func (p *pointer) Write(b []byte) (int, error) { p.at = &b[0]; return len(b), nil }

func TestEqualRequestsAreRenderedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, encoding := range []string{"", "gzip"} {
			for _, skip := range []string{"", "&_HLS_skip=YES"} {
				d := newDesk()
				answers := make(chan *byte, 50)
				for range cap(answers) {
					go func() {
						req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, playlist+"?_HLS_msn=110&_HLS_part=0"+skip, nil)
						req.Header.Set("Accept-Encoding", encoding)
						w := &pointer{counter: counter{header: http.Header{}}}
						d.o.ServeHTTP(w, req)
						answers <- w.at
					}()
				}
				synctest.Wait()
				d.part()
				first := <-answers
				for range cap(answers) - 1 {
					require.Same(t, first, <-answers)
				}
			}
		}
	})
}

func TestReconnectingStreamIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.o.Present(packager.Presentation{Stream: "live", State: packager.Reconnecting})
		began := time.Now()
		require.Equal(t, 404, d.get("/live/index.m3u8").Code)
		require.Equal(t, 6*time.Second, time.Since(began), "it may be back at any moment")
		require.Contains(t, d.get("/live/status.json").Body.String(), `"state":"reconnecting"`)
	})
}

package preview_test

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/origin/preview"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// film is a stream as ffmpeg's own HLS muxer writes it: one picture of each colour for two seconds.
func film(t *testing.T) http.Handler {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "live", "180p"), 0o700))
	colours := []string{"red", "green", "blue", "white", "black", "yellow", "gray"}
	var inputs []string
	for _, c := range colours {
		inputs = append(inputs, "-f", "lavfi", "-i", "color=c="+c+":size=320x180:rate=10:duration=2")
	}
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error"}, inputs...),
		"-filter_complex", fmt.Sprintf("concat=n=%d:v=1:a=0", len(colours)), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "20", "-keyint_min", "20", "-sc_threshold", "0",
		"-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_segment_type", "fmp4", "-hls_flags", "program_date_time", "-start_number", "48", filepath.Join(dir, "live", "180p", "index.m3u8"))...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	all := "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS=\"avc1.64000c\",RESOLUTION=320x180\n180p/index.m3u8\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "live", "index.m3u8"), []byte(all), 0o600))
	return http.FileServerFS(os.DirFS(dir))
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// near reports whether a pixel of a picture is that colour, roughly.
func near(t *testing.T, image []byte, x, y int, want [3]uint32) {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(image))
	require.NoError(t, err)
	r, g, b, _ := m.At(x, y).RGBA()
	for i, v := range []uint32{r >> 8, g >> 8, b >> 8} {
		require.InDelta(t, want[i], v, 40, "pixel %d,%d is %d %d %d", x, y, r>>8, g>>8, b>>8)
	}
}

func TestThePosterIsTheNewestPicture(t *testing.T) {
	w := get(t, preview.New(film(t)), "/live/poster.jpg")
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(t, "image/jpeg", w.Header().Get("Content-Type"))
	require.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	near(t, w.Body.Bytes(), 160, 90, [3]uint32{128, 128, 128})
}

func TestTheStoryboardHasAPictureOfEverySegment(t *testing.T) {
	s := preview.New(film(t))
	vtt := get(t, s, "/live/storyboard.vtt")
	require.Equal(t, http.StatusOK, vtt.Code)
	text := vtt.Body.String()
	require.True(t, strings.HasPrefix(text, "WEBVTT\n"))
	require.Equal(t, 7, strings.Count(text, " --> "))
	// Numbers 48 and 49 are the last of one sheet of twenty-five, 50 to 54 the first of the next.
	require.Contains(t, text, "00:00:00.000 --> 00:00:02.000\nstoryboard/48-2.jpg#xywh=0,0,160,90\n")
	require.Contains(t, text, "00:00:12.000 --> 00:00:14.000\nstoryboard/50-5.jpg#xywh=640,0,160,90\n")
	first, second := get(t, s, "/live/storyboard/48-2.jpg"), get(t, s, "/live/storyboard/50-5.jpg")
	require.Equal(t, http.StatusOK, first.Code, first.Body.String())
	require.Contains(t, first.Header().Get("Cache-Control"), "immutable")
	near(t, first.Body.Bytes(), 80, 45, [3]uint32{254, 0, 0})
	near(t, first.Body.Bytes(), 240, 45, [3]uint32{0, 128, 0})
	near(t, first.Body.Bytes(), 400, 45, [3]uint32{0, 0, 0})
	near(t, second.Body.Bytes(), 80, 45, [3]uint32{0, 0, 254})
	near(t, second.Body.Bytes(), 560, 45, [3]uint32{254, 254, 0})
}

func TestWhatIsNotThere(t *testing.T) {
	s := preview.New(film(t))
	for path, want := range map[string]int{
		"/other/poster.jpg": 404, "/live/storyboard/48-3.jpg": 404, "/live/storyboard/": 404, "/live/storyboard/..%2f..%2fetc": 404, "/..%2f/poster.jpg": 404,
	} {
		w := get(t, s, path)
		require.Equal(t, want, w.Code, path)
		require.Equal(t, "max-age=1", w.Header().Get("Cache-Control"))
	}
	require.True(t, preview.Serves("/live/poster.jpg"))
	require.False(t, preview.Serves("/live/480p/poster.jpg"))
}

// Of many who ask at once one has the picture made, and the rest get it too.
func TestManyAskForThePoster(t *testing.T) {
	var segments atomic.Int64
	media := film(t)
	s := preview.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m4s") {
			segments.Add(1)
		}
		media.ServeHTTP(w, r)
	}))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { require.Equal(t, http.StatusOK, get(t, s, "/live/poster.jpg").Code) })
	}
	all.Wait()
	require.EqualValues(t, 1, segments.Load())
}

// Media that are none cost a moment and are said to be unavailable.
func TestMediaThatAreNone(t *testing.T) {
	good := film(t)
	s := preview.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m4s") {
			_, _ = w.Write(bytes.Repeat([]byte{0xff}, 1<<20))
			return
		}
		good.ServeHTTP(w, r)
	}))
	require.Equal(t, http.StatusServiceUnavailable, get(t, s, "/live/poster.jpg").Code)
}

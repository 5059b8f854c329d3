package hls_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/hls"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func playlist(t testing.TB, text string) *hls.Playlist {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	p, err := hls.NewPlaylist(u)
	require.NoError(t, err)
	return p
}

// fetch fetches from a place into a hub, until the other end or ctx is done.
func fetch(ctx context.Context, p *hls.Playlist, h *hub.Hub) error {
	log := slog.New(slog.DiscardHandler)
	gate := ingest.NewGate(ingest.Config{}, auth.NewKeys(auth.Streams{{Stream: "live", Text: "some-key"}}), h, log)
	return p.Fetch(ctx, func(ctx context.Context, r ingest.Request) (*ingest.Session, error) {
		r.Key = "some-key"
		return gate.Open(ctx, r)
	}, log)
}

func serve(t *testing.T, h http.Handler) (base string) {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestSegmentsOfEveryKind(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		codecs []media.Codec
	}{
		"MPEG-TS":       {[]string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "30", "-c:a", "aac"}, []media.Codec{media.H264, media.AAC}},
		"fragmented":    {[]string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-c:a", "aac", "-hls_segment_type", "fmp4"}, []media.Codec{media.H264, media.AAC}},
		"HEVC":          {[]string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=30", "-tag:v", "hvc1", "-c:a", "aac", "-hls_segment_type", "fmp4"}, []media.Codec{media.HEVC, media.AAC}},
		"with variants": {[]string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-c:a", "aac", "-master_pl_name", "index.m3u8"}, []media.Codec{media.H264, media.AAC}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			entry := "media.m3u8"
			args := append([]string{"-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=r=48000", "-t", "4"}, c.args...)
			args = append(args, "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "event", filepath.Join(dir, entry))
			out, err := exec.Command("ffmpeg", args...).CombinedOutput()
			require.NoError(t, err, string(out))
			if strings.Contains(name, "variants") {
				entry = "index.m3u8"
			}
			base := serve(t, http.FileServer(http.Dir(dir)))
			h := hub.New()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- fetch(ctx, playlist(t, base+"/"+entry), h) }()
			var pub *hub.Publication
			count, last := map[media.Codec]int{}, map[int]media.AccessUnit{}
			for want := hub.ErrReplaced; ; { // sound may come before the picture's configuration is known
				pub, err = h.Await(ctx, hub.Key{Stream: "live", Stage: hub.Source}, pub)
				require.NoError(t, err)
				if want = read(ctx, t, pub, count, last); want != hub.ErrReplaced {
					require.ErrorIs(t, want, hub.ErrEnded)
					break
				}
			}
			require.NoError(t, <-ended, "the end of the playlist is a goodbye")
			var got []media.Codec
			for _, track := range pub.Tracks {
				got = append(got, track.Codec)
			}
			require.Equal(t, c.codecs, got)
			// A live reader starts three segments before the end.
			require.GreaterOrEqual(t, count[c.codecs[0]], 85)
			require.GreaterOrEqual(t, count[c.codecs[1]], 130)
		})
	}
}

// read reads a publication to its end.
func read(ctx context.Context, t *testing.T, pub *hub.Publication, count map[media.Codec]int, last map[int]media.AccessUnit) error {
	sub := pub.Subscribe()
	defer sub.Close()
	for {
		units, err := sub.Next(ctx, nil)
		if err != nil {
			return err
		}
		for _, u := range units {
			if before, ok := last[u.Track]; ok {
				require.Greater(t, u.DTS, before.DTS)
			}
			last[u.Track] = u
			count[pub.Track(u.Track).Codec]++
		}
	}
}

const head = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:1\n"

// list is a playlist of three segments.
func list(uri string) string {
	return head + strings.Repeat("#EXTINF:2.0,\n"+uri+"\n", 3) + "#EXT-X-ENDLIST\n"
}

func TestWhatAServerMayAnswer(t *testing.T) {
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	goTo := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	var many strings.Builder
	many.WriteString("#EXTM3U\n#EXT-X-VERSION:6\n")
	for i := range 100 {
		fmt.Fprintf(&many, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"%d\",URI=\"hang%d.m3u8\"\n", i, i)
	}
	many.WriteString("#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.640028,mp4a.40.2\",AUDIO=\"a\"\nhang.m3u8\n")
	const metadata = "http://169.254.169.254/latest/secret"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   ingest.Reason
	}{
		"no":                      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, ingest.ReasonRefused},
		"no such thing":           {http.NotFound, ingest.ReasonUnreachable},
		"no playlist":             {say("<html>secret"), ingest.ReasonBadMedia},
		"a way to where none is":  {goTo(metadata), ingest.ReasonForbidden},
		"a way without an end":    {goTo("/secret.m3u8"), ingest.ReasonRefused},
		"a way to a file":         {goTo("file:///etc/secret"), ingest.ReasonUnreachable},
		"segments where none are": {say(list(metadata)), ingest.ReasonForbidden},
		"segments in a file":      {say(list("file:///etc/secret")), ingest.ReasonUnreachable},
		"a variant where none is": {say("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.640028\"\n" + metadata + "\n"), ingest.ReasonForbidden},
		"segments of nothing": {func(w http.ResponseWriter, r *http.Request) {
			say(map[bool]string{true: "secret", false: list("a.ts")}[strings.HasSuffix(r.URL.Path, ".ts")])(w, r)
		}, ingest.ReasonBadMedia},
		"a playlist without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for range 3 << 10 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		}, ingest.ReasonBadMedia},
		"a segment without an end": {func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".mp4") {
				for range 40 << 10 {
					if _, err := w.Write(make([]byte, 1<<10)); err != nil {
						return
					}
				}
			} else {
				say(strings.Replace(list("a.mp4"), "#EXTINF", "#EXT-X-MAP:URI=\"a.mp4\"\n#EXTINF", 1))(w, r)
			}
		}, ingest.ReasonBadMessage},
		"more playlists than there are": {func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/hang") {
				<-r.Context().Done()
			} else {
				say(many.String())(w, r)
			}
		}, ingest.ReasonUnsupported},
		"nothing": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ingest.ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := playlist(t, serve(t, c.answer)+"/secret.m3u8?token=secret")
			if c.want == ingest.ReasonTimeout {
				p.MediaTimeout = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			err := fetch(ctx, p, hub.New())
			require.Equal(t, c.want, ingest.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	base := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- fetch(ctx, playlist(t, base+"/x.m3u8"), hub.New()) }()
	cancel()
	require.Equal(t, ingest.ReasonShutdown, ingest.ReasonOf(<-ended))
}

func TestURLsThatAreRefused(t *testing.T) {
	for _, bad := range []string{"file:///etc/x.m3u8", "http:///x.m3u8", "http://host", "http://host/page", "rtsp://host/x.m3u8", "http://host/x.m3u8#part"} {
		u, err := url.Parse(bad)
		require.NoError(t, err)
		_, err = hls.NewPlaylist(u)
		require.ErrorIs(t, err, hls.ErrURL, bad)
	}
}

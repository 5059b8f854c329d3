package relay_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret relay.Secret = "a secret of this cluster"

var live = hub.Key{Stream: "live", Stage: hub.Source}

// tracks of a source: AVC of 320x180 and AAC.
func tracks() []media.Track {
	return []media.Track{
		{
			ID: 1, Rendition: "source", Codec: media.H264, ClockRate: media.VideoClockRate, Width: 320, Height: 180, FrameRate: media.Rational{Num: 30000, Den: 1001}, Bitrate: 500000, Aligned: true,
			Config: []byte{1, 0x64, 0, 0x0c, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x0c, 1, 0, 2, 0x68, 0xee},
		},
		{ID: 2, Rendition: "audio", Codec: media.AAC, ClockRate: 48000, SampleRate: 48000, Channels: 2, Language: "en", Config: []byte{0x11, 0x90}},
	}
}

// node is a hub that others may read.
type node struct {
	hub    *hub.Hub
	server *relay.Server
	url    string
	stop   func() // breaks every connection off
}

func serve(t *testing.T) *node {
	t.Helper()
	n := &node{hub: hub.New()}
	n.server = &relay.Server{Hub: n.hub, Secret: secret}
	mux := http.NewServeMux()
	mux.Handle("GET "+relay.Prefix+"/{stream}/{stage}", n.server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &http.Server{Handler: mux, Protocols: relay.Protocols()}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	n.url = "http://" + l.Addr().String()
	n.stop = func() { s.Close(); <-done }
	t.Cleanup(n.stop)
	return n
}

// pull reads live of a node into a hub of its own.
func (n *node) pull(t *testing.T, ctx context.Context, with relay.Secret) (*hub.Hub, <-chan error) {
	t.Helper()
	h, c, done := hub.New(), relay.NewClient("reader", with), make(chan error, 1)
	go func() {
		done <- c.Pull(ctx, n.url, live, h, func(id int64) int64 { return id + 1000 })
		c.Close()
	}()
	return h, done
}

func units() (out []media.AccessUnit) {
	const second = 1_700_000_000
	for n := range int64(60) {
		out = append(out,
			media.AccessUnit{Track: 1, DTS: second*90000 + n*3003, PTS: second*90000 + n*3003 + 6006*(n%2), Duration: 3003 * (n % 3 % 2), RandomAccess: n%30 == 0, Payload: make([]byte, n*100)},
			media.AccessUnit{Track: 2, DTS: second*48000 + n*1024, PTS: second*48000 + n*1024, Duration: 1024, RandomAccess: true, Payload: []byte{byte(n)}},
		)
	}
	return out
}

func TestWhatIsReadIsWhatWasWritten(t *testing.T) {
	for _, reason := range []error{hub.ErrEnded, hub.ErrOver, hub.ErrLost, hub.ErrReplaced} {
		n := serve(t)
		there, err := n.hub.Publish(live, 7, tracks())
		require.NoError(t, err)
		h, done := n.pull(t, t.Context(), secret)
		here, err := h.Await(t.Context(), live, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1007, here.ID)
		require.Equal(t, tracks(), here.Tracks)
		sub := here.Subscribe()
		want := units()
		for _, u := range want {
			there.Write(u)
		}
		there.Close(reason)
		var got []media.AccessUnit
		for {
			some, err := sub.Next(t.Context(), nil)
			if err != nil {
				require.ErrorIs(t, err, reason)
				break
			}
			got = append(got, some...)
		}
		require.Equal(t, want, got)
		require.ErrorIs(t, <-done, reason)
	}
}

func TestANodeThatBreaksOffHasLostItsPublications(t *testing.T) {
	n := serve(t)
	there, err := n.hub.Publish(live, 7, tracks())
	require.NoError(t, err)
	h, done := n.pull(t, t.Context(), secret)
	here, err := h.Await(t.Context(), live, nil)
	require.NoError(t, err)
	n.stop()
	require.Error(t, <-done)
	require.ErrorIs(t, here.Err(), hub.ErrLost)
	require.NoError(t, there.Err())
}

func TestTheOwnerIsToldOfAReaderThatGoes(t *testing.T) {
	n := serve(t)
	ceased := make(chan bool, 1)
	n.server.Read = func(key hub.Key, node string) func(bool) {
		require.Equal(t, live, key)
		require.Equal(t, "reader", node)
		return func(gone bool) { ceased <- gone }
	}
	pub, err := n.hub.Publish(live, 7, tracks())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	h, done := n.pull(t, ctx, secret)
	_, err = h.Await(t.Context(), live, nil)
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.True(t, <-ceased)

	h, done = n.pull(t, t.Context(), secret)
	_, err = h.Await(t.Context(), live, nil)
	require.NoError(t, err)
	pub.Close(hub.ErrEnded)
	require.ErrorIs(t, <-done, hub.ErrEnded)
	require.False(t, <-ceased)
}

func TestOnlyNodesOfTheClusterMayRead(t *testing.T) {
	n := serve(t)
	_, err := n.hub.Publish(live, 7, tracks())
	require.NoError(t, err)
	_, done := n.pull(t, t.Context(), "another secret")
	require.ErrorIs(t, <-done, relay.ErrPeer)
	resp, err := http.Get(n.url + relay.Prefix + "/live/source")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
}

func TestThereIsNothingToRead(t *testing.T) {
	n := serve(t)
	_, done := n.pull(t, t.Context(), secret)
	require.ErrorIs(t, <-done, relay.ErrNone)
}

// A peer that is not ours is found out whatever it says.
func TestAnswersThatAreNotOurs(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no tracks": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Stagecast-Publication", "e30") },
		"a large head": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Stagecast-Publication", strings.Repeat("e", 1<<20))
		},
		"another error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s := &http.Server{Handler: answer, Protocols: relay.Protocols()}
			done := make(chan struct{})
			go func() { defer close(done); _ = s.Serve(l) }()
			defer func() { s.Close(); <-done }()
			n := &node{url: "http://" + l.Addr().String()}
			_, pulled := n.pull(t, t.Context(), secret)
			require.Error(t, <-pulled)
		})
	}
}

// Any ffmpeg reads it, here one that is given the bytes of a stream of real pictures.
func TestFFmpegReadsIt(t *testing.T) {
	if _, err := exec.LookPath("ffprobe"); errors.Is(err, exec.ErrNotFound) {
		t.Fatal("ffmpeg is not installed")
	}
	n := serve(t)
	pub, err := n.hub.Publish(live, 7, tracks()[1:])
	require.NoError(t, err)
	for k := range int64(100) { // silence, as AAC LC writes it for two channels
		pub.Write(media.AccessUnit{Track: 2, DTS: k * 1024, PTS: k * 1024, Duration: 1024, RandomAccess: true, Payload: []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}})
	}
	req, err := http.NewRequest(http.MethodGet, n.url+relay.Prefix+"/live/source", nil)
	require.NoError(t, err)
	relay.Sign(secret, req)
	ended := time.AfterFunc(500*time.Millisecond, func() { pub.Close(hub.ErrEnded) })
	defer ended.Stop()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	cmd := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "-")
	cmd.Stdin = resp.Body
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "aac\n", string(out))
}

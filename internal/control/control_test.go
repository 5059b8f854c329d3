package control_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/control"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin"
)

// nobody admits whoever comes to the stream "live", but for those without a key.
type nobody struct{}

func (nobody) Authorize(_ context.Context, r ingest.Request) (string, error) {
	if r.Key == "" {
		return "", &ingest.Error{Reason: ingest.ReasonWrongKey}
	}
	return "live", nil
}

func newAPI() *control.API {
	log := slog.New(slog.DiscardHandler)
	o := origin.New(origin.Config{}, log)
	o.Declare("live")
	o.Declare("two")
	return &control.API{
		Version: "test", Started: time.Now(), Gate: ingest.NewGate(ingest.Config{}, nobody{}, hub.New(), log), Origin: o,
		Key: func(stream string) string {
			return map[string]string{"live": "key-of-live", "two": "key-of-two"}[stream]
		}, RTMP: "rtmp://host/live", SRT: "srt://host:8890", RTSP: "host:8554", Viewers: "https://host",
	}
}

func get(t *testing.T, a *control.API, path string, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	a.Routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), into))
	return w.Code
}

type status struct {
	Version  string
	Node     control.Node
	Attempts []struct{ Reason, Fix string }
	Streams  []struct {
		Name   string
		URLs   map[string]string
		Ladder string
		Input  *struct {
			Protocol string
			Audio    *struct{ SampleRate int }
		}
	}
}

func TestStatusTellsOfStreamsInputsAndAttempts(t *testing.T) {
	a := newAPI()
	a.Ladder = func(stream string) any { return "ladder of " + stream }
	_, err := a.Gate.Open(context.Background(), ingest.Request{Protocol: "rtmp"})
	require.Error(t, err)
	s, err := a.Gate.Open(context.Background(), ingest.Request{Protocol: "rtmp", Key: "any", Clock: ingest.WireClock{Rate: 1000, Bits: 32}})
	require.NoError(t, err)
	defer s.End(nil)
	require.NoError(t, s.Describe([]media.Track{{ID: 2, Codec: media.AAC, Config: []byte{0x12, 0x10}}}))
	require.NoError(t, s.Write(ingest.Unit{Track: 2, Payload: []byte{1}}))

	var got status
	require.Equal(t, http.StatusOK, get(t, a, "/status", &got))
	require.Equal(t, "test", got.Version)
	require.Positive(t, got.Node.Cores)
	require.Positive(t, got.Node.Memory)
	require.Len(t, got.Attempts, 1)
	require.Equal(t, "wrong key", got.Attempts[0].Reason)
	require.NotEmpty(t, got.Attempts[0].Fix)
	require.Len(t, got.Streams, 2)
	live, two := got.Streams[0], got.Streams[1]
	require.Equal(t, map[string]string{
		"watch": "https://host/live", "hls": "https://host/live/index.m3u8", "embed": "https://host/embed/live",
	}, live.URLs)
	require.Equal(t, "ladder of live", live.Ladder)
	require.Equal(t, "rtmp", live.Input.Protocol)
	require.Equal(t, 44100, live.Input.Audio.SampleRate)
	require.Nil(t, two.Input, "nobody sends it")
}

func TestStatusOfAnIdleServerHasEmptyLists(t *testing.T) {
	a := newAPI()
	a.Origin = origin.New(origin.Config{}, slog.New(slog.DiscardHandler))
	var got map[string]json.RawMessage
	require.Equal(t, http.StatusOK, get(t, a, "/status", &got))
	require.JSONEq(t, "[]", string(got["streams"]))
	require.JSONEq(t, "[]", string(got["attempts"]))
}

func TestConnectSaysWhatToType(t *testing.T) {
	var got map[string]map[string]string
	require.Equal(t, http.StatusOK, get(t, newAPI(), "/streams/two/connect", &got))
	require.Equal(t, map[string]string{"server": "rtmp://host/live", "key": "key-of-two"}, got["rtmp"])
	require.Equal(t, map[string]string{"server": "srt://host:8890", "streamid": "key-of-two"}, got["srt"])
	require.Equal(t, map[string]string{"server": "rtsp://user:key-of-two@host:8554/two"}, got["rtsp"])
	var none map[string]string
	require.Equal(t, http.StatusNotFound, get(t, newAPI(), "/streams/none/connect", &none))
	require.Equal(t, "no such stream", none["error"])
}

// post asks the API to do something, and returns the status and what it says.
func post(t *testing.T, a *control.API, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	a.Routes().ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
	var said struct{ Error string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &said))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	return w.Code, said.Error
}

// twoEncoders admits whoever comes as the encoder that its key names.
type twoEncoders struct{}

func (twoEncoders) Authorize(_ context.Context, r ingest.Request) (string, error) { return r.Key, nil }

func TestTheOperatorSwitchesPinsAndEnds(t *testing.T) {
	a := newAPI()
	a.Gate = ingest.NewGate(ingest.Config{}, twoEncoders{}, hub.New(), slog.New(slog.DiscardHandler))
	for _, what := range []string{"switch", "pin", "end"} {
		code, said := post(t, a, "/streams/live/"+what)
		require.Equal(t, http.StatusNotFound, code, what)
		require.NotEmpty(t, said)
	}
	encoder := func(key string) *ingest.Session {
		s, err := a.Gate.Open(context.Background(), ingest.Request{Protocol: "rtmp", Key: key, Clock: ingest.WireClock{Rate: 1000, Bits: 32}})
		require.NoError(t, err)
		require.NoError(t, s.Describe([]media.Track{{ID: 2, Codec: media.AAC, Config: []byte{0x12, 0x10}}}))
		require.NoError(t, s.Write(ingest.Unit{Track: 2, Payload: []byte{1}}))
		return s
	}
	primary := encoder("live")
	code, said := post(t, a, "/streams/live/switch")
	require.Equal(t, http.StatusConflict, code)
	require.Contains(t, said, "no such input")
	backup := encoder("live" + ingest.BackupSuffix)
	for path, want := range map[string]int{
		"/streams/live/switch?input=slate": http.StatusConflict, "/streams/live/pin?input=both": http.StatusConflict,
		"/streams/live/pin?input=backup": http.StatusOK,
	} {
		code, _ = post(t, a, path)
		require.Equal(t, want, code, path)
	}
	code, _ = post(t, a, "/streams/live/switch?input=backup")
	require.Equal(t, http.StatusOK, code)
	stands := a.Gate.Statuses()[0]
	require.Equal(t, ingest.Backup, stands.OnAir)
	require.Empty(t, stands.Pinned, "a switch takes the pin off")
	code, _ = post(t, a, "/streams/live/end")
	require.Equal(t, http.StatusOK, code)
	for _, s := range []*ingest.Session{primary, backup} {
		<-s.Done()
		require.Equal(t, ingest.ReasonEnded, ingest.ReasonOf(s.Cause()))
	}
	w := httptest.NewRecorder()
	a.Routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/streams/live/end", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code, "looking ends nothing")
}

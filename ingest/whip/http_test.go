package whip_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/whip"
)

func TestRequests(t *testing.T) {
	s := newStation(t, whip.Config{URL: "https://media.example"})
	offer := s.prepare(encoderConfig{}).offer()
	bearer := func(k string) http.Header { return http.Header{"Authorization": {"Bearer " + k}} }
	plain := sdpHeader(key)
	plain.Set("Content-Type", "text/plain")
	for _, c := range []struct {
		name, method, path, body string
		header                   http.Header
		status                   int
	}{
		{"no key", http.MethodPost, "/whip", offer, http.Header{"Content-Type": {"application/sdp"}}, 401},
		{"another scheme", http.MethodPost, "/whip", offer, http.Header{"Authorization": {"Basic " + key}, "Content-Type": {"application/sdp"}}, 401},
		{"wrong key", http.MethodPost, "/whip", offer, sdpHeader("nobody's"), 401},
		{"a huge key", http.MethodPost, "/whip", offer, sdpHeader(strings.Repeat("k", 4000)), 401},
		{"key of another stream", http.MethodPost, "/whip/other", offer, sdpHeader(key), 401},
		{"wrong type", http.MethodPost, "/whip", offer, plain, 415},
		{"no type", http.MethodPost, "/whip", offer, bearer(key), 415},
		{"no offer", http.MethodPost, "/whip", "", sdpHeader(key), 400},
		{"garbage", http.MethodPost, "/whip", "\x00\xff not SDP", sdpHeader(key), 400},
		{"no media", http.MethodPost, "/whip", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", sdpHeader(key), 400},
		{"too large", http.MethodPost, "/whip", offer + strings.Repeat("a=x\r\n", 20000), sdpHeader(key), 413},
		{"watching", http.MethodPost, "/whip", strings.ReplaceAll(offer, "a=sendonly", "a=recvonly"), sdpHeader(key), 422},
		{"no fingerprint", http.MethodPost, "/whip", strings.ReplaceAll(offer, "a=fingerprint", "a=x-fingerprint"), sdpHeader(key), 400},
		{"get", http.MethodGet, "/whip", "", bearer(key), 405},
		{"put", http.MethodPut, "/whip/live", offer, sdpHeader(key), 405},
		{"delete the endpoint", http.MethodDelete, "/whip/live", "", bearer(key), 405},
		{"get a session", http.MethodGet, "/whip/live/some", "", bearer(key), 405},
		{"no such session", http.MethodDelete, "/whip/live/some", "", bearer(key), 404},
		{"nothing there", http.MethodPost, "/whip/a/b/c", offer, sdpHeader(key), 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, h, text := s.do(c.method, c.path, c.body, c.header)
			assert.Equal(t, c.status, status, text)
			assert.Equal(t, "*", h.Get("Access-Control-Allow-Origin"))
			assert.NotContains(t, text, key)
			switch status {
			case 401:
				assert.Contains(t, h.Get("WWW-Authenticate"), "Bearer")
			case 405:
				assert.NotEmpty(t, h.Get("Allow"))
			}
		})
	}

	status, h, _ := s.do(http.MethodOptions, "/whip", "", nil)
	assert.Equal(t, 200, status)
	assert.Equal(t, "application/sdp", h.Get("Accept-Post"))
	assert.Equal(t, "Authorization, Content-Type, If-Match", h.Get("Access-Control-Allow-Headers"))

	status, h, answer := s.do(http.MethodPost, "/whip/live?x=y", offer, sdpHeader(key))
	require.Equal(t, 201, status, answer)
	assert.True(t, strings.HasPrefix(h.Get("Location"), "https://media.example/whip/live/"))
	assert.NotContains(t, h.Get("Location"), "?")
	assert.Equal(t, "application/sdp", h.Get("Content-Type"))
	assert.Regexp(t, `^".+"$`, h.Get("ETag"))
	assert.Contains(t, h.Get("Access-Control-Expose-Headers"), "Location")
	assert.Contains(t, answer, "a=end-of-candidates")
	assert.Contains(t, answer, fmt.Sprintf("127.0.0.1 %d typ host", s.port))
	assert.Contains(t, answer, "tcptype passive")

	resource := strings.TrimPrefix(h.Get("Location"), "https://media.example")
	status, _, _ = s.do(http.MethodDelete, resource, "", bearer(otherKey))
	assert.Equal(t, 401, status, "somebody else ends the session")
	status, _, _ = s.do(http.MethodDelete, resource, "", nil)
	assert.Equal(t, 401, status)
	status, _, _ = s.do(http.MethodDelete, strings.Replace(resource, "/live/", "/other/", 1), "", bearer(key))
	assert.Equal(t, 404, status)
	status, _, _ = s.do(http.MethodOptions, resource, "", nil)
	assert.Equal(t, 200, status)
	status, _, _ = s.do(http.MethodDelete, resource, "", bearer(key))
	assert.Equal(t, 200, status)
	s.awaitEnd(ingest.ReasonUnpublished)
}

// Only VP8 is refused with a way out; beside other codecs it is only left out of the answer.
func TestCodecsAreChosen(t *testing.T) {
	s := newStation(t, whip.Config{})
	for _, c := range []struct {
		mime   string
		status int
	}{
		{webrtc.MimeTypeH264, 201}, {webrtc.MimeTypeH265, 201}, {webrtc.MimeTypeVP9, 201}, {webrtc.MimeTypeAV1, 201}, {webrtc.MimeTypeVP8, 422},
	} {
		t.Run(c.mime, func(t *testing.T) {
			offer := only(s.prepare(encoderConfig{mime: c.mime}).offer(), strings.TrimPrefix(c.mime, "video/"))
			status, _, text := s.do(http.MethodPost, "/whip", offer, sdpHeader(key))
			require.Equal(t, c.status, status, text)
			if status == 201 {
				assert.Equal(t, 1, strings.Count(text, "a=rtpmap:")-strings.Count(text, "opus"), text)
				return
			}
			assert.Contains(t, text, "vp8")
			assert.Contains(t, text, "H.264")
		})
	}
	all := s.prepare(encoderConfig{}).offer()
	require.Contains(t, all, "VP8/90000")
	status, _, text := s.do(http.MethodPost, "/whip", all, sdpHeader(key))
	require.Equal(t, 201, status, text)
	assert.Contains(t, text, "H264/90000")
	assert.NotContains(t, text, "VP8")
}

// only leaves one picture codec in an offer.
func only(offer, name string) string {
	var out []string
	for _, line := range strings.Split(offer, "\r\n") {
		if strings.HasPrefix(line, "a=rtpmap:") && !strings.Contains(line, name+"/") && strings.Contains(line, "/90000") {
			number, _, _ := strings.Cut(strings.TrimPrefix(line, "a=rtpmap:"), " ")
			line = "a=rtpmap:" + number + " unknown/90000"
		}
		out = append(out, line)
	}
	return strings.Join(out, "\r\n")
}

func TestNoMediaPath(t *testing.T) {
	s := newStation(t, whip.Config{ConnectTimeout: 500e6})
	status, _, text := s.do(http.MethodPost, "/whip", s.prepare(encoderConfig{}).offer(), sdpHeader(key))
	require.Equal(t, 201, status, text)
	end := s.awaitEnd(ingest.ReasonNoPath)
	assert.Contains(t, end.Fix, "8189")
}

func TestConnectedWithoutMedia(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{MediaTimeout: 1e9})
	s.connect(encoderConfig{})
	s.awaitEnd(ingest.ReasonNoMedia)
}

func TestMediaStops(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{MediaTimeout: 1e9})
	e := s.connect(encoderConfig{})
	e.send(sending{})
	s.read("live", nil)
	e.halt()
	s.awaitEnd(ingest.ReasonTimeout)
}

func TestEncoderHangsUp(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	e.send(sending{})
	s.read("live", nil)
	e.halt()
	require.NoError(t, e.pc.GracefulClose())
	s.awaitEnd(ingest.ReasonDisconnected)
}

func TestTakeover(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	first := s.connect(encoderConfig{})
	first.send(sending{})
	r := s.read("live", nil)
	second := s.connect(encoderConfig{path: "/whip/live"})
	second.send(sending{})
	s.read("live", r.pub)
	s.awaitEnd(ingest.ReasonReplaced)
}

func TestShutdown(t *testing.T) {
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	e.send(sending{})
	s.read("live", nil)
	s.stop()
	s.awaitEnd(ingest.ReasonShutdown)
	status, h, _ := s.do(http.MethodPost, "/whip", "", sdpHeader(key))
	assert.Equal(t, 503, status)
	assert.NotEmpty(t, h.Get("Retry-After"))
}

func TestWaitingIsLimited(t *testing.T) {
	s := newStation(t, whip.Config{MaxWaiting: 2})
	offer := s.prepare(encoderConfig{}).offer()
	for i := range 3 {
		status, _, text := s.do(http.MethodPost, "/whip", offer, sdpHeader(key))
		assert.Equal(t, map[bool]int{true: 201, false: 503}[i < 2], status, text)
	}
	s.awaitEnd(ingest.ReasonTooMany)
}

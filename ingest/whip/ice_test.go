package whip_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest/whip"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMediaOverTCP(t *testing.T) {
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{tcp: true})
	e.send(sending{})
	r := s.read("live", nil)
	r.until(t, func(u []media.AccessUnit) bool { return r.count(u, media.Video) >= 30 })
	pair, err := e.sender.Transport().ICETransport().GetSelectedCandidatePair()
	require.NoError(t, err)
	assert.Equal(t, webrtc.ICEProtocolTCP, pair.Remote.Protocol)
}

// pick is the value of an attribute.
func pick(t *testing.T, sdp, name string) string {
	m := regexp.MustCompile("a=" + name + `:(\S+)`).FindStringSubmatch(sdp)
	require.NotNil(t, m, "%s in %s", name, sdp)
	return m[1]
}

func fragmentHeader(key, match string) http.Header {
	h := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/trickle-ice-sdpfrag"}}
	if match != "" {
		h["If-Match"] = []string{match}
	}
	return h
}

func fragment(ufrag, pwd, more string) string {
	return "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n" + more
}

const candidate = "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"

func TestTrickle(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	local := e.pc.LocalDescription().SDP
	own := fragment(pick(t, local, "ice-ufrag"), pick(t, local, "ice-pwd"), candidate+"a=end-of-candidates\r\n")
	other := fragment("otherufrag", strings.Repeat("p", 22), "")
	plain := fragmentHeader(key, e.etag)
	plain.Set("Content-Type", "application/sdp")
	for _, c := range []struct {
		name, body string
		header     http.Header
		status     int
	}{
		{"trickle", own, fragmentHeader(key, e.etag), 204},
		{"trickle to any", own, fragmentHeader(key, "*"), 204},
		{"no If-Match", own, fragmentHeader(key, ""), 428},
		{"an earlier ICE session", own, fragmentHeader(key, `"old"`), 412},
		{"restart of one ICE session", other, fragmentHeader(key, e.etag), 422},
		{"garbage", "garbage", fragmentHeader(key, e.etag), 400},
		{"no credentials", candidate, fragmentHeader(key, e.etag), 400},
		{"bad credentials", fragment("a b", "c", ""), fragmentHeader(key, "*"), 400},
		{"wrong type", own, plain, 415},
		{"wrong key", own, fragmentHeader(otherKey, e.etag), 401},
		{"large", own + strings.Repeat("a=x\r\n", 4000), fragmentHeader(key, e.etag), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, text := s.do(http.MethodPatch, e.resource, c.body, c.header)
			assert.Equal(t, c.status, status, text)
		})
	}
	e.send(sending{})
	s.read("live", nil) // and none of it has done any harm
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	e.send(sending{})
	r := s.read("live", nil)
	r.until(t, func(u []media.AccessUnit) bool { return len(u) > 30 })

	o, err := e.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	require.NoError(t, err)
	require.NoError(t, e.pc.SetLocalDescription(o))
	body := fragment(pick(t, o.SDP, "ice-ufrag"), pick(t, o.SDP, "ice-pwd"), "")
	status, h, answer := s.do(http.MethodPatch, e.resource, body, fragmentHeader(key, "*"))
	require.Equal(t, 200, status, answer)
	assert.NotEqual(t, e.etag, h.Get("ETag"))
	assert.Contains(t, answer, "a=candidate:")
	old := pick(t, e.answer, "ice-ufrag")
	fresh := pick(t, answer, "ice-ufrag")
	assert.NotEqual(t, old, fresh)
	full := strings.ReplaceAll(e.answer, old, fresh)
	full = strings.ReplaceAll(full, pick(t, e.answer, "ice-pwd"), pick(t, answer, "ice-pwd"))
	require.NoError(t, e.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: full}))

	r.until(t, func(u []media.AccessUnit) bool { return r.count(u, media.Video) >= 90 })
	status, _, _ = s.do(http.MethodPatch, e.resource, body, fragmentHeader(key, e.etag))
	assert.Equal(t, 412, status, "the tag of before the restart")
	assert.Nil(t, r.pub.Err(), "it is the same publication")
}

func TestFragmentsAreLimited(t *testing.T) {
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	local := e.pc.LocalDescription().SDP
	ufrag, pwd := pick(t, local, "ice-ufrag"), pick(t, local, "ice-pwd")
	refused := 0
	for range 100 {
		if status, _, _ := s.do(http.MethodPatch, e.resource, fragment(ufrag, pwd, ""), fragmentHeader(key, "*")); status == 429 {
			refused++
		}
	}
	assert.Greater(t, refused, 30)
	e = s.connect(encoderConfig{key: otherKey})
	local = e.pc.LocalDescription().SDP
	many := fragment(pick(t, local, "ice-ufrag"), pick(t, local, "ice-pwd"), strings.Repeat(candidate, 200))
	status, _, _ := s.do(http.MethodPatch, e.resource, many, fragmentHeader(otherKey, "*"))
	assert.Equal(t, 204, status)
	status, _, _ = s.do(http.MethodPatch, e.resource, many, fragmentHeader(otherKey, "*"))
	assert.Equal(t, 429, status)
}

func TestPublicAddress(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{Host: "203.0.113.7"})
	e := s.connect(encoderConfig{})
	assert.Contains(t, e.answer, fmt.Sprintf("203.0.113.7 %d typ host", s.port))
	assert.Less(t, strings.Index(e.answer, "203.0.113.7"), strings.Index(e.answer, fmt.Sprintf("127.0.0.1 %d", s.port)))
	e.send(sending{})
	s.read("live", nil)
}

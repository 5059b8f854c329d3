//go:build e2e

package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
)

// camera opens a page, of an origin of its own, that publishes by WHIP from Chromium.
func (s *server) camera(key string, wishes ...string) *script {
	s.t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>camera</title>")
	}))
	s.t.Cleanup(page.Close)
	b := browse(s.t, "whip.mjs", nil, append([]string{page.URL, s.url("/whip"), key}, wishes...)...)
	await(s.t, "the browser has its answer", func() bool {
		require.Empty(s.t, b.complaints())
		return b.last("published", "").Text != ""
	})
	return b
}

// TestBrowserPublishes has Chromium send its camera, and a strict client and a player watch it.
func TestBrowserPublishes(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.camera(liveKey, "restart")
	s.awaitLive("live")
	in := s.input("live")
	require.NotNil(t, in)
	assert.Equal(t, "whip", in.Protocol)
	assert.Equal(t, media.H264, in.Video.Codec)
	assert.Equal(t, media.Opus, in.Audio.Codec)
	await(t, "ICE has begun anew", func() bool { return b.last("restarted", "").Text != "" })
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime)
	assert.Less(t, s.input("live").SkewMs, 1000.0)
	frames := b.last("sender", "").Frames
	await(t, "the camera goes on", func() bool { return b.last("sender", "").Frames > frames+60 })
	t.Log(b.last("sender", "").Text)
	watch := s.url("/live")
	v := browse(t, "watch.mjs", nil, watch)
	v.awaitPlaying(t, watch)
	v.stop(t)
	assert.Empty(t, v.complaints())
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

// TestBrowserPublishesLayers has Chromium send three layers, of which the largest is published.
func TestBrowserPublishesLayers(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := s.camera(liveKey, "simulcast")
	s.awaitLive("live")
	await(t, "the largest layer is on air", func() bool {
		in := s.input("live")
		return in != nil && in.Video != nil && in.Video.Width >= 640 && in.Video.Width == b.last("sender", "").Width
	})
	t.Log(b.last("sender", "").Text)
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

// Rules that a camera cannot keep whose pictures come as its light allows, and in as many bits as the browser finds room for.
const (
	steadyRate    = "L89"
	fullParts     = "L28" // a picture that comes late ends a part early
	steadyBitrate = "L92"
)

// TestBrowserIsPassedOn has the camera go out as it comes, in segments that are cut at the key frames that we ask for.
func TestBrowserIsPassedOn(t *testing.T) {
	t.Parallel()
	s := start(t, "--ladder", "off")
	b := s.camera(liveKey)
	s.awaitLive("live")
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung, steadyRate, steadyBitrate, fullParts)
	t.Log(b.last("sender", "").Text)
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

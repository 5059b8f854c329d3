package whip_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/whip"
	"github.com/stagecast/stagecast/internal/media"
)

func TestPublish(t *testing.T) {
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	assert.True(t, strings.HasPrefix(e.resource, s.web.URL+"/whip/live/"), "Location %q", e.resource)
	assert.NotContains(t, e.resource, "?")
	assert.Contains(t, e.answer, "a=candidate:")
	assert.Contains(t, e.answer, "stereo=1")
	e.send(sending{})

	r := s.read("live", nil)
	units := r.until(t, func(u []media.AccessUnit) bool { return r.count(u, media.Video) >= 60 && r.count(u, media.Audio) >= 50 })
	require.Len(t, r.pub.Tracks, 2)
	picture, sound := &r.pub.Tracks[0], &r.pub.Tracks[1]
	assert.Equal(t, media.H264, picture.Codec)
	assert.Equal(t, [2]int{160, 90}, [2]int{picture.Width, picture.Height})
	assert.Equal(t, media.Opus, sound.Codec)
	assert.Equal(t, 2, sound.Channels)
	film := h264Film(t, "small.h264")
	n := 0
	for _, u := range units {
		if u.Track == sound.ID {
			assert.Equal(t, silence, u.Payload)
			continue
		}
		if n == 0 {
			assert.True(t, u.RandomAccess)
		}
		n++
		assert.Equal(t, u.DTS, u.PTS)
	}
	assert.NotEmpty(t, film.units)
	in := s.gate.Inputs()
	require.Len(t, in, 1)
	assert.Equal(t, "whip", in[0].Protocol)
	await(t, "the link is measured", func() bool { l := s.gate.Inputs()[0].Link; return l != nil && l.RTTMs > 0 })

	status, _, _ := s.do(http.MethodDelete, e.resource, "", http.Header{"Authorization": {"Bearer " + key}})
	assert.Equal(t, http.StatusOK, status)
	end := s.awaitEnd(ingest.ReasonUnpublished)
	assert.Equal(t, "live", end.Stream)
	status, _, _ = s.do(http.MethodDelete, e.resource, "", http.Header{"Authorization": {"Bearer " + key}})
	assert.Equal(t, http.StatusNotFound, status)
}

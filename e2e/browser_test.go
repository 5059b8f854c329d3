//go:build e2e

package e2e_test

import (
	"bytes"
	"image/jpeg"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// TestBrowser has the watch page and the embedded player play a stream, whose encoder then loses its power for a while.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, noSlate...)
	e := s.publish(liveKey, programme{})
	s.awaitLive("live")
	watch, embed := s.url("/live"), s.url("/embed/live")
	b := browse(t, "watch.mjs", nil, watch, embed)
	b.awaitPlaying(t, watch)
	b.awaitPlaying(t, embed)
	await(t, "the viewers are counted", func() bool { return s.operator().Streams[0].Viewers > 0 })
	s.preview(t, "live")

	e.kill()
	await(t, "the page says that the encoder is away", func() bool { return b.last("report", watch).State != "live" })
	outage(3 * time.Second)
	s.publish(liveKey, programme{})
	b.awaitPlaying(t, watch)
	b.awaitPlaying(t, embed)
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

// TestBrowserSeesNoSwitch has a page play on over a loss that the backup makes good, a drill, and a slate.
func TestBrowserSeesNoSwitch(t *testing.T) {
	t.Parallel()
	s := start(t, withBackup()...)
	primary := s.publish(liveKey, programme{})
	s.awaitLive("live")
	backup := s.publishSRT(s.srt, backupKey, programme{}, "latency=120000")
	await(t, "the backup stands by", func() bool { return len(s.inputs("live").Inputs) == 2 })
	watch := s.url("/live")
	b := browse(t, "watch.mjs", nil, watch)
	b.awaitPlaying(t, watch)
	primary.kill()
	s.awaitOnAir(ingest.Backup)
	b.awaitPlaying(t, watch)
	s.publish(liveKey, programme{})
	await(t, "the operator can make it switch", func() bool { return s.act("live/switch?input=primary") == http.StatusOK })
	s.awaitOnAir(ingest.Primary)
	b.awaitPlaying(t, watch)
	backup.kill()
	b.awaitPlaying(t, watch)
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

// preview looks for the poster and the storyboard of a stream that plays.
func (s *server) preview(t *testing.T, stream string) {
	t.Helper()
	code, poster, err := fetch(t.Context(), s.url("/"+stream+"/poster.jpg"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code, "%s", poster)
	_, err = jpeg.Decode(bytes.NewReader(poster))
	require.NoError(t, err)
	code, text, err := fetch(t.Context(), s.url("/"+stream+"/storyboard.vtt"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)
	m := regexp.MustCompile(`storyboard/[^#]+`).FindString(string(text))
	require.NotEmpty(t, m, "%s", text)
	code, sheet, err := fetch(t.Context(), s.url("/"+stream+"/"+m))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code, "%s", sheet)
	_, err = jpeg.Decode(bytes.NewReader(sheet))
	require.NoError(t, err)
}

// TestBrowserWaits opens the page before there is anything to see.
func TestBrowserWaits(t *testing.T) {
	t.Parallel()
	s := start(t)
	watch := s.url("/live")
	b := browse(t, "watch.mjs", nil, watch)
	await(t, "the page says that it starts soon", func() bool { return b.last("report", watch).State == "starting" })
	s.publish(liveKey, programme{})
	b.awaitPlaying(t, watch)
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

func TestStatusPage(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.publish(liveKey, programme{})
	s.awaitLive("live")
	b := browse(t, "status.mjs", []string{"TOKEN=" + adminToken}, s.adminURL("/"))
	await(t, "the stream is shown", func() bool {
		text := strings.ToLower(b.last("text", "").Text)
		return strings.Contains(text, "live") && strings.Contains(text, "320") && strings.Contains(text, "aac")
	})
	b.stop(t)
	assert.Empty(t, b.complaints())
	s.stop()
}

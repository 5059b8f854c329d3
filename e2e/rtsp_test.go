//go:build e2e

package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// rtspArguments are of an ffmpeg that publishes p. Its sound is noise: of a pure tone a second fits into one packet, and
// ffmpeg waits for it to be full.
func (p programme) rtspArguments(transport, url string) []string {
	args := p.arguments()
	for i, a := range args {
		args[i] = strings.Replace(a, "sine=frequency=440:", "anoisesrc=color=pink:", 1)
	}
	if transport != "" {
		args = append(args, "-rtsp_transport", transport)
	}
	return append(args, "-f", "rtsp", url)
}

// publishRTSP is publish over RTSP, to the stream of that name.
func (s *server) publishRTSP(transport, stream, key string, p programme) *encoder {
	s.t.Helper()
	return s.client(key, "ffmpeg", p.rtspArguments(transport, "rtsp://anyone:"+key+"@"+s.rtsp+"/"+stream)...)
}

// journalled waits for the newest entry of the journal about a stream's sessions.
func (s *server) journalled(stream string) (a ingest.Attempt) {
	s.t.Helper()
	await(s.t, "a session is in the journal", func() bool {
		for _, one := range s.operator().Attempts {
			if one.Stream == stream {
				a = one
				return true
			}
		}
		return false
	})
	return a
}

func TestRTSPConforms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		transport string
		args      []string
		p         programme
		excused   []string
	}{
		"interleaved, B-frames, passed on": {"tcp", []string{"--ladder", "off"}, programme{size: "640x360", bframes: 2}, []string{oneRung}},
		"UDP, ladder":                      {"udp", nil, programme{size: "640x360"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.args...)
			e := s.publishRTSP(c.transport, "live", liveKey, c.p)
			s.awaitLive("live")
			conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, c.excused...)
			in := s.input("live")
			require.NotNil(t, in)
			assert.Equal(t, "rtsp", in.Protocol)
			assert.Zero(t, in.Dropped)
			assert.Zero(t, in.Jumps)
			require.NotNil(t, in.Link)
			assert.Positive(t, in.Link.Received)
			assert.Zero(t, in.Link.Lost)
			e.finish()
			assert.Equal(t, ingest.ReasonUnpublished, s.journalled("live").Reason)
			s.stop()
		})
	}
}

func TestRTSPInTheEncodersOwnWay(t *testing.T) {
	t.Parallel()
	s := start(t, "--ladder", "off")
	first := s.publishRTSP("", "live", liveKey, programme{bframes: 2, noAudio: true}) // ffmpeg tries UDP first
	gst := strings.Fields("-q rtspclientsink name=s location=rtsp://anyone:" + otherKey + "@" + s.rtsp + "/other" +
		" videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=30/1 ! x264enc tune=zerolatency key-int-max=60 ! h264parse ! s." +
		" audiotestsrc is-live=true ! audio/x-raw,rate=48000 ! voaacenc ! aacparse ! s.")
	second := s.client(otherKey, "gst-launch-1.0", gst...)
	sound := s.client(thirdKey, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-f", "lavfi", "-i", "anoisesrc=sample_rate=48000",
		"-c:a", "libopus", "-b:a", "96k", "-f", "rtsp", "rtsp://anyone:"+thirdKey+"@"+s.rtsp+"/third")
	for _, stream := range []string{"live", "other", "third"} {
		viewer := follow(t, s.awaitLive(stream))
		viewer.awaitMedia(t, 3)
		viewer.stop(t)
	}
	for _, e := range []*encoder{first, second, sound} {
		e.kill()
	}
	s.stop()
}

func TestRTSPSaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, "--ladder", "off")
	for url, reason := range map[string]ingest.Reason{
		"rtsp://anyone:wrong-key@" + s.rtsp + "/live":        ingest.ReasonWrongKey,
		"rtsp://" + s.rtsp + "/live?key=" + liveKey:          ingest.ReasonKeyInURL,
		"rtsp://anyone:" + liveKey + "@" + s.rtsp + "/a/b/c": ingest.ReasonBadName,
	} {
		e := s.client(liveKey, "ffmpeg", programme{noAudio: true}.rtspArguments("tcp", url)...)
		awaitClosed(t, "the encoder gives up", e.exited)
		assert.Equal(t, reason, s.operator().Attempts[0].Reason)
		assert.NotEmpty(t, s.operator().Attempts[0].Fix)
	}
	e := s.client(liveKey, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-f", "lavfi", "-i", "testsrc2", "-c:v", "mpeg4", "-f", "rtsp",
		"-rtsp_transport", "tcp", "rtsp://anyone:"+liveKey+"@"+s.rtsp+"/live")
	awaitClosed(t, "the encoder gives up", e.exited)
	assert.Equal(t, ingest.ReasonUnsupported, s.journalled("live").Reason)
	assert.Contains(t, e.log.String(), "libx264", "the encoder's log says what to do")
	player := s.client(liveKey, "ffprobe", "-v", "error", "rtsp://"+s.rtsp+"/live")
	awaitClosed(t, "the player gives up", player.exited)
	assert.Equal(t, ingest.ReasonNotPublishing, s.operator().Attempts[0].Reason)
	s.stop()
}

// TestPullOfACameraThatGoesAndComes pulls a camera that asks for a digest, is turned off, and comes back.
func TestPullOfACameraThatGoesAndComes(t *testing.T) {
	t.Parallel()
	c := &camera{t: t, address: freeAddress(t)}
	c.turnOn()
	s := start(t, append([]string{"--ladder", "off", "--pulls", "live=" + c.url()}, noSlate...)...)
	film := func() *encoder {
		return s.client(cameraPassword, "ffmpeg", programme{size: "640x360", bframes: 2}.rtspArguments("tcp", "rtsp://"+c.address+"/view")...)
	}
	film()
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 3)
	in := s.input("live")
	require.NotNil(t, in)
	assert.Equal(t, "rtsp-pull", in.Protocol)
	assert.Contains(t, s.banner.String(), "Pulled from   rtsp://"+c.address+"\n")
	before := viewer.discontinuity()

	c.turnOff()
	s.awaitState("live", "reconnecting")
	outage(2 * time.Second)
	c.turnOn()
	film()
	s.awaitState("live", "live")
	await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
	viewer.awaitMedia(t, 3)
	viewer.stop(t)
	assert.Equal(t, ingest.ReasonDisconnected, lastAdmitted(s.operator().Attempts).Reason)
	s.stop()
	assert.NotContains(t, s.log.String(), cameraPassword)
	assert.NotContains(t, s.banner.String(), cameraPassword)
}

// lastAdmitted is the newest entry about a session.
func lastAdmitted(attempts []ingest.Attempt) (a ingest.Attempt) {
	for _, a = range attempts {
		if a.Admitted {
			return a
		}
	}
	return ingest.Attempt{}
}

//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/lossy"
)

const phrase = "pH1-secret-passphrase"

// publishSRT starts an encoder that sends p over SRT to an address. The options are those of ffmpeg's URL.
func (s *server) publishSRT(address, streamID string, p programme, options ...string) *encoder {
	s.t.Helper()
	to := "srt://" + address + "?pkt_size=1316&streamid=" + url.QueryEscape(streamID)
	for _, o := range options {
		to += "&" + o
	}
	return s.client(liveKey, "ffmpeg", append(p.arguments(), "-f", "mpegts", to)...)
}

// input is what the operator sees of a stream's encoder.
func (s *server) input(stream string) *ingest.Input {
	s.t.Helper()
	for _, st := range s.operator().Streams {
		if st.Name == stream {
			return st.Input
		}
	}
	return nil
}

// freeUDP is a UDP port that nobody has.
func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer c.Close()
	return c.LocalAddr().String()
}

// TestSRTConforms sends encrypted with AES-256, as the key's own streamid and in the form of the standard.
func TestSRTConforms(t *testing.T) {
	t.Parallel()
	s := start(t, "--srt.passphrase", phrase)
	s.publishSRT(s.srt, "#!::m=publish,r=live,s="+liveKey, programme{size: "640x360", bframes: 2}, "passphrase="+phrase, "pbkeylen=32")
	s.awaitLive("live")
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung)
	in := s.input("live")
	require.NotNil(t, in)
	assert.Equal(t, "srt", in.Protocol)
	require.NotNil(t, in.Link)
	assert.Positive(t, in.Link.Received)
	assert.Zero(t, in.Link.Dropped+in.Link.Broken)
	assert.Contains(t, s.metrics(), `stagecast_ingest_link_packets{kind="dropped",stream="live"} 0`)
	s.stop()
	assert.NotContains(t, s.log.String(), phrase)
}

func TestSRTPassedOnConforms(t *testing.T) {
	t.Parallel()
	s := start(t, "--ladder", "off")
	s.publishSRT(s.srt, liveKey, programme{size: "640x360", bframes: 2})
	s.awaitLive("live")
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung)
	s.stop()
}

func TestSRTWrongPassphrase(t *testing.T) {
	t.Parallel()
	s := start(t, "--srt.passphrase", "live="+phrase)
	e := s.publishSRT(s.srt, liveKey, programme{}, "passphrase=not-the-right-one")
	awaitClosed(t, "the encoder has been sent away", e.exited)
	require.NotEmpty(t, s.operator().Attempts)
	attempt := s.operator().Attempts[0]
	assert.False(t, attempt.Admitted)
	assert.Equal(t, ingest.ReasonWrongSecret, attempt.Reason)
	assert.NotEmpty(t, attempt.Fix)
	s.stop()
}

// TestSRTLiveTransmit has libsrt's own tool call, which takes its stream from UDP.
func TestSRTLiveTransmit(t *testing.T) {
	t.Parallel()
	s := start(t, "--srt.passphrase", phrase)
	between := freeUDP(t)
	s.client(liveKey, "srt-live-transmit", "-q", "udp://"+between, "srt://"+s.srt+"?streamid=publish:live:"+liveKey+"&passphrase="+phrase+"&pbkeylen=24")
	e := s.client(liveKey, "ffmpeg", append(programme{}.arguments(), "-f", "mpegts", "udp://"+between+"?pkt_size=1316")...)
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 2)
	viewer.stop(t)
	e.finish()
	s.stop()
}

// TestSRTThroughLoss has a bad network before the server: all that is lost there comes again in time. The latency leaves room
// for the machine to stand still for a second under the other tests.
func TestSRTThroughLoss(t *testing.T) {
	t.Parallel()
	s := start(t)
	relay, err := lossy.Listen(lossy.Config{
		Target: s.srt, Seed: 11, Loss: 0.05, Delay: 40 * time.Millisecond, Reorder: 0.02, Late: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	s.publishSRT(relay.Addr(), liveKey, programme{}, fmt.Sprintf("latency=%d", (2*time.Second).Microseconds()))
	viewer := follow(t, s.awaitLive("live"))
	const packets = 2000 // twenty seconds
	await(t, "enough has come", func() bool {
		in := s.input("live")
		return in != nil && in.Link != nil && in.Link.Received > packets
	})
	in := s.input("live")
	assert.Greater(t, in.Link.Lost, uint64(packets/50), "the network was bad")
	assert.Greater(t, in.Link.Retransmitted, uint64(packets/50))
	assert.Greater(t, in.Link.RTTMs, 75.0)
	assert.EqualValues(t, 2000, in.Link.LatencyMs)
	assert.Zero(t, in.Link.Dropped)
	assert.Zero(t, in.Link.Broken)
	viewer.awaitMedia(t, 2)
	assert.Negative(t, viewer.discontinuity(), "the stream went on without a break")
	viewer.stop(t)
	s.stop()
	cancel()
	require.NoError(t, <-ended)
}

// TestSRTCut cuts the line for longer than the connection lives: the encoder calls again, and the stream goes on.
func TestSRTCut(t *testing.T) {
	t.Parallel()
	s := start(t, noSlate...)
	relay, err := lossy.Listen(lossy.Config{Target: s.srt, Seed: 1})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	first := s.publishSRT(relay.Addr(), liveKey, programme{})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 1)
	before := viewer.discontinuity()
	relay.Cut(true)
	s.awaitState("live", "reconnecting")
	await(t, "the journal has it", func() bool {
		a := s.operator().Attempts
		return len(a) > 0 && a[0].Reason == ingest.ReasonDisconnected
	})
	relay.Cut(false)
	first.kill()
	s.publishSRT(relay.Addr(), liveKey, programme{})
	s.awaitState("live", "live")
	await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
	viewer.stop(t)
	s.stop()
	cancel()
	require.NoError(t, <-ended)
}

// TestOldSound sends sound that browsers do not play: the ladder makes AAC of it; without the ladder it is refused.
func TestOldSound(t *testing.T) {
	t.Parallel()
	t.Run("ladder", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		s.publishSRT(s.srt, liveKey, programme{sound: "ac3"})
		s.publishSRT(s.srt, otherKey, programme{sound: "mp2"})
		for stream, codec := range map[string]string{"live": "ac3", "other": "mpa"} {
			viewer := follow(t, s.awaitLive(stream))
			viewer.awaitMedia(t, 2)
			viewer.stop(t)
			for _, v := range s.multivariant(stream).Variants {
				assert.Contains(t, v.Codecs, "mp4a.40.2")
			}
			in := s.input(stream)
			require.NotNil(t, in)
			assert.Equal(t, codec, string(in.Audio.Codec))
		}
		s.stop()
	})
	t.Run("passed on", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--ladder", "off")
		s.publishSRT(s.srt, liveKey, programme{sound: "ac3"})
		await(t, "the journal has it", func() bool { return len(s.operator().Attempts) > 0 })
		attempt := s.operator().Attempts[0]
		assert.Equal(t, ingest.ReasonNeedsLadder, attempt.Reason)
		assert.NotEmpty(t, attempt.Fix)
		s.stop()
	})
}

func TestUDP(t *testing.T) {
	t.Parallel()
	at := freeUDP(t)
	s := start(t, "--pulls", "live=udp://"+at)
	s.client(liveKey, "ffmpeg", append(programme{bframes: 2}.arguments(), "-f", "mpegts", "udp://"+at+"?pkt_size=1316")...)
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 2)
	in := s.input("live")
	require.NotNil(t, in)
	assert.Equal(t, "udp", in.Protocol)
	assert.Zero(t, in.Link.Broken)
	viewer.stop(t)
	s.stop()
}

func TestUDPGroup(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(freeUDP(t))
	require.NoError(t, err)
	group := "239.255.77.1:" + port
	s := start(t, "--pulls", "live=udp://"+group+"?interface=lo")
	s.client(liveKey, "ffmpeg", append(programme{}.arguments(), "-f", "rtp_mpegts", "rtp://"+group+"?localaddr=127.0.0.1&ttl=0")...)
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 1)
	viewer.stop(t)
	s.stop()
}

// TestPullSRT fetches from an ffmpeg that listens, which goes away and comes back.
func TestPullSRT(t *testing.T) {
	t.Parallel()
	at := freeUDP(t)
	s := start(t, append([]string{"--pulls", "live=srt://" + at + "?streamid=any&passphrase=" + phrase + "&latency=300"}, noSlate...)...)
	listener := func() *encoder {
		return s.client(phrase, "ffmpeg", append(programme{}.arguments(), "-f", "mpegts", "srt://"+at+"?mode=listener&passphrase="+phrase)...)
	}
	e := listener()
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 1)
	before := viewer.discontinuity()
	e.kill()
	s.awaitState("live", "reconnecting")
	listener()
	s.awaitState("live", "live")
	await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
	viewer.stop(t)
	in := s.input("live")
	require.NotNil(t, in)
	assert.Equal(t, "srt-pull", in.Protocol)
	assert.EqualValues(t, 300, in.Link.LatencyMs)
	s.stop()
	assert.NotContains(t, s.log.String(), phrase)
}

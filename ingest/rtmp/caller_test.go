package rtmp_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func caller(t testing.TB, text string) *rtmp.Caller {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	c, err := rtmp.NewCaller(u)
	require.NoError(t, err)
	return c
}

// fetch plays from a place into a hub, until the other end or ctx is done.
func fetch(ctx context.Context, c *rtmp.Caller, h *hub.Hub) error {
	log := slog.New(slog.DiscardHandler)
	gate := ingest.NewGate(ingest.Config{}, onlyKey{}, h, log)
	return c.Fetch(ctx, func(ctx context.Context, r ingest.Request) (*ingest.Session, error) {
		r.Key = rtmptest.Key
		return gate.Open(ctx, r)
	}, log)
}

// ffmpeg is an RTMP server that somebody else has written: it takes one player and sends it what it encodes.
func TestPlaysFromAnotherServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=r=48000",
		"-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-bf", "0", "-c:a", "aac", "-f", "flv", "-listen", "1", "rtmp://"+address+"/some/thing/name")
	require.NoError(t, server.Start())
	defer server.Wait() //nolint:errcheck // it is killed where the test fails
	h := hub.New()
	ended := make(chan error, 1)
	go func() {
		for { // until it listens
			err := fetch(ctx, caller(t, "rtmp://"+address+"/some/thing/name"), h)
			if ingest.ReasonOf(err) != ingest.ReasonUnreachable || ctx.Err() != nil {
				ended <- err
				return
			}
		}
	}()
	pub, err := h.Await(ctx, hub.Key{Stream: "stream", Stage: hub.Source}, nil)
	require.NoError(t, err)
	sub := pub.Subscribe()
	defer sub.Close()
	count := map[int]int{}
	for {
		units, err := sub.Next(ctx, nil)
		if err != nil {
			break
		}
		for _, u := range units {
			count[u.Track]++
		}
	}
	require.NoError(t, ctx.Err())
	<-ended
	require.Equal(t, []media.Codec{media.H264, media.AAC}, []media.Codec{pub.Tracks[0].Codec, pub.Tracks[1].Codec})
	require.GreaterOrEqual(t, count[1], 110)
	require.GreaterOrEqual(t, count[2], 170)
}

// script is a server that says what it is told to, after a good handshake.
func script(t *testing.T, say func(c net.Conn)) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		hello := make([]byte, 1+1536)
		if _, err := io.ReadFull(c, hello); err != nil {
			return
		}
		say(c)
		_, _ = io.Copy(io.Discard, c)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func welcome(c net.Conn, messages ...rtmptest.Message) {
	b := make([]byte, 1+2*1536)
	b[0] = 3
	_, _ = c.Write(append(b, rtmptest.Join(messages...)...))
}

var (
	connected = rtmptest.Command(0, "_result", 1.0, rtmptest.Object{}, rtmptest.Object{"code": "NetConnection.Connect.Success"})
	created   = rtmptest.Command(0, "_result", 2.0, nil, 1.0)
	started   = rtmptest.Command(1, "onStatus", 0.0, nil, rtmptest.Object{"code": "NetStream.Play.Start"})
)

func TestWhatAServerMaySay(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(net.Conn)
		want ingest.Reason
	}{
		"nothing more":     {func(c net.Conn) { welcome(c); c.Close() }, ingest.ReasonUnreachable},
		"another protocol": {func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, ingest.ReasonUnreachable},
		"no": {func(c net.Conn) {
			welcome(c, rtmptest.Command(0, "_error", 1.0, nil, rtmptest.Object{"code": "NetConnection.Connect.Rejected"}))
		}, ingest.ReasonRefused},
		"no such stream": {func(c net.Conn) {
			welcome(c, connected, created, rtmptest.Command(1, "onStatus", 0.0, nil, rtmptest.Object{"code": "NetStream.Play.StreamNotFound"}))
		}, ingest.ReasonUnreachable},
		"not for you": {func(c net.Conn) {
			welcome(c, connected, created, rtmptest.Command(1, "onStatus", 0.0, nil, rtmptest.Object{"code": "NetStream.Play.Failed"}))
		}, ingest.ReasonRefused},
		"close": {func(c net.Conn) { welcome(c, rtmptest.Command(0, "close", 0.0, nil)) }, ingest.ReasonRefused},
		"nested without an end": {func(c net.Conn) {
			welcome(c, rtmptest.Message{Chunks: 3, Type: 20, Payload: []byte(strings.Repeat("\x03\x00\x01a", 9000))})
		}, ingest.ReasonBadMessage},
		"a stream, and no media": {func(c net.Conn) { welcome(c, connected, created, started) }, ingest.ReasonNoMedia},
		"a stream, and its end": {func(c net.Conn) {
			welcome(c, connected, created, started, rtmptest.AVCHeader(), rtmptest.AACHeader(), rtmptest.Picture(0, true, 10), rtmptest.Sound(0, 5),
				rtmptest.Command(1, "onStatus", 0.0, nil, rtmptest.Object{"code": "NetStream.Play.UnpublishNotify"}))
		}, ingest.ReasonUnreachable},
		"media at once, and no more": {func(c net.Conn) {
			welcome(c, connected, created, rtmptest.AVCHeader(), rtmptest.AACHeader(), rtmptest.Picture(0, true, 10), rtmptest.Sound(0, 5))
		}, ingest.ReasonTimeout},
		"media that cannot be read": {func(c net.Conn) { welcome(c, connected, created, started, rtmptest.Video(0, 0x17, 0, 0, 0, 0, 9)) }, ingest.ReasonBadMedia},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there := caller(t, "rtmp://"+script(t, c.say)+"/live/secret-name?token=secret")
			there.MediaTimeout = 200 * time.Millisecond
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			err := fetch(ctx, there, hub.New())
			require.Equal(t, c.want, ingest.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestPlaceThatNothingIsPlayedFrom(t *testing.T) {
	require.Equal(t, ingest.ReasonForbidden, ingest.ReasonOf(fetch(context.Background(), caller(t, "rtmp://169.254.169.254/live/x"), hub.New())))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	l.Close()
	require.Equal(t, ingest.ReasonUnreachable, ingest.ReasonOf(fetch(context.Background(), caller(t, "rtmp://"+address+"/live/x"), hub.New())))
}

func TestCertificateOfAServerMustBeGood(t *testing.T) {
	certificate := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	err = fetch(context.Background(), caller(t, "rtmps://"+l.Addr().String()+"/live/x"), hub.New())
	require.Equal(t, ingest.ReasonRefused, ingest.ReasonOf(err), "%v", err)
}

func TestURLsThatAreRefused(t *testing.T) {
	for _, bad := range []string{"rtmp://host", "rtmp://host/app", "rtmp:///app/name", "rtmp://user:pass@host/app/name", "http://host/app/name", "rtmp://host/app/" + strings.Repeat("a", 2*ingest.MaxKeySize)} {
		u, err := url.Parse(bad)
		require.NoError(t, err)
		_, err = rtmp.NewCaller(u)
		require.ErrorIs(t, err, rtmp.ErrURL, bad)
	}
}

package rtsp_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/rtsp"
	keys "github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

const password = "pa55-of-the-camera"

// camera is an RTSP server with a picture, a sound that nobody takes, and a password.
type camera struct {
	t       testing.TB
	address string
	methods []auth.VerifyMethod
	udp     string // of its RTP port; interleaved only when empty
	silent  bool
	goTo    string // where DESCRIBE leads instead

	server  *gortsplib.Server
	stream  *gortsplib.ServerStream
	picture *description.Media
	stop    func()
	mu      sync.Mutex // guards playing
	playing int
}

// start serves at the camera's address until stop.
func (c *camera) start() {
	c.t.Helper()
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: c.address, AuthMethods: c.methods}
	if c.udp != "" {
		c.server.UDPRTPAddress, c.server.UDPRTCPAddress = c.udp, nextPort(c.udp)
	}
	require.NoError(c.t, c.server.Start())
	c.picture = video(h264Format())
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: &description.Session{Medias: []*description.Media{
		audio(&format.G711{PayloadTyp: 0, MULaw: true, SampleRate: 8000, ChannelCount: 1}), c.picture,
	}}}
	require.NoError(c.t, c.stream.Initialize())
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	if !c.silent {
		sending.Go(func() { c.send(ctx) })
	}
	c.stop = sync.OnceFunc(func() {
		cancel()
		sending.Wait()
		c.stream.Close()
		c.server.Close()
	})
	c.t.Cleanup(c.stop)
}

// send sends pictures at 30 a second.
func (c *camera) send(ctx context.Context) {
	encoder, err := h264Format().CreateEncoder()
	if err != nil {
		panic(err)
	}
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for i := uint32(0); ; i++ {
		nal := non
		if i%15 == 0 {
			nal = idr
		}
		packets, err := encoder.Encode([][]byte{nal})
		if err != nil {
			panic(err)
		}
		for _, p := range packets {
			p.Timestamp = 777 + i*3000
			_ = c.stream.WritePacketRTP(c.picture, p)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *camera) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.goTo != "" {
		return &base.Response{StatusCode: base.StatusFound, Header: base.Header{"Location": base.HeaderValue{c.goTo}}}, nil, nil
	}
	if !x.Conn.VerifyCredentials(x.Request, "viewer", password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnSetup(x *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !x.Conn.VerifyCredentials(x.Request, "viewer", password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playing++
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func nextPort(address string) string {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		panic(err)
	}
	a.Port++
	return a.String()
}

// freeTCP and freePair are addresses that nobody has.
func freeTCP(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func freePair(t testing.TB) string {
	u, err := rtsp.ListenUDP(context.Background(), "127.0.0.1:0")
	require.NoError(t, err)
	defer u.Close()
	return (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: u.Port()}).String()
}

// follow pulls a URL as the stream "live" until the end of the test.
func follow(t testing.TB, u string, mediaTimeout time.Duration) *desk {
	t.Helper()
	d := &desk{t: t, hub: hub.New(), log: &log{}}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.gate = ingest.NewGate(ingest.Config{}, keys.NewKeys(keys.Streams{{Stream: "live", Text: key}}), d.hub, logger)
	at, err := url.Parse(u)
	require.NoError(t, err)
	source, err := rtsp.NewCamera(at)
	require.NoError(t, err)
	if mediaTimeout > 0 {
		source.MediaTimeout = mediaTimeout
	}
	p := &pull.Pull{Stream: "live", Key: key, From: at.Scheme + "://" + at.Host, Source: source}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, d.gate, logger) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NotContains(t, d.log.String(), "panic")
		for _, secret := range []string{password, key, "viewer:"} {
			require.NotContains(t, d.log.String(), secret, "a secret in the log")
		}
	})
	t.Cleanup(d.stop)
	return d
}

func TestPullACamera(t *testing.T) {
	for name, c := range map[string]*camera{
		"digest, interleaved": {methods: []auth.VerifyMethod{auth.VerifyMethodDigestMD5}},
		"digest, UDP":         {methods: []auth.VerifyMethod{auth.VerifyMethodDigestMD5}, udp: freePair(t)},
		"SHA-256":             {methods: []auth.VerifyMethod{auth.VerifyMethodDigestSHA256}},
		"basic":               {methods: []auth.VerifyMethod{auth.VerifyMethodBasic}},
	} {
		t.Run(name, func(t *testing.T) {
			c.t, c.address = t, freeTCP(t)
			c.start()
			d := follow(t, "rtsp://viewer:"+password+"@"+c.address+"/stream", 0)
			sub := d.published("live")
			require.Len(t, sub.Publication().Tracks, 1, "the sound is of a kind that is not taken")
			require.Equal(t, media.H264, sub.Publication().Tracks[0].Codec)
			units := read(t, sub, 20)
			require.True(t, units[0].RandomAccess)
			in := d.gate.Inputs()
			require.Equal(t, "rtsp-pull", in[0].Protocol)
			require.Equal(t, c.address, in[0].Remote)
			require.Equal(t, "gortsplib", in[0].Agent)
			d.stop()
			require.Equal(t, ingest.ReasonShutdown, d.gate.Attempts()[0].Reason)
		})
	}
}

func TestACameraThatComesBackIsPulledAgain(t *testing.T) {
	c := &camera{t: t, address: freeTCP(t)}
	c.start()
	d := follow(t, "rtsp://viewer:"+password+"@"+c.address+"/stream", 0)
	first := d.published("live").Publication()
	c.stop()
	require.Equal(t, ingest.ReasonDisconnected, d.attempt(ingest.ReasonDisconnected).Reason)
	require.Equal(t, ingest.ReasonUnreachable, d.attempt(ingest.ReasonUnreachable).Reason)
	c.start()
	require.Eventually(t, func() bool {
		p := d.hub.Newest(hub.Key{Stream: "live", Stage: hub.Source})
		return p != nil && p != first
	}, deadline, tick)
	require.Less(t, len(d.gate.Attempts()), 5, "the journal is not filled with the same")
}

func TestWhyACameraIsNotPulled(t *testing.T) {
	c := &camera{t: t, address: freeTCP(t)}
	c.start()
	elsewhere := &camera{t: t, address: freeTCP(t), goTo: "rtsp://" + c.address + "/stream"}
	elsewhere.start()
	quiet := &camera{t: t, address: freeTCP(t), silent: true}
	quiet.start()
	for u, want := range map[string]ingest.Reason{
		"rtsp://viewer:wrong@" + c.address + "/stream":                     ingest.ReasonRefused,
		"rtsp://" + c.address + "/stream":                                  ingest.ReasonRefused,
		"rtsp://viewer:" + password + "@" + elsewhere.address + "/stream":  ingest.ReasonUnreachable,
		"rtsp://viewer:" + password + "@" + freeTCP(t) + "/stream":         ingest.ReasonUnreachable,
		"rtsp://viewer:" + password + "@169.254.169.254/latest/meta-data/": ingest.ReasonForbidden,
		"rtsp://viewer:" + password + "@" + quiet.address + "/stream":      ingest.ReasonNoMedia,
	} {
		d := follow(t, u, 100*time.Millisecond)
		a := d.attempt(want)
		require.NotContains(t, a.Detail, password)
		require.NotEmpty(t, a.Fix)
		d.stop()
	}
	require.Zero(t, elsewhere.playing)
}

// A source that answers with garbage, or far too much, is left like one that is not there.
func TestHostileSources(t *testing.T) {
	ok := "RTSP/1.0 200 OK\r\nCSeq: 1\r\n"
	for name, answer := range map[string]string{
		"garbage":       strings.Repeat("\x00\xff$$$$", 1000),
		"no end":        "RTSP/1.0 200 OK\r\n" + strings.Repeat("A", 100_000),
		"huge body":     ok + "Content-Type: application/sdp\r\nContent-Length: 99999999999\r\n\r\n",
		"many medias":   ok + "Public: DESCRIBE\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Base: rtsp://x/\r\nContent-Length: 60000\r\n\r\nv=0\r\n" + strings.Repeat("m=video 0 RTP/AVP 96\r\n", 2800),
		"frames":        strings.Repeat("$\x00\x00\x04abcd", 1000),
		"a wrong CSeq":  "RTSP/1.0 200 OK\r\nCSeq: 77\r\n\r\n",
		"closes":        "",
		"other session": ok + "Session: ;;;;\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			var serving sync.WaitGroup
			serving.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					serving.Go(func() {
						_, _ = c.Read(make([]byte, 1024))
						_, _ = c.Write([]byte(answer))
						_ = c.(*net.TCPConn).CloseWrite()
						for b := make([]byte, 1024); err == nil; {
							_, err = c.Read(b)
						}
						c.Close()
					})
				}
			})
			t.Cleanup(serving.Wait)
			t.Cleanup(func() { l.Close() })
			d := follow(t, "rtsp://viewer:"+password+"@"+l.Addr().String()+"/stream", 0)
			d.attempt(ingest.ReasonUnreachable)
			d.stop()
		})
	}
}

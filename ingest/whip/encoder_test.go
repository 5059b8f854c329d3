package whip_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// film is a coded picture's access units in the byte stream format, each beginning with a key frame where key says so.
type film struct {
	units [][]byte
	keys  []bool
}

// h264Film cuts a file of one slice a picture.
func h264Film(t testing.TB, name string) film {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var f film
	var unit []byte
	start := -1
	end := func(to int) {
		if start < 0 {
			return
		}
		nal := b[start:to]
		for len(nal) > 0 && nal[len(nal)-1] == 0 {
			nal = nal[:len(nal)-1]
		}
		unit = append(append(unit, 0, 0, 0, 1), nal...)
		if kind := nal[0] & 31; kind == 1 || kind == 5 {
			f.units, f.keys = append(f.units, unit), append(f.keys, kind == 5)
			unit = nil
		}
	}
	for i := 0; i+2 < len(b); i++ {
		if b[i] == 0 && b[i+1] == 0 && b[i+2] == 1 {
			end(i)
			start = i + 3
		}
	}
	end(len(b))
	require.NotEmpty(t, f.units)
	return f
}

// silence is 20 ms of Opus stereo.
var silence = []byte{0xFC, 0xFF, 0xFE}

// encoder is a WHIP client.
type encoder struct {
	t        *testing.T
	s        *station
	pc       *webrtc.PeerConnection
	video    *webrtc.TrackLocalStaticRTP
	audio    *webrtc.TrackLocalStaticRTP
	sender   *webrtc.RTPSender
	resource string
	etag     string
	answer   string
	stopped  context.CancelFunc
	running  sync.WaitGroup

	mu   sync.Mutex
	plis int
}

// encoderConfig says what an encoder is like. The zero value sends H.264 and Opus over UDP.
type encoderConfig struct {
	path     string // "/whip"
	key      string
	mime     string // of the picture
	noVideo  bool
	noAudio  bool
	tcp      bool
	settings func(*webrtc.SettingEngine)
	port     int // to send to; that of the answer when zero
}

// connect makes an encoder and its session. It sends nothing by itself.
func (s *station) connect(c encoderConfig) *encoder {
	s.t.Helper()
	e := s.prepare(c)
	e.post(c)
	return e
}

// prepare makes an encoder.
func (s *station) prepare(c encoderConfig) *encoder {
	s.t.Helper()
	m := &webrtc.MediaEngine{}
	require.NoError(s.t, m.RegisterDefaultCodecs())
	i := &interceptor.Registry{}
	require.NoError(s.t, webrtc.RegisterDefaultInterceptors(m, i))
	var settings webrtc.SettingEngine
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if c.tcp {
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	if c.settings != nil {
		c.settings(&settings)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(i), webrtc.WithSettingEngine(settings)).
		NewPeerConnection(webrtc.Configuration{})
	require.NoError(s.t, err)
	e := &encoder{t: s.t, s: s, pc: pc}
	s.t.Cleanup(func() {
		e.halt()
		require.NoError(s.t, pc.GracefulClose())
		e.running.Wait()
	})
	if !c.noVideo {
		mime := c.mime
		if mime == "" {
			mime = webrtc.MimeTypeH264
		}
		e.video, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, "video", "whip")
		require.NoError(s.t, err)
		e.sender = e.add(e.video)
		e.running.Go(e.listen)
	}
	if !c.noAudio {
		e.audio, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "whip")
		require.NoError(s.t, err)
		sender := e.add(e.audio)
		e.running.Go(func() {
			for {
				if _, _, err := sender.ReadRTCP(); err != nil {
					return
				}
			}
		})
	}
	return e
}

func (e *encoder) add(t webrtc.TrackLocal) *webrtc.RTPSender {
	tr, err := e.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	require.NoError(e.t, err)
	return tr.Sender()
}

// listen counts the key frames that are asked for.
func (e *encoder) listen() {
	for {
		packets, _, err := e.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				e.mu.Lock()
				e.plis++
				e.mu.Unlock()
			}
		}
	}
}

func (e *encoder) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.plis
}

// offer is what the encoder would send.
func (e *encoder) offer() string {
	o, err := e.pc.CreateOffer(nil)
	require.NoError(e.t, err)
	require.NoError(e.t, e.pc.SetLocalDescription(o))
	return o.SDP // without candidates, like OBS
}

// post makes the session.
func (e *encoder) post(c encoderConfig) {
	e.t.Helper()
	path, bearer := c.path, c.key
	if path == "" {
		path = "/whip"
	}
	if bearer == "" {
		bearer = key
	}
	status, h, answer := e.s.do(http.MethodPost, path, e.offer(), sdpHeader(bearer))
	require.Equal(e.t, http.StatusCreated, status, answer)
	if c.port != 0 {
		answer = strings.ReplaceAll(answer, fmt.Sprintf(" %d typ", e.s.port), fmt.Sprintf(" %d typ", c.port))
	}
	e.resource, e.etag, e.answer = h.Get("Location"), h.Get("ETag"), answer
	require.NoError(e.t, e.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

func sdpHeader(key string) http.Header {
	return http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/sdp"}}
}

// sending says what is sent. The zero value is small.h264 in real time with sound.
type sending struct {
	film      film
	onRequest bool // key frames only at the start and when asked for
	noAudio   bool
	timestamp uint32 // the first of the picture
	rewrite   func(*rtp.Packet) bool
}

// send sends until halt, or the end of the test.
func (e *encoder) send(s sending) {
	ctx, cancel := context.WithCancel(context.Background())
	e.stopped = cancel
	if len(s.film.units) == 0 {
		s.film = h264Film(e.t, "small.h264")
	}
	if e.video != nil {
		e.running.Go(func() { e.sendVideo(ctx, s) })
	}
	if e.audio != nil && !s.noAudio {
		e.running.Go(func() { e.sendAudio(ctx) })
	}
}

// halt ends send.
func (e *encoder) halt() {
	if e.stopped != nil {
		e.stopped()
	}
}

func (e *encoder) sendVideo(ctx context.Context, s sending) {
	pack := rtp.NewPacketizer(1200, 96, 0, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	at := s.timestamp
	answered := 0
	for i, n := 0, 0; ; i, n = i+1, n+1 {
		if asked := e.requests(); s.onRequest && asked > answered {
			answered = asked
			i = 0 // the film begins with a key frame
		} else if s.onRequest && n > 0 && s.film.keys[i%len(s.film.units)] {
			i++ // no other; the pictures after it are decodable, if wrong
		}
		for _, p := range pack.Packetize(s.film.units[i%len(s.film.units)], 3000) {
			p.Timestamp = at
			if s.rewrite == nil || s.rewrite(p) {
				_ = e.video.WriteRTP(p)
			}
		}
		at += 3000
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (e *encoder) sendAudio(ctx context.Context) {
	pack := rtp.NewPacketizer(1200, 111, 0, &codecs.OpusPayloader{}, rtp.NewRandomSequencer(), 48000)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range pack.Packetize(silence, 960) {
			_ = e.audio.WriteRTP(p)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

package rtsp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtsp"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Conditions are awaited for at most deadline; it is reached only when something is broken.
const (
	deadline = 20 * time.Second
	tick     = 2 * time.Millisecond
	key      = "k3y_of-the.stream~1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The parameter sets of a picture of 320x180, high profile, two pictures of reordering.
var (
	sps = []byte{0x67, 0x64, 0, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 1, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0xc0, 0xf1, 0x42, 0x99, 0x60}
	pps = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
	idr = append([]byte{0x65, 0x88, 0x84}, bytes.Repeat([]byte{0x5a}, 3000)...)
	non = append([]byte{0x41, 0x9a, 0x02}, bytes.Repeat([]byte{0xa5}, 300)...)
)

// log is written from everywhere.
type log struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// desk is a running server with a real gate behind it.
type desk struct {
	t       testing.TB
	gate    *ingest.Gate
	hub     *hub.Hub
	address string
	log     *log
	server  *rtsp.Server
	udp     *rtsp.UDP
	stop    func()
}

// serve runs a server on a free port until the end of the test.
func serve(t testing.TB, cfg rtsp.Config) *desk {
	t.Helper()
	d := &desk{t: t, hub: hub.New(), log: &log{}}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.gate = ingest.NewGate(ingest.Config{}, auth.NewKeys(auth.Streams{{Stream: "live", Text: key}, {Stream: "other", Text: "an0ther-key"}}), d.hub, logger)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg.Listener, d.address = l, l.Addr().String()
	if cfg.TLS == nil {
		cfg.UDP, err = rtsp.ListenUDP(context.Background(), "127.0.0.1:0")
		require.NoError(t, err)
		d.udp = cfg.UDP
	}
	d.server = rtsp.New(cfg, d.gate, logger)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.server.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		d.gate.Close()
		cancel()
		require.NoError(t, <-ended)
		require.NotContains(t, d.log.String(), "panic")
		for _, secret := range []string{key, "wr0ng-key"} {
			require.NotContains(t, d.log.String(), secret, "a secret in the log")
		}
	})
	t.Cleanup(d.stop)
	return d
}

// attempt waits for the newest entry of the journal to have a reason.
func (d *desk) attempt(want ingest.Reason) ingest.Attempt {
	d.t.Helper()
	var last []ingest.Attempt
	require.Eventually(d.t, func() bool {
		last = d.gate.Attempts()
		return len(last) > 0 && last[0].Reason == want
	}, deadline, tick, "%s; the log says\n%s", want, d.log)
	return last[0]
}

// published waits for the stream to be on air, and subscribes.
func (d *desk) published(stream string) *hub.Subscription {
	d.t.Helper()
	var p *hub.Publication
	require.Eventually(d.t, func() bool {
		p = d.hub.Newest(hub.Key{Stream: stream, Stage: hub.Source})
		return p != nil
	}, deadline, tick, "%s is on air", stream)
	return p.Subscribe()
}

// read waits for n units.
func read(t testing.TB, sub *hub.Subscription, n int) (all []media.AccessUnit) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for len(all) < n {
		units, err := sub.Next(ctx, nil)
		require.NoError(t, err)
		all = append(all, units...)
	}
	return all
}

// encoder is a client that publishes a picture, a sound, or both, of its own making.
type encoder struct {
	t              testing.TB
	client         *gortsplib.Client
	picture, sound *description.Media
	h264           *format.H264
	seq            uint16
}

func h264Format() *format.H264 {
	return &format.H264{PayloadTyp: 96, SPS: sps, PPS: pps, PacketizationMode: 1}
}

func aacFormat() *format.MPEG4Audio {
	return &format.MPEG4Audio{
		PayloadTyp: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		Config: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelCount: 2},
	}
}

func video(f format.Format) *description.Media {
	return &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
}

func audio(f format.Format) *description.Media {
	return &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{f}}
}

func via(t gortsplib.Transport) *gortsplib.Transport { return &t }

// publish announces medias and records; the error is what the server says.
func publish(t testing.TB, url string, transport *gortsplib.Transport, medias ...*description.Media) (*encoder, error) {
	e := &encoder{t: t, h264: h264Format()}
	e.client = &gortsplib.Client{
		Transport: transport, WriteQueueSize: 4096, UserAgent: "a test\x01\x02", TLSConfig: &tls.Config{InsecureSkipVerify: true},
		OnServerResponse: func(*base.Response) {},
	}
	for _, m := range medias {
		switch m.Type {
		case description.MediaTypeVideo:
			e.picture = m
		case description.MediaTypeAudio:
			e.sound = m
		}
	}
	err := e.client.StartRecording(url, &description.Session{Medias: medias})
	if err == nil {
		t.Cleanup(e.client.Close)
	}
	return e, err
}

// must is publish of a picture and a sound that has to succeed.
func (d *desk) must(transport *gortsplib.Transport) *encoder {
	d.t.Helper()
	e, err := publish(d.t, "rtsp://user:"+key+"@"+d.address+"/live", transport, video(h264Format()), audio(aacFormat()))
	require.NoError(d.t, err)
	return e
}

// frame sends a picture of NAL units at a time in ticks of 90 kHz.
func (e *encoder) frame(at uint32, nals ...[]byte) {
	e.t.Helper()
	enc := e.picture.Formats[0].(*format.H264)
	encoder, err := enc.CreateEncoder()
	require.NoError(e.t, err)
	encoder.InitialSequenceNumber = &e.seq
	require.NoError(e.t, encoder.Init())
	packets, err := encoder.Encode(nals)
	require.NoError(e.t, err)
	for _, p := range packets {
		p.Timestamp = at
		e.seq = p.SequenceNumber + 1
		e.send(e.picture, p)
	}
}

func (e *encoder) send(m *description.Media, p *rtp.Packet) {
	e.t.Helper()
	err := e.client.WritePacketRTP(m, p)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		require.NoError(e.t, err)
	}
}

// tone sends frames of sound in one packet, at a time in ticks of 48 kHz.
func (e *encoder) tone(at uint32, seq uint16, frames ...[]byte) {
	e.t.Helper()
	encoder, err := e.sound.Formats[0].(*format.MPEG4Audio).CreateEncoder()
	require.NoError(e.t, err)
	packets, err := encoder.Encode(frames)
	require.NoError(e.t, err)
	require.Len(e.t, packets, 1)
	packets[0].Timestamp, packets[0].SequenceNumber = at, seq
	e.send(e.sound, packets[0])
}

// programme sends n pictures and their sound, from a picture on.
func (e *encoder) programme(from, n int) {
	for i := from; i < from+n; i++ {
		nal := non
		if i%30 == 0 {
			nal = idr
		}
		e.frame(uint32(1000+i*3000), nal)
		e.tone(uint32(5000+i*1600), uint16(i), []byte("sound"))
	}
}

func TestPublishOverEachTransport(t *testing.T) {
	for name, transport := range map[string]*gortsplib.Transport{
		"interleaved": via(gortsplib.TransportTCP), "UDP": via(gortsplib.TransportUDP), "the client's choice": nil,
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, rtsp.Config{})
			e := d.must(transport)
			e.programme(0, 60)
			sub := d.published("live")
			tracks := sub.Publication().Tracks
			require.Len(t, tracks, 2)
			require.Equal(t, media.H264, tracks[0].Codec)
			require.Equal(t, 320, tracks[0].Width)
			require.Equal(t, media.AAC, tracks[1].Codec)
			require.Equal(t, 48000, tracks[1].SampleRate)
			units := read(t, sub, 50)
			require.True(t, units[0].RandomAccess)
			require.Len(t, units[0].Payload, 4+len(idr))
			require.Equal(t, idr, units[0].Payload[4:])
			in := d.gate.Inputs()
			require.Equal(t, "a test", in[0].Agent)
			require.Equal(t, "rtsp", in[0].Protocol)
			require.NotNil(t, in[0].Link)
			require.Zero(t, in[0].Link.Lost)
			e.client.Close()
			a := d.attempt(ingest.ReasonUnpublished)
			require.True(t, a.Admitted)
			require.Equal(t, "live", a.Stream)
		})
	}
}

func TestPictureAndSoundAreOnOneClock(t *testing.T) {
	d := serve(t, rtsp.Config{})
	e := d.must(via(gortsplib.TransportTCP))
	e.programme(0, 1)
	sub := d.published("live")
	e.programme(1, 90)
	last := make(map[int]int64)
	for _, u := range read(t, sub, 150) {
		require.Greater(t, u.DTS, last[u.Track])
		last[u.Track] = u.DTS
	}
	picture, sound := media.Time(last[sub.Publication().Tracks[0].ID], 90000), media.Time(last[sub.Publication().Tracks[1].ID], 48000)
	require.InDelta(t, 0, picture.Sub(sound).Seconds(), 0.2)
}

func TestTheKeyIsTheName(t *testing.T) {
	d := serve(t, rtsp.Config{})
	for _, c := range []struct {
		url    string
		reason ingest.Reason
		fix    string
	}{
		{"rtsp://user:wr0ng-key@HOST/live", ingest.ReasonWrongKey, "stream key"},
		{"rtsp://user:" + key + "@HOST/other", ingest.ReasonWrongKey, "stream key"},
		{"rtsp://user:" + key + "@HOST/none", ingest.ReasonWrongKey, "stream key"},
		{"rtsp://HOST/live", ingest.ReasonWrongKey, "as the password"},
		{"rtsp://HOST/live?key=wr0ng-key", ingest.ReasonKeyInURL, "as the password"},
		{"rtsp://user:" + key + "@HOST/", ingest.ReasonBadName, "name of the stream"},
		{"rtsp://user:" + key + "@HOST/live/more", ingest.ReasonBadName, "name of the stream"},
		{"rtsp://user:" + key + "@HOST/l%0Aive", ingest.ReasonBadName, "name of the stream"},
	} {
		before := len(d.gate.Attempts())
		_, err := publish(t, replaceHost(c.url, d.address), via(gortsplib.TransportTCP), video(h264Format()))
		require.Error(t, err, c.url)
		require.Eventually(t, func() bool { return len(d.gate.Attempts()) > before }, deadline, tick)
		a := d.gate.Attempts()[0]
		require.Equal(t, c.reason, a.Reason, c.url)
		require.Contains(t, a.Fix, c.fix)
		require.False(t, a.Admitted)
		require.NotContains(t, err.Error(), key)
	}
	_, err := publish(t, "rtsp://user:"+key+"@"+d.address+"/live?key=wr0ng-key", via(gortsplib.TransportTCP), video(h264Format()))
	require.NoError(t, err, "where the key comes as it should, the query does not matter")
}

func replaceHost(url, host string) string {
	return string(bytes.Replace([]byte(url), []byte("HOST"), []byte(host), 1))
}

func TestOtherCodecsAreRefusedByName(t *testing.T) {
	d := serve(t, rtsp.Config{})
	for name, medias := range map[string][]*description.Media{
		"form of video": {video(&format.MPEG4Video{PayloadTyp: 96, ProfileLevelID: 1, Config: []byte{0, 0, 1, 0xb0, 1}})},
		"VP8":           {video(&format.VP8{PayloadTyp: 96})},
		"G711":          {video(h264Format()), audio(&format.G711{PayloadTyp: 0, MULaw: true, SampleRate: 8000, ChannelCount: 1})},
		"picture nor":   {{Type: description.MediaTypeApplication, Formats: []format.Format{&format.Generic{PayloadTyp: 98, RTPMa: "private/90000", ClockRat: 90000}}}},
		"Opus of 6":     {audio(&format.Opus{PayloadTyp: 96, ChannelCount: 6})},
		"headers of":    {audio(&format.MPEG4Audio{PayloadTyp: 97, SizeLength: 1, Config: aacFormat().Config})},
	} {
		before := len(d.gate.Attempts())
		_, err := publish(t, "rtsp://user:"+key+"@"+d.address+"/live", via(gortsplib.TransportTCP), medias...)
		require.ErrorContains(t, err, "415", name)
		require.Eventually(t, func() bool { return len(d.gate.Attempts()) > before }, deadline, tick)
		a := d.gate.Attempts()[0]
		require.Equal(t, ingest.ReasonUnsupported, a.Reason)
		require.Contains(t, a.Detail, name)
		require.Contains(t, a.Fix, "libx264")
	}
}

func TestASecondSoundIsLeftOut(t *testing.T) {
	d := serve(t, rtsp.Config{})
	e, err := publish(t, "rtsp://user:"+key+"@"+d.address+"/live", via(gortsplib.TransportTCP), audio(aacFormat()), video(h264Format()), audio(&format.G711{SampleRate: 8000, ChannelCount: 1}))
	require.NoError(t, err)
	e.frame(1000, idr)
	e.frame(4000, non)
	require.NotNil(t, d.published("live"))
}

func TestNewParameterSetsArePublishedAnew(t *testing.T) {
	d := serve(t, rtsp.Config{})
	e, err := publish(t, "rtsp://user:"+key+"@"+d.address+"/live", via(gortsplib.TransportTCP), video(&format.H264{PayloadTyp: 96, PacketizationMode: 1}))
	require.NoError(t, err)
	e.frame(1000, sps, pps, idr)
	first := d.published("live").Publication()
	e.frame(4000, sps, pps, idr)
	e.frame(7000, non)
	newPPS := append(bytes.Clone(pps), 0x80)
	e.frame(10000, sps, newPPS, idr)
	require.Eventually(t, func() bool {
		p := d.hub.Newest(hub.Key{Stream: "live", Stage: hub.Source})
		return p != nil && p != first
	}, deadline, tick)
	second := d.hub.Newest(hub.Key{Stream: "live", Stage: hub.Source})
	require.Contains(t, string(second.Tracks[0].Config), string(newPPS))
	require.NotContains(t, string(first.Tracks[0].Config), string(newPPS))
}

func TestTheNewerSessionTakesOver(t *testing.T) {
	d := serve(t, rtsp.Config{})
	d.must(via(gortsplib.TransportTCP)).programme(0, 5)
	d.published("live")
	d.must(via(gortsplib.TransportUDP)).programme(0, 5)
	require.Equal(t, ingest.ReasonReplaced, d.attempt(ingest.ReasonReplaced).Reason)
	require.Eventually(t, func() bool { return len(d.gate.Inputs()) == 1 }, deadline, tick)
}

func TestLostDatagramsAreCounted(t *testing.T) {
	d := serve(t, rtsp.Config{})
	e := d.must(via(gortsplib.TransportUDP))
	e.programme(0, 30)
	d.published("live")
	e.seq += 7
	at := 30
	require.Eventually(t, func() bool {
		e.programme(at, 20)
		at += 20
		in := d.gate.Inputs()
		return len(in) == 1 && in[0].Link != nil && in[0].Link.Lost == 7
	}, deadline, 50*time.Millisecond)
}

func TestShutdownEndsTheSession(t *testing.T) {
	d := serve(t, rtsp.Config{})
	d.must(via(gortsplib.TransportUDP)).programme(0, 5)
	d.published("live")
	d.stop()
	require.Equal(t, ingest.ReasonShutdown, d.gate.Attempts()[0].Reason)
}

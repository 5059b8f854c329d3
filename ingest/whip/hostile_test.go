package whip_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/whip"
	"github.com/stagecast/stagecast/internal/media"
)

// stillPublishes shows that others are not disturbed.
func (s *station) stillPublishes() {
	s.t.Helper()
	e := s.connect(encoderConfig{key: otherKey})
	e.send(sending{})
	r := s.read("other", nil)
	r.until(s.t, func(u []media.AccessUnit) bool { return len(u) > 10 })
}

func TestHostileOffers(t *testing.T) {
	s := newStation(t, whip.Config{})
	good := s.prepare(encoderConfig{}).offer()
	head, sections, _ := strings.Cut(good, "m=")
	sections = "m=" + sections
	video, audio, _ := strings.Cut(sections, "m=audio")
	audio = "m=audio" + audio
	for name, offer := range map[string]string{
		"thousands of media":          head + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 1500),
		"thousands of lines":          good + strings.Repeat("a=x\r\n", 3000),
		"thousands of candidates":     good + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n", 1000),
		"two pictures":                head + video + video + audio,
		"many layers":                 head + video + strings.Repeat("a=rid:x send\r\n", 20),
		"data":                        good + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n",
		"long line":                   good + "a=x:" + strings.Repeat("y", 50_000) + "\r\n",
		"no credentials":              strings.ReplaceAll(good, "a=ice-", "a=x-"),
		"payload types out of range":  strings.ReplaceAll(good, "a=rtpmap:", "a=rtpmap:9999999999999999999"),
		"negative port":               strings.ReplaceAll(good, "m=video 9", "m=video -9"),
		"nothing but line ends":       strings.Repeat("\r\n", 30_000),
		"half a fingerprint":          strings.ReplaceAll(good, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:"),
		"a fingerprint without value": strings.ReplaceAll(good, "a=fingerprint:sha-256 ", "a=fingerprint:"),
	} {
		t.Run(name, func(t *testing.T) {
			before := time.Now()
			status, _, text := s.do(http.MethodPost, "/whip", offer, sdpHeader(key))
			if status != 201 { // what is taken must connect, and cannot
				assert.Contains(t, []int{400, 422}, status, text)
			}
			assert.Less(t, time.Since(before), 2*time.Second)
			assert.NotContains(t, text, "panic")
		})
	}
	for _, a := range s.gate.Attempts() {
		assert.Less(t, len(a.Detail), 400)
	}
	s.stillPublishes()
}

// stun is a binding request for a user, without integrity.
func stun(username string) []byte {
	value := append([]byte(username), make([]byte, (4-len(username)%4)%4)...)
	b := []byte{0, 1}
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(value)))
	b = append(b, 0x21, 0x12, 0xA4, 0x42)
	b = append(b, make([]byte, 12)...)
	b = append(b, 0, 6)
	b = binary.BigEndian.AppendUint16(b, uint16(len(username)))
	return append(b, value...)
}

func TestGarbageOnTheMediaPort(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{})
	ufrag := pick(t, e.answer, "ice-ufrag")
	at := fmt.Sprintf("127.0.0.1:%d", s.port)
	udp, err := net.Dial("udp", at)
	require.NoError(t, err)
	defer udp.Close()
	random := rand.NewChaCha8([32]byte{1})
	for i := range 5000 {
		b := make([]byte, 1+i%1500)
		_, _ = random.Read(b)
		switch i % 5 {
		case 0:
			b = stun(fmt.Sprintf("user%d:x", i))
		case 1:
			b = stun(ufrag + ":x")[:20+i%8]
		case 2:
			b = stun(ufrag + ":someone") // the right user, and no password
		case 3:
			b[0] = 22 // DTLS
		}
		_, _ = udp.Write(b)
	}
	var half []net.Conn
	for i := range 100 { // of which the limit lets 64 in
		c, err := net.Dial("tcp", at)
		require.NoError(t, err)
		defer c.Close()
		switch i % 4 {
		case 1:
			_, _ = c.Write([]byte{0xFF})
		case 2:
			b := stun(fmt.Sprintf("nobody%d:x", i))
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		case 3:
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		}
		half = append(half, c)
	}
	e.send(sending{})
	r := s.read("live", nil)
	r.until(t, func(u []media.AccessUnit) bool { return len(u) > 30 })
	s.stillPublishes()
	for _, c := range half { // none is kept for long
		_ = c.SetReadDeadline(time.Now().Add(15 * time.Second))
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
		timeout, _ := err.(net.Error)
		assert.False(t, timeout != nil && timeout.Timeout(), "a half-open connection is kept")
	}
}

// TestGarbageInMedia has an encoder with a key send packets that mean nothing.
func TestGarbageInMedia(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{MediaTimeout: 2 * time.Second})
	e := s.connect(encoderConfig{noAudio: true})
	random := rand.New(rand.NewPCG(5, 6))
	e.send(sending{rewrite: func(p *rtp.Packet) bool {
		p.Payload = append([]byte(nil), p.Payload...)
		for i := range p.Payload {
			p.Payload[i] = byte(random.Int())
		}
		p.SequenceNumber += uint16(random.IntN(5000))
		p.Timestamp = random.Uint32()
		return true
	}})
	await(t, "the session ends for its media", func() bool {
		for _, a := range s.gate.Attempts() {
			if a.Admitted {
				return a.Reason == ingest.ReasonBadMedia || a.Reason == ingest.ReasonNoMedia || a.Reason == ingest.ReasonTimeout
			}
		}
		return false
	})
	e.halt()
	s.stillPublishes()
}

func TestFloodOfWrongKeys(t *testing.T) {
	s := newStation(t, whip.Config{})
	offer := s.prepare(encoderConfig{}).offer()
	before := runtime.NumGoroutine()
	for i := range 300 {
		status, _, _ := s.do(http.MethodPost, "/whip", offer, sdpHeader(fmt.Sprintf("guess-%d", i)))
		require.Equal(t, 401, status)
	}
	await(t, "nothing is left of them", func() bool { return runtime.NumGoroutine() <= before+5 })
	assert.NotContains(t, s.logs.String(), "guess-")
	s.stillPublishes()
}

// TestOffersWithoutMedia opens sessions that never connect; each is gone after its time, and its place is free.
func TestOffersWithoutMedia(t *testing.T) {
	s := newStation(t, whip.Config{ConnectTimeout: 700 * time.Millisecond, MaxWaiting: 8})
	offer := s.prepare(encoderConfig{}).offer()
	before := runtime.NumGoroutine()
	for range 3 {
		for range 8 {
			status, _, text := s.do(http.MethodPost, "/whip", offer, sdpHeader(key))
			require.Equal(t, 201, status, text)
		}
		status, _, _ := s.do(http.MethodPost, "/whip", offer, sdpHeader(key))
		require.Equal(t, 503, status)
		await(t, "all have ended", func() bool { return runtime.NumGoroutine() <= before+5 })
	}
	s.stillPublishes()
}

package whip_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest/whip"
	"github.com/stagecast/stagecast/internal/media"
)

// relay is a bad network to a UDP port.
type relay struct {
	loss  float64
	delay time.Duration // one way
	port  int
}

// start runs the relay until the test ends.
func (r *relay) start(t *testing.T, to int) {
	t.Helper()
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	far, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: to})
	require.NoError(t, err)
	r.port = near.LocalAddr().(*net.UDPAddr).Port
	var mu sync.Mutex
	var client *net.UDPAddr
	random := rand.New(rand.NewPCG(1, 2))
	pass := func(send func()) {
		mu.Lock()
		dropped := random.Float64() < r.loss
		mu.Unlock()
		if !dropped {
			time.AfterFunc(r.delay, send)
		}
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			b := make([]byte, 2000)
			n, from, err := near.ReadFromUDP(b)
			if err != nil {
				return
			}
			mu.Lock()
			client = from
			mu.Unlock()
			pass(func() { _, _ = far.Write(b[:n]) })
		}
	})
	running.Go(func() {
		for {
			b := make([]byte, 2000)
			n, err := far.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			to := client
			mu.Unlock()
			pass(func() { _, _ = near.WriteToUDP(b[:n], to) })
		}
	})
	t.Cleanup(func() {
		near.Close()
		far.Close()
		running.Wait()
	})
}

// TestLossIsRepaired has 5 % of all packets lost each way, 80 ms from end to end and back.
func TestLossIsRepaired(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	r := &relay{loss: 0.05, delay: 40 * time.Millisecond}
	r.start(t, s.port)
	e := s.connect(encoderConfig{port: r.port, noAudio: true}) // whose packets nobody sends again
	e.send(sending{film: h264Film(t, "large.h264"), onRequest: true})
	pub := s.read("live", nil)
	const pictures = 300
	units := pub.until(t, func(u []media.AccessUnit) bool { return pub.count(u, media.Video) >= pictures })
	link := s.gate.Inputs()[0].Link
	require.NotNil(t, link)
	t.Logf("%+v, %d key frame requests", *link, e.requests())
	assert.Greater(t, link.Lost, uint64(10))
	assert.Greater(t, link.Retransmitted, link.Lost*8/10)
	assert.InDelta(t, 80, link.RTTMs, 40)

	// The pictures take the time that they took at the encoder: few are missing.
	var first, last int64
	for _, u := range units {
		if pub.pub.Track(u.Track).Kind() == media.Video {
			if first == 0 {
				first = u.PTS
			}
			last = u.PTS
		}
	}
	sent := float64(last-first)/3000 + 1
	assert.Greater(t, pictures/sent, 0.95, "%d pictures in the time of %.0f", pictures, sent)
}

// TestEncoderThatCannotResend loses packets for good: key frames are asked for, and nothing is published before they come.
func TestEncoderThatCannotResend(t *testing.T) {
	t.Parallel()
	s := newStation(t, whip.Config{})
	e := s.connect(encoderConfig{noAudio: true})
	n := 0
	e.send(sending{film: h264Film(t, "large.h264"), onRequest: true, rewrite: func(*rtp.Packet) bool {
		n++
		return n < 100 || n%100 != 0
	}})
	pub := s.read("live", nil)
	units := pub.until(t, func(u []media.AccessUnit) bool { return len(u) >= 250 })
	holes := 0
	for i := 1; i < len(units); i++ {
		if units[i].PTS-units[i-1].PTS > 4500 {
			holes++
			assert.True(t, units[i].RandomAccess, "picture %d refers to one that is missing", i)
		}
	}
	assert.Positive(t, holes)
	assert.GreaterOrEqual(t, e.requests(), holes)
	assert.Positive(t, s.gate.Inputs()[0].Link.Dropped)
}

package whip

import (
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// link sums up how the network treats one session. It is for one goroutine.
type link struct {
	pc      *webrtc.PeerConnection
	session *ingest.Session
	metrics *metrics
	tracks  []*track
	told    [4]uint64 // what the metrics have of packets, lost, mended, gone
	next    time.Time
}

var fates = [4]string{"received", "missing", "received after all", "given up"}

// tick reports once in linkEvery.
func (l *link) tick(now time.Time) {
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(linkEvery)
	l.report()
}

func (l *link) report() {
	var sums [4]uint64
	var jitter int64
	for _, t := range l.tracks {
		c := &t.counters
		sums[0] += c.packets.Load()
		sums[1] += c.lost.Load()
		sums[2] += c.mended.Load()
		sums[3] += c.gone.Load()
		jitter = max(jitter, c.jitter.Load())
	}
	for i, fate := range fates {
		l.metrics.packets.WithLabelValues(fate).Add(float64(sums[i] - l.told[i]))
	}
	l.told = sums
	l.session.Link(ingest.Link{
		RTTMs: milliseconds(l.roundTrip()), JitterMs: float64(jitter) * 1000 / media.VideoClockRate,
		Received: sums[0], Lost: sums[1], Retransmitted: sums[2], Dropped: sums[3],
	})
}

// roundTrip is what ICE has measured on the address pair in use; 0 before.
func (l *link) roundTrip() time.Duration {
	for _, r := range l.pc.GetReceivers() {
		if t := r.Transport(); t != nil {
			if s, ok := t.ICETransport().GetSelectedCandidatePairStats(); ok {
				return time.Duration(s.CurrentRoundTripTime * float64(time.Second))
			}
		}
	}
	return 0
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

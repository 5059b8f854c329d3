package whip

import (
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// wireClock is the clock of every session's units: ticks of 90 kHz since its first packet, unwrapped.
var wireClock = ingest.WireClock{Rate: media.VideoClockRate, Bits: 64}

// maxStray is how far, in ticks of the wire clock, a sender report may move a track against the others at once. Reports of
// some encoders are on clocks that have nothing to do with each other.
const maxStray = 2 * media.VideoClockRate

// clocks puts the tracks of one session, whose RTP timestamps begin anywhere and count different things, on its wire clock.
//
// A track is first put where its first packet arrived. RTCP sender reports say at which time of the encoder's own clock a
// timestamp was taken (RFC 3550, 6.4.1): once they are known of a track and of the reference, which is the first track that
// sent anything, their offset is that of the encoder's clock. The reference itself never moves.
//
// It is safe for concurrent use.
type clocks struct {
	mu        sync.Mutex // guards everything below and all of every clock
	began     time.Time  // when the first packet arrived
	tracks    []*clock   // all of them
	reference *clock
}

// clock is one track's part of it.
type clock struct {
	all     *clocks
	rate    int64 // of its RTP timestamps, in ticks per second
	started bool
	newest  int64 // RTP timestamp, unwrapped
	offset  int64 // wire = RTP in ticks of the wire clock + offset

	reported   bool
	reportNTP  int64 // in ticks of the wire clock
	reportRTP  int64 // unwrapped, where started
	reportWire uint32
}

// track adds a track of an RTP clock rate.
func (c *clocks) track(rate int64) *clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &clock{all: c, rate: rate}
	c.tracks = append(c.tracks, k)
	return k
}

// at is the wire time of a packet.
func (k *clock) at(timestamp uint32, arrived time.Time) int64 {
	c := k.all
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reference == nil {
		c.reference, c.began = k, arrived
	}
	if k.started {
		k.newest = k.unwrap(timestamp)
	} else {
		k.started, k.newest = true, int64(timestamp)
		k.offset = int64(arrived.Sub(c.began).Seconds()*media.VideoClockRate) - k.ticks(k.newest)
		k.reportRTP = k.unwrap(k.reportWire)
		k.sync()
	}
	return k.ticks(k.newest) + k.offset
}

// report takes a sender report: its NTP time, in 1/2^32 of seconds, and the RTP timestamp of the same moment.
func (k *clock) report(ntp uint64, timestamp uint32) {
	k.all.mu.Lock()
	defer k.all.mu.Unlock()
	if ntp == 0 {
		return // RFC 3550: an encoder without a clock says so
	}
	k.reported = true
	k.reportNTP = int64(ntp>>32)*media.VideoClockRate + int64((ntp&0xFFFFFFFF)*media.VideoClockRate>>32)
	k.reportWire = timestamp
	if !k.started {
		return
	}
	k.reportRTP = k.unwrap(timestamp)
	if k != k.all.reference {
		k.sync()
		return
	}
	for _, other := range k.all.tracks {
		other.sync()
	}
}

// sync moves the track to where it belongs beside the reference.
func (k *clock) sync() {
	r := k.all.reference
	if k == r || r == nil || !k.started || !k.reported || !r.reported {
		return
	}
	ahead := func(c *clock) int64 { return c.ticks(c.reportRTP) - c.reportNTP }
	offset := r.offset + ahead(r) - ahead(k)
	if stray := offset - k.offset; max(stray, -stray) <= maxStray {
		k.offset = offset
	}
}

func (k *clock) unwrap(timestamp uint32) int64 {
	return k.newest + int64(int32(timestamp-uint32(k.newest)))
}

func (k *clock) ticks(rtp int64) int64 { return media.Rescale(rtp, k.rate, media.VideoClockRate) }

package rtsp

import (
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/rtptime"
	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/internal/media"
)

// maxShift is how far, in ticks of wireClock, the sender's clock may place a track from where it arrives. Clocks that say
// more than that are those of two machines.
const maxShift = 1 * 90000

// clock brings the RTP timestamps of all tracks of a session to the wireClock. Tracks start where they arrive; where the
// sender's reports tell how they belong together (RFC 3550, 6.4.1), they start as these say. It is for one goroutine.
type clock struct {
	decoder rtptime.GlobalDecoder2
	first   *track    // the one that the others are placed by
	at      int64     // of its newest packet of known NTP time
	ntp     time.Time // the same
}

func newClock() *clock {
	c := &clock{}
	c.decoder.Initialize()
	return c
}

// place is where the timestamp of a packet stands; it must be asked for every packet of a track. ntp is the sender's time
// of the packet, zero where that is unknown. A track of pictures begins with a key picture; what comes before has no place.
func (c *clock) place(t *track, p *rtp.Packet, ntp time.Time) (int64, bool) {
	ticks, ok := c.decoder.Decode(t, p)
	if !ok {
		return 0, false
	}
	at := media.Rescale(ticks, t.rate, wireClock.Rate)
	if c.first == nil {
		c.first = t
	}
	if c.first == t {
		if !ntp.IsZero() {
			c.at, c.ntp = at, ntp
		}
		return at, true
	}
	if !t.placed {
		t.placed = true
		if !ntp.IsZero() && !c.ntp.IsZero() {
			shift := c.at + int64(ntp.Sub(c.ntp).Seconds()*float64(wireClock.Rate)) - at
			if -maxShift < shift && shift < maxShift {
				t.shift = shift
			}
		}
	}
	return at + t.shift, true
}

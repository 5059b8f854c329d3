package rtsp

import (
	"math"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/rtptime"
	"github.com/pion/rtcp"
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

// senderReport is what a sender says of its clock: a time of day, and the RTP timestamp of that moment.
type senderReport struct {
	ntp time.Time // zero: it has said nothing yet
	rtp uint32
}

// newSenderReport reads the time of day, which is seconds since 1900 in 32.32 bits (RFC 3550, 4).
func newSenderReport(p *rtcp.SenderReport) senderReport {
	const to1970 = 2208988800
	return senderReport{time.Unix(int64(p.NTPTime>>32)-to1970, int64((p.NTPTime&0xffffffff)*1e9>>32)), p.RTPTime}
}

// at is the sender's time of a timestamp that is no further than its sign bit from the report; zero where it is unknown.
func (r senderReport) at(stamp uint32, rate int64) time.Time {
	if r.ntp.IsZero() {
		return time.Time{}
	}
	return r.ntp.Add(time.Duration(int64(int32(stamp-r.rtp)) * 1e9 / rate))
}

// place is where the timestamp of a packet stands; it must be asked for every packet of a track. A track of pictures begins
// with a key picture; what comes before has no place.
func (c *clock) place(t *track, p *rtp.Packet) (int64, bool) {
	ntp := t.report.at(p.Timestamp, t.rate)
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
			shift := c.at + int64(math.Round(ntp.Sub(c.ntp).Seconds()*float64(wireClock.Rate))) - at
			if -maxShift < shift && shift < maxShift {
				t.shift = shift
			}
		}
	}
	return at + t.shift, true
}

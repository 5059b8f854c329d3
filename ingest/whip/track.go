package whip

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/stagecast/stagecast/internal/media"
)

// track is one RTP stream of a session: its sound, its picture, or one layer of that.
type track struct {
	remote   *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
	codec    media.Codec
	layer    bool // one of several of the same picture
	patience time.Duration
	clock    *clock
	counters counters

	// The rest is for the goroutine of the session.

	config    []byte      // of the last random access unit
	described media.Track // what config says, completed
	last      time.Time   // when a unit came
	requested time.Time   // when a key frame was last asked for
}

// counters of one track, written by its reader.
type counters struct {
	packets, lost, mended, gone atomic.Uint64
	jitter                      atomic.Int64 // RFC 3550, 6.4.1, in ticks of the wire clock
}

// event is what a reader tells the session.
type event struct {
	track   *track
	unit    unit
	at      int64 // wire time
	arrived time.Time
	lost    bool  // access units are missing before
	fault   error // why the last of them could not be read
}

// read turns the packets of the track into events until the connection closes or ctx ends.
func (t *track) read(ctx context.Context, events chan<- event) {
	order := reorder{patience: t.patience}
	units := assembler{depacketizer: newDepacketizer(t.codec), single: t.codec.Kind() == media.Audio}
	send := func(e event) bool {
		e.track = t
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var arrived time.Time
	alive := true
	emit := func(u unit, timestamp uint32) {
		alive = alive && send(event{unit: u, at: t.clock.at(timestamp, arrived), arrived: arrived})
	}
	var j jitter
	buf := make([]byte, maxPacket)
	for alive {
		p, err := t.next(buf)
		if err != nil {
			return
		}
		arrived = p.arrived
		order.push(p)
		for alive {
			p, after, ok := order.pop(arrived)
			if !ok {
				break
			}
			units.push(p, after, emit)
			if lost, fault := units.damage(); lost {
				alive = alive && send(event{lost: true, fault: fault, arrived: arrived})
			}
		}
		j.add(media.Rescale(int64(p.timestamp), t.clock.rate, media.VideoClockRate), arrived)
		t.counters.note(&order, &j)
	}
}

// note makes what a reader has counted known to others.
func (c *counters) note(o *reorder, j *jitter) {
	c.packets.Add(1)
	c.lost.Store(o.lost)
	c.mended.Store(o.mended)
	c.gone.Store(o.gone)
	c.jitter.Store(int64(j.value))
}

// maxFaults is how many packets in a row may be unreadable before a track is given up.
const maxFaults = 1000

// next reads one packet into buf. Packets that are none are passed over.
func (t *track) next(buf []byte) (packet, error) {
	var h rtp.Header
	for range maxFaults {
		n, _, err := t.remote.Read(buf)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return packet{}, err
		}
		if err != nil {
			continue
		}
		if p, ok := parsePacket(&h, buf[:n]); ok {
			return p, nil
		}
	}
	return packet{}, io.ErrNoProgress
}

// parsePacket reads an RTP packet (RFC 3550, 5.1). The payload is a part of b.
func parsePacket(h *rtp.Header, b []byte) (packet, bool) {
	start, err := h.Unmarshal(b)
	if err != nil {
		return packet{}, false
	}
	end := len(b)
	if h.Padding {
		if end == start || int(b[end-1]) > end-start {
			return packet{}, false
		}
		end -= int(b[end-1])
	}
	return packet{
		sequence: h.SequenceNumber, timestamp: h.Timestamp, marker: h.Marker, payload: b[start:end], arrived: time.Now(),
	}, true
}

// reports reads the sender's reports until the connection closes.
func (t *track) reports() {
	for {
		var packets []rtcp.Packet
		var err error
		if rid := t.remote.RID(); rid != "" {
			packets, _, err = t.receiver.ReadSimulcastRTCP(rid)
		} else {
			packets, _, err = t.receiver.ReadRTCP()
		}
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(t.remote.SSRC()) {
				t.clock.report(sr.NTPTime, sr.RTPTime)
			}
		}
	}
}

// jitter estimates by how much packets arrive irregularly (RFC 3550, 6.4.1).
type jitter struct {
	began time.Time
	last  int64 // transit time of the last packet, in ticks of the wire clock
	value float64
}

func (j *jitter) add(ticks int64, arrived time.Time) {
	first := j.began.IsZero()
	if first {
		j.began = arrived
	}
	transit := int64(arrived.Sub(j.began).Seconds()*media.VideoClockRate) - ticks
	if d := transit - j.last; !first && max(d, -d) < 10*media.VideoClockRate { // but for a wrap
		j.value += (float64(max(d, -d)) - j.value) / 16
	}
	j.last = transit
}

package rtsp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/rtcpreceiver"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/ingest"
)

// reportPeriod is the time between two reports to a sender over UDP.
const reportPeriod = 5 * time.Second

// receiver takes the RTP and RTCP packets of one media: it orders what came over UDP, counts what did not come, and learns
// the sender's clock. A receiver without a track drops all. It is for one goroutine, and must be closed.
type receiver struct {
	track *track // nil: this media is not taken
	feed  *feed
	rtcp  *rtcpreceiver.RTCPReceiver
	heard bool // RTP has come
}

// newReceiver makes the receiver of a media. Where the transport is UDP, report is called with the reports to be sent.
func newReceiver(t *track, f *feed, report func([]byte)) (*receiver, error) {
	r := &receiver{track: t, feed: f}
	if t == nil {
		return r, nil
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	ssrc := binary.BigEndian.Uint32(b[:])
	r.rtcp = &rtcpreceiver.RTCPReceiver{
		ClockRate: int(t.rate), LocalSSRC: &ssrc, Period: reportPeriod, UnrealiableTransport: report != nil,
		WritePacketRTCP: func(p rtcp.Packet) {
			if report == nil {
				return
			}
			if b, err := p.Marshal(); err == nil {
				report(b)
			}
		},
	}
	if err := r.rtcp.Initialize(); err != nil {
		return nil, &ingest.Error{Reason: ingest.ReasonInternal, Err: err}
	}
	return r, nil
}

func (r *receiver) close() {
	if r.rtcp != nil {
		r.rtcp.Close()
	}
}

var errOther = errors.New("a payload type that was not announced")

// packet takes RTP, whose bytes become the receiver's, and says how many before it
// are known to be lost. The error is an *ingest.Error that ends the session.
func (r *receiver) packet(b []byte, now time.Time) (lost uint64, err error) {
	if r.track == nil {
		r.feed.drops.Add(otherMedia, 1, nil)
		return 0, nil
	}
	p := &rtp.Packet{}
	if err := p.Unmarshal(b); err != nil {
		r.feed.drops.Add(badPacket, 1, errors.New("not an RTP packet"))
		return 0, nil
	}
	if p.PayloadType != r.track.format.PayloadType() {
		r.feed.drops.Add(badPacket, 1, errOther)
		return 0, nil
	}
	packets, lost, err := r.rtcp.ProcessPacket2(p, now, r.track.PTSEqualsDTS(p))
	if err != nil {
		r.feed.drops.Add(badPacket, 1, err)
		return 0, nil
	}
	r.heard = true
	for _, p := range packets {
		if err := r.feed.packet(r.track, p); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// control takes RTCP.
func (r *receiver) control(b []byte, now time.Time) {
	if r.track == nil {
		return
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		r.feed.drops.Add(badPacket, 1, errors.New("not an RTCP packet"))
		return
	}
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok && (!r.heard || sr.SSRC == r.source()) {
			r.rtcp.ProcessSenderReport(sr, now)
			r.track.report = newSenderReport(sr)
		}
	}
}

// jitter of arrival (RFC 3550, 6.4.1), in milliseconds.
func (r *receiver) jitter() float64 {
	if r.track == nil {
		return 0
	}
	if s := r.rtcp.Stats(); s != nil {
		return s.Jitter / float64(r.track.rate) * 1000
	}
	return 0
}

// source is whose packets are taken.
func (r *receiver) source() uint32 {
	if s := r.rtcp.Stats(); s != nil {
		return s.RemoteSSRC
	}
	return 0
}

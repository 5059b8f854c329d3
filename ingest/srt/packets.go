package srt

import (
	"io"
	"sync/atomic"

	gosrt "github.com/datarhei/gosrt"
	"github.com/prometheus/client_golang/prometheus"
)

// packets reads what a connection delivers, in order, and counts what is missing from it for good.
type packets struct {
	conn     gosrt.Conn
	received prometheus.Counter // bytes; may be nil
	next     uint32             // sequence number
	started  bool
	missing  atomic.Int64
}

// Read implements io.Reader: a packet at a time, for which p must have room.
func (r *packets) Read(p []byte) (int, error) {
	packet, err := r.conn.ReadPacket()
	if err != nil {
		return 0, err
	}
	defer packet.Decommission()
	if packet.Len() > uint64(len(p)) {
		return 0, io.ErrShortBuffer
	}
	r.count(packet.Header().PacketSequenceNumber.Val())
	if r.received != nil {
		r.received.Add(float64(packet.Len()))
	}
	return copy(p, packet.Data()), nil
}

// count follows the sequence numbers, of 31 bits (SRT, 3.1).
func (r *packets) count(number uint32) {
	const mask = 1<<31 - 1
	if r.started {
		r.missing.Add(int64((number - r.next) & mask))
	}
	r.next, r.started = (number+1)&mask, true
}

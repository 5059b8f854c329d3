package whip

import (
	"time"
)

// packet is what is used of an RTP packet (RFC 3550, 5.1).
type packet struct {
	sequence  uint16
	timestamp uint32
	marker    bool
	payload   []byte
	arrived   time.Time
}

// reorder puts packets back into the order they were sent in, and says where some are missing for good. It holds at most
// window packets. It is for one goroutine.
//
// Push one packet, then pop until there is none.
type reorder struct {
	patience time.Duration

	started bool
	next    uint16 // the sequence number that is due
	held    int
	ring    [window]packet // by sequence number; payload is nil where there is none
	current packet         // in order, not held: the common case copies nothing
	ready   bool           // current is set
	broken  bool           // packets before the next one were given up

	lost   uint64 // packets that were missing when a later one came
	mended uint64 // of those, that came after all
	gone   uint64 // of those, that were given up
	missed uint16 // the sequence number after the newest
}

// push takes a packet. Its payload is copied only if it has to be held.
func (r *reorder) push(p packet) {
	if !r.started {
		r.started, r.next, r.missed = true, p.sequence, p.sequence
	}
	ahead := int16(p.sequence - r.next)
	if ahead >= window || ahead <= -window {
		r.restart(p)
		return
	}
	r.count(p.sequence)
	switch {
	case ahead < 0: // too late, or a second time
	case ahead == 0:
		r.current, r.ready = p, true
	default:
		r.hold(p)
	}
}

// count follows what is missing.
func (r *reorder) count(sequence uint16) {
	switch ahead := int16(sequence - r.missed); {
	case ahead >= 0:
		r.lost += uint64(ahead)
		r.missed = sequence + 1
	case int16(sequence-r.next) >= 0 && r.slot(sequence).payload == nil:
		r.mended++
	}
}

func (r *reorder) slot(sequence uint16) *packet { return &r.ring[sequence%window] }

func (r *reorder) hold(p packet) {
	if s := r.slot(p.sequence); s.payload == nil {
		p.payload = append(make([]byte, 0, len(p.payload)+1), p.payload...) // never nil
		*s = p
		r.held++
	}
}

// restart goes on at a packet whose number is far from all others: the encoder began anew, or the network was away.
func (r *reorder) restart(p packet) {
	r.gone += uint64(int16(r.missed-r.next)) - uint64(r.held)
	clear(r.ring[:])
	r.held, r.broken = 0, true
	r.next, r.missed = p.sequence, p.sequence+1
	r.current, r.ready = p, true
}

// pop returns the next packet in order. after is set where packets before it are missing for good. The payload is valid
// until the next push.
func (r *reorder) pop(now time.Time) (p packet, after, ok bool) {
	switch {
	case r.ready:
		p, r.ready = r.current, false
		r.current.payload = nil
	case r.held == 0:
		return packet{}, false, false
	case r.slot(r.next).payload != nil:
		p = r.take()
	default:
		hole := uint16(1)
		for r.slot(r.next+hole).payload == nil {
			hole++
		}
		if now.Sub(r.slot(r.next+hole).arrived) < r.patience {
			return packet{}, false, false
		}
		r.gone += uint64(hole)
		r.next += hole
		r.broken = true
		p = r.take()
	}
	after, r.broken = r.broken, false
	r.next++
	return p, after, true
}

func (r *reorder) take() packet {
	s := r.slot(r.next)
	p := *s
	*s = packet{}
	r.held--
	return p
}

package ingest

import "time"

// Link is what a protocol knows of the way between a broadcaster and this server. All counts are of the whole session, in
// packets; a field that a protocol cannot tell is zero.
type Link struct {
	RTT           time.Duration // round trip
	Lost          uint64        // never came
	Retransmitted uint64        // came after having been asked for again
	Dropped       uint64        // came too late, or faster than they could be taken
}

// LinkInput is a Link as the status page shows it.
type LinkInput struct {
	RTTMs         float64 `json:"rttMs"`
	Lost          uint64  `json:"lost"`
	Retransmitted uint64  `json:"retransmitted"`
	Dropped       uint64  `json:"dropped"`
}

// Link reports the state of the session's link; the last one stands. It is safe for concurrent use.
func (s *Session) Link(l Link) {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	s.meter.link = &LinkInput{
		RTTMs: float64(l.RTT.Microseconds()) / 1000, Lost: l.Lost, Retransmitted: l.Retransmitted, Dropped: l.Dropped,
	}
}

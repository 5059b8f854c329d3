package ingest

import (
	"encoding/json"
	"time"
)

// Link is how the network treats a session whose protocol can tell. The counts are of packets, since its start.
type Link struct {
	RTT           time.Duration // round trip; 0 where it is unknown
	Jitter        time.Duration // of arrival (RFC 3550, 6.4.1); 0 where it is unknown
	Lost          uint64        // missing when later ones had come
	Retransmitted uint64        // of those, received after all
	Dropped       uint64        // of those, given up
}

// MarshalJSON has the times in milliseconds.
func (l Link) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return json.Marshal(struct {
		RTT           float64 `json:"rttMs"`
		Jitter        float64 `json:"jitterMs"`
		Lost          uint64  `json:"lost"`
		Retransmitted uint64  `json:"retransmitted"`
		Dropped       uint64  `json:"dropped"`
	}{ms(l.RTT), ms(l.Jitter), l.Lost, l.Retransmitted, l.Dropped})
}

// Link says how the network treats the session, for Input. It is safe for concurrent use.
func (s *Session) Link(l Link) {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	s.meter.link = &l
}

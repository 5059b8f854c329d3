package ingest

// Link is how the network treats a session whose protocol can tell. The counts are of packets, since its start; what a
// protocol does not know is 0.
type Link struct {
	RTTMs         float64 `json:"rttMs"`     // round trip
	LatencyMs     float64 `json:"latencyMs"` // for how long both ends have agreed to wait for what is sent again
	JitterMs      float64 `json:"jitterMs"`  // of arrival (RFC 3550, 6.4.1)
	Received      uint64  `json:"received"`
	Lost          uint64  `json:"lost"`          // missing when later ones had come
	Retransmitted uint64  `json:"retransmitted"` // received again, because they were lost or were thought to be
	Dropped       uint64  `json:"dropped"`       // lost for good
	Broken        uint64  `json:"broken"`        // gaps that the media has after all that
}

// Link says how the network treats the session, for Input. It is safe for concurrent use.
func (s *Session) Link(l Link) {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	s.meter.link = &l
	s.meter.health.link(l, s.gate.now())
}

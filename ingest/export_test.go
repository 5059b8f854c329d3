package ingest

import "time"

// SetClock makes a Gate read the time of day from now.
func (g *Gate) SetClock(now func() time.Time) { g.now = now }

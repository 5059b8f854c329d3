package rtsp

import (
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// linkMeter counts a session's losses, and reports them to it once a second. Its counters are safe for
// concurrent use; report is for one goroutine.
type linkMeter struct {
	metrics  *metrics
	gone     atomic.Uint64 // packets that never came
	overflow atomic.Uint64 // packets that came faster than they could be taken

	next          time.Time
	lost, dropped uint64 // of these, reported
}

// report does so where it is time.
func (l *linkMeter) report(s Session, now time.Time) {
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(time.Second)
	link := ingest.Link{Lost: l.gone.Load(), Dropped: l.overflow.Load()}
	l.metrics.lost.Add(float64(link.Lost - l.lost))
	l.metrics.dropped.WithLabelValues(causeNames[overflow]).Add(float64(link.Dropped - l.dropped))
	l.lost, l.dropped = link.Lost, link.Dropped
	s.Link(link)
}

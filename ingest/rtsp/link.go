package rtsp

import (
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// linkMeter counts a session's packets, and reports them to it once a second. Its counters are safe for concurrent use;
// report is for one goroutine.
type linkMeter struct {
	received atomic.Uint64
	lost     atomic.Uint64 // never came; nothing is sent again
	overflow atomic.Uint64 // came faster than they could be taken

	next time.Time
}

// report does so where it is time. jitter, in milliseconds, may be nil.
func (l *linkMeter) report(s wire.Session, now time.Time, jitter func() float64) {
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(time.Second)
	lost := l.lost.Load()
	link := ingest.Link{Received: l.received.Load(), Lost: lost, Dropped: lost + l.overflow.Load()}
	if jitter != nil {
		link.JitterMs = jitter()
	}
	s.Link(link)
}

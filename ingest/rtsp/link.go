package rtsp

import (
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// linkMeter reports a session's losses to it once a second. It is for one goroutine, but overflow.
type linkMeter struct {
	metrics  *metrics
	next     time.Time
	lost     uint64 // counted already
	overflow atomic.Uint64
	dropped  uint64 // of overflow, counted already
}

func (l *linkMeter) update(s Session, medias []*inbound, now time.Time) {
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(time.Second)
	link := ingest.Link{Dropped: l.overflow.Load()}
	for _, m := range medias {
		link.Lost += m.receiver.lost
	}
	l.metrics.lost.Add(float64(link.Lost - l.lost))
	l.metrics.dropped.WithLabelValues(causeNames[overflow]).Add(float64(link.Dropped - l.dropped))
	l.lost, l.dropped = link.Lost, link.Dropped
	s.Link(link)
}

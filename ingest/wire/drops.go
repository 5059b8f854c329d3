package wire

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Cause is why something that was received made no unit.
type Cause struct {
	Name  string // a metric label
	Quiet bool   // as it is meant to be: counted, and no reason for a warning
}

// Drops counts what one session drops, by the index of its cause, and reports it at most once a second. It is for one
// goroutine.
type Drops struct {
	Last error // why the last unit of use was none; nil where nothing ailed

	causes   []Cause
	counters []prometheus.Counter // nil: not counted outside
	total    []int
	trouble  int // not reported yet
	throttle Throttle
	log      *slog.Logger
}

// NewDrops counts for all sessions too in dropped, whose one label is the cause, where that is not nil.
func NewDrops(causes []Cause, dropped *prometheus.CounterVec, log *slog.Logger) *Drops {
	d := &Drops{causes: causes, total: make([]int, len(causes)), log: log}
	if dropped != nil {
		for _, c := range causes {
			d.counters = append(d.counters, dropped.WithLabelValues(c.Name))
		}
	}
	return d
}

// Add counts n of one cause, with the reason where there is more to say. The text of why must hold no secret.
func (d *Drops) Add(cause, n int, why error) {
	if n == 0 {
		return
	}
	if d.counters != nil {
		d.counters[cause].Add(float64(n))
	}
	d.total[cause] += n
	if d.causes[cause].Quiet {
		return
	}
	if why != nil {
		d.Last = why
	}
	d.trouble += n
	if d.throttle.Allow(time.Now()) {
		d.report(slog.LevelWarn)
	}
}

// Total is how many of one cause there were.
func (d *Drops) Total(cause int) int { return d.total[cause] }

func (d *Drops) report(level slog.Level) {
	var args []any
	for c, n := range d.total {
		if n > 0 {
			args = append(args, d.causes[c].Name, n)
		}
	}
	if d.Last != nil {
		args = append(args, "last", d.Last.Error())
	}
	d.trouble = 0
	if len(args) > 0 {
		d.log.Log(context.Background(), level, "media dropped", args...)
	}
}

// End reports what Add has not.
func (d *Drops) End() {
	if d.trouble > 0 {
		d.report(slog.LevelWarn)
	} else {
		d.report(slog.LevelDebug)
	}
}

package whip

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cause is why an access unit was not published: a metric label.
type cause uint8

const (
	lost         cause = iota // packets of it never came
	unreadable                // they break the rules of their payload format
	unconfigured              // came before its decoder configuration
	undecodable               // what it refers to is missing, or its decoder configuration is held off
	otherLayer                // of a picture whose larger layer is on air
	causes                    // how many there are
)

var causeNames = [causes]string{"lost", "unreadable", "no decoder configuration", "waits for key frame", "other layer"}

// drops counts what one session does not publish, and reports it at most once a second. It is for one goroutine.
type drops struct {
	log      *slog.Logger
	counters [causes]prometheus.Counter
	total    [causes]int
	trouble  int // not reported yet
	next     time.Time
}

func newDrops(m *metrics, log *slog.Logger) *drops {
	d := &drops{log: log}
	for i, name := range causeNames {
		d.counters[i] = m.dropped.WithLabelValues(name)
	}
	return d
}

func (d *drops) add(c cause) {
	d.counters[c].Inc()
	d.total[c]++
	if c == otherLayer { // as it is meant to be
		return
	}
	d.trouble++
	if now := time.Now(); !now.Before(d.next) {
		d.next = now.Add(time.Second)
		d.report(slog.LevelWarn)
	}
}

// report writes the totals.
func (d *drops) report(level slog.Level) {
	args := make([]any, 0, 2*causes)
	for c, n := range d.total {
		if n > 0 {
			args = append(args, causeNames[c], n)
		}
	}
	d.trouble = 0
	d.log.Log(context.Background(), level, "media dropped", args...)
}

// end reports what add has not.
func (d *drops) end() {
	if d.trouble > 0 {
		d.report(slog.LevelWarn)
	} else if d.total != [causes]int{} {
		d.report(slog.LevelDebug)
	}
}

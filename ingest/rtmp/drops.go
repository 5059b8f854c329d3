package rtmp

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cause is why a media message made no unit: a metric label.
type cause uint8

const (
	otherTrack   cause = iota // of a multitrack message
	emptyMessage              // E-RTMP's "audio silence", or an encoder that idles
	unknownPacket
	unconfigured // came before its decoder configuration
	emptyUnit    // no slice among its NAL units, or nothing at all
	badMetadata
	causes // how many there are
)

var causeNames = [causes]string{"other track", "empty message", "unknown packet", "no decoder configuration", "empty unit", "bad metadata"}

// drops counts what one connection drops, and reports it at most once a second. It is for one goroutine.
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

// add counts n of one cause.
func (d *drops) add(c cause, n int) {
	if n == 0 {
		return
	}
	d.counters[c].Add(float64(n))
	d.total[c] += n
	if c == otherTrack || c == emptyMessage { // as the encoder means it to be
		return
	}
	d.trouble += n
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

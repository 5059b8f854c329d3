package rtsp

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cause is why something that was received made no unit: a metric label.
type cause uint8

const (
	otherMedia   cause = iota // not one of the two that are taken
	badPacket                 // not RTP or RTCP, or of another source
	badPayload                // not what the format says, or of a picture with a packet lost
	unconfigured              // came before its decoder configuration
	untimed                   // a picture whose place in decoding order cannot be told
	emptyUnit                 // no slice among its NAL units, or nothing at all
	causes                    // how many there are
)

var causeNames = [causes]string{
	"other media", "bad packet", "bad payload", "no decoder configuration", "no decoding time", "empty unit",
}

// drops counts what one session drops, and reports it at most once a second. It is for one goroutine.
type drops struct {
	log      *slog.Logger
	counters [causes]prometheus.Counter
	total    [causes]int
	trouble  int // not reported yet
	next     time.Time
	last     error // why the last unit of use was none; nil where nothing ailed
}

// newDrops counts for m too, where it is not nil: pulled sessions are counted by the Gate alone.
func newDrops(m *metrics, log *slog.Logger) *drops {
	d := &drops{log: log}
	for i, name := range causeNames {
		if m != nil {
			d.counters[i] = m.dropped.WithLabelValues(name)
		}
	}
	return d
}

// add counts one, with the reason where there is more to say than the cause. The text of why must hold no secret.
func (d *drops) add(c cause, why error) {
	if d.counters[c] != nil {
		d.counters[c].Inc()
	}
	d.total[c]++
	if c == otherMedia || c == unconfigured { // as it is meant to be, or a matter of time
		return
	}
	if why != nil {
		d.last = why
	}
	d.trouble++
	if now := time.Now(); !now.Before(d.next) {
		d.next = now.Add(time.Second)
		d.report(slog.LevelWarn)
	}
}

// report writes the totals.
func (d *drops) report(level slog.Level) {
	args := make([]any, 0, 2*causes+2)
	for c, n := range d.total {
		if n > 0 {
			args = append(args, causeNames[c], n)
		}
	}
	if d.last != nil {
		args = append(args, "last", d.last.Error())
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

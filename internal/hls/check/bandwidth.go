package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// minAverage is how much media must have been measured before an average says something.
const minAverage = 10 * time.Second

// Rates measures the bit rate of one rendition from its segments in a row.
type Rates struct {
	TargetDuration time.Duration

	run   []weight // the newest segments, of at most 1.5 target durations together
	peak  float64
	bytes int64
	total time.Duration
}

type weight struct {
	bytes    int64
	duration time.Duration
}

// Add measures one more segment.
//
// RFC 8216bis 4.4.6.2: the peak segment bit rate is the largest of any contiguous set of segments whose total duration is
// between 0.5 and 1.5 times the target duration.
func (m *Rates) Add(bytes int64, duration time.Duration) {
	m.bytes, m.total = m.bytes+bytes, m.total+duration
	m.run = append(m.run, weight{bytes, duration})
	var w weight
	for i := len(m.run) - 1; i >= 0; i-- {
		w.bytes, w.duration = w.bytes+m.run[i].bytes, w.duration+m.run[i].duration
		if w.duration > m.TargetDuration*3/2 {
			m.run = m.run[i:]
			return
		}
		if w.duration >= m.TargetDuration/2 && w.duration > 0 {
			m.peak = max(m.peak, float64(8*w.bytes)/w.duration.Seconds())
		}
	}
}

// Peak is the peak segment bit rate in bits per second.
func (m *Rates) Peak() float64 { return m.peak }

// Average is the average bit rate in bits per second; 0 before enough was measured.
func (m *Rates) Average() float64 {
	if m.total < minAverage {
		return 0
	}
	return float64(8*m.bytes) / m.total.Seconds()
}

// Bandwidth checks what a variant declares against what its renditions together were measured to have. audio may be nil.
func Bandwidth(r *Report, where string, v *hls.ParsedVariant, main, audio *Rates) {
	peak, average := main.Peak(), main.Average()
	if audio != nil {
		peak, average = peak+audio.Peak(), average+audio.Average()
	}
	if peak == 0 || v.Bandwidth == 0 {
		return
	}
	r.Expect("L91", peak <= float64(v.Bandwidth), where, "measured peak %.0f bit/s, BANDWIDTH %d", peak, v.Bandwidth)
	r.Expect("L92", peak < 1.25*float64(v.Bandwidth), where, "measured peak %.0f bit/s, BANDWIDTH %d", peak, v.Bandwidth)
	if main.Average() > 0 && v.AverageBandwidth > 0 {
		r.Expect("L92", average < 1.1*float64(v.AverageBandwidth), where, "measured average %.0f bit/s, AVERAGE-BANDWIDTH %d", average, v.AverageBandwidth)
	}
}

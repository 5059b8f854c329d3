package origin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/origin/store"
)

// DiskStatus is how the disk does, as the status page shows it.
type DiskStatus struct {
	Bytes   int64  `json:"bytes"`             // kept
	Waiting int64  `json:"waiting"`           // of them still in memory alone
	Lost    int64  `json:"lost"`              // objects that a restart would not find, so far
	Problem string `json:"problem,omitempty"` // why the disk is behind; empty when it is not
}

// Disk describes it; nil where everything is in memory.
func (o *Origin) Disk() *DiskStatus {
	if o.config.Tiers == nil {
		return nil
	}
	s := o.config.Tiers.Stats()
	d := &DiskStatus{Bytes: s.Size, Waiting: s.Waiting, Lost: s.Lost}
	if s.Behind != nil {
		d.Problem = s.Behind.Error()
	}
	return d
}

// disk is what a store.Tiered counts, as metrics.
type disk struct{ tiers *store.Tiered }

var (
	keptDesc    = prometheus.NewDesc("stagecast_origin_kept_bytes", "Bytes of media and journals that are kept.", nil, nil)
	pendingDesc = prometheus.NewDesc("stagecast_origin_disk_pending_bytes", "Bytes that the disk has not taken yet.", nil, nil)
	behindDesc  = prometheus.NewDesc("stagecast_origin_disk_behind", "1 while the disk is slow or failing and nobody waits for it.", nil, nil)
	lateDesc    = prometheus.NewDesc("stagecast_origin_disk_late_total", "Updates that were listed before the disk had taken them, after a wait in vain.", nil, nil)
	errorsDesc  = prometheus.NewDesc("stagecast_origin_disk_errors_total", "Writes and removals that failed; they are tried again.", nil, nil)
	lostDesc    = prometheus.NewDesc("stagecast_origin_disk_lost_objects_total", "Objects that the disk never took whole.", nil, nil)
)

// Describe implements prometheus.Collector.
func (disk) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{keptDesc, pendingDesc, behindDesc, lateDesc, errorsDesc, lostDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (d disk) Collect(ch chan<- prometheus.Metric) {
	s := d.tiers.Stats()
	behind := 0.0
	if s.Behind != nil {
		behind = 1
	}
	gauge := func(desc *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
	count := func(desc *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(v))
	}
	gauge(keptDesc, float64(s.Size))
	gauge(pendingDesc, float64(s.Waiting))
	gauge(behindDesc, behind)
	count(lateDesc, s.Late)
	count(errorsDesc, s.Errors)
	count(lostDesc, s.Lost)
}

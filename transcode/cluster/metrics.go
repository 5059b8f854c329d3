package cluster

import "github.com/prometheus/client_golang/prometheus"

var (
	jobsDesc     = prometheus.NewDesc("stagecast_cluster_jobs", "Streams that this node encodes.", nil, nil)
	takenDesc    = prometheus.NewDesc("stagecast_cluster_jobs_taken_total", "Jobs that this node has taken.", nil, nil)
	fencedDesc   = prometheus.NewDesc("stagecast_cluster_jobs_lost_total", "Jobs that another node has taken from this one, unasked.", nil, nil)
	waitingDesc  = prometheus.NewDesc("stagecast_cluster_jobs_waiting", "Streams that no node encodes, as this one sees it.", nil, nil)
	oldestDesc   = prometheus.NewDesc("stagecast_cluster_queue_seconds", "For how long the oldest of them has waited.", nil, nil)
	drainingDesc = prometheus.NewDesc("stagecast_cluster_draining", "1 while this node gives its jobs away.", nil, nil)
	registryDesc = prometheus.NewDesc("stagecast_cluster_registry_up", "1 while the registry answers.", nil, nil)
)

// Describe implements prometheus.Collector.
func (w *Worker) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{jobsDesc, takenDesc, fencedDesc, waitingDesc, oldestDesc, drainingDesc, registryDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (w *Worker) Collect(ch chan<- prometheus.Metric) {
	s := w.Status()
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	count := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	gauge(jobsDesc, float64(s.Jobs))
	count(takenDesc, s.Taken)
	count(fencedDesc, s.Fenced)
	gauge(waitingDesc, float64(s.Waiting))
	gauge(oldestDesc, s.QueueSeconds)
	gauge(drainingDesc, yes(s.Draining))
	gauge(registryDesc, yes(s.Problem == ""))
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

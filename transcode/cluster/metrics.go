package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	jobsDesc      = prometheus.NewDesc("stagecast_cluster_jobs", "Streams that this node encodes.", nil, nil)
	takenDesc     = prometheus.NewDesc("stagecast_cluster_jobs_taken_total", "Jobs that this node has taken.", nil, nil)
	fencedDesc    = prometheus.NewDesc("stagecast_cluster_jobs_lost_total", "Jobs that another node has taken from this one, unasked.", nil, nil)
	waitingDesc   = prometheus.NewDesc("stagecast_cluster_jobs_waiting", "Streams that no node encodes, as this one sees it.", nil, nil)
	oldestDesc    = prometheus.NewDesc("stagecast_cluster_queue_seconds", "For how long the oldest of them has waited.", nil, nil)
	drainingDesc  = prometheus.NewDesc("stagecast_cluster_draining", "1 while this node gives its jobs away.", nil, nil)
	unclaimedDesc = prometheus.NewDesc("stagecast_cluster_stream_waiting_seconds", "For how long no node has encoded a stream of this one; none where one does.", []string{"stream"}, nil)
	movesDesc     = prometheus.NewDesc("stagecast_cluster_moves_total", "Times that a stream's ladder has come from another node than before: handed over (nothing is missing) or taken over.", []string{"stream", "reason"}, nil)
	registryDesc  = prometheus.NewDesc("stagecast_cluster_registry_up", "1 while the registry answers.", nil, nil)
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

// Describe implements prometheus.Collector.
func (l *Ladders) Describe(ch chan<- *prometheus.Desc) { ch <- movesDesc }

// Collect implements prometheus.Collector.
func (l *Ladders) Collect(ch chan<- prometheus.Metric) {
	for stream, line := range l.Lines() {
		for _, how := range []string{HandedOver, TakenOver} {
			ch <- prometheus.MustNewConstMetric(movesDesc, prometheus.CounterValue, float64(line.Moves[how]), stream, how)
		}
	}
}

// Describe implements prometheus.Collector.
func (s *Sources) Describe(ch chan<- *prometheus.Desc) { ch <- unclaimedDesc }

// Collect implements prometheus.Collector.
func (s *Sources) Collect(ch chan<- prometheus.Metric) {
	for _, w := range s.Waiting() {
		ch <- prometheus.MustNewConstMetric(unclaimedDesc, prometheus.GaugeValue, time.Since(w.Since).Seconds(), w.Stream)
	}
}

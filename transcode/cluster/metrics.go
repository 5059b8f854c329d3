package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	jobsDesc      = prometheus.NewDesc("stagecast_transcode_jobs", "Streams that this node encodes for the cluster.", nil, nil)
	takenDesc     = prometheus.NewDesc("stagecast_transcode_jobs_taken_total", "Streams that this node has begun to encode for the cluster.", nil, nil)
	fencedDesc    = prometheus.NewDesc("stagecast_transcode_jobs_fenced_total", "Streams that another node has taken from this one unasked.", nil, nil)
	drainingDesc  = prometheus.NewDesc("stagecast_transcode_draining", "1 while this node gives its streams to others and takes none.", nil, nil)
	answersDesc   = prometheus.NewDesc("stagecast_registry_up", "1 while the registry answers.", nil, nil)
	unclaimedDesc = prometheus.NewDesc("stagecast_transcode_unclaimed_seconds", "For how long no node has encoded a stream of this one; none where one does.", []string{"stream"}, nil)
	movesDesc     = prometheus.NewDesc("stagecast_transcode_moves_total",
		"Times that a stream's ladder has come from another node than before, by how: handed over (nothing is missing) or taken over.", []string{"stream", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (w *Worker) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{jobsDesc, takenDesc, fencedDesc, drainingDesc, answersDesc} {
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
	gauge(drainingDesc, one(s.Draining))
	gauge(answersDesc, one(s.Problem == ""))
	count(takenDesc, s.Taken)
	count(fencedDesc, s.Fenced)
}

func one(yes bool) float64 {
	if yes {
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

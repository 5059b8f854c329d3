package srt

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
)

// metrics of one Server. It is a prometheus.Collector.
type metrics struct {
	connections prometheus.Gauge       // open now
	received    prometheus.Counter     // bytes of media
	refusals    *prometheus.CounterVec // callers that were not admitted, by ingest.Reason
	malformed   prometheus.Counter     // handshakes that could not be read
}

func newMetrics() *metrics {
	return &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stagecast_srt_connections", Help: "Open connections.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stagecast_srt_bytes_received_total", Help: "Bytes of media received from encoders, each once.",
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_srt_refusals_total", Help: "Callers that were not admitted.",
		}, []string{"reason"}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stagecast_srt_malformed_handshakes_total", Help: "Handshakes that broke the protocol.",
		}),
	}
}

func (m *metrics) refuse(err error) {
	m.refusals.WithLabelValues(string(ingest.ReasonOf(err))).Inc()
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.connections, m.received, m.refusals, m.malformed}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}

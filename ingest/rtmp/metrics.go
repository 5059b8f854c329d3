package rtmp

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
)

// metrics of one Server. It is a prometheus.Collector.
type metrics struct {
	connections prometheus.Gauge       // open now, publishing or not
	received    prometheus.Counter     // bytes read, after TLS
	refusals    *prometheus.CounterVec // connections that ended before they were admitted, by ingest.Reason
	dropped     *prometheus.CounterVec // media messages that made no unit, by cause
}

func newMetrics(protocol string) *metrics {
	label := prometheus.Labels{"protocol": protocol}
	return &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stagecast_rtmp_connections", ConstLabels: label,
			Help: "Open connections, publishing or not.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stagecast_rtmp_bytes_received_total", ConstLabels: label,
			Help: "Bytes received from encoders, after TLS.",
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_rtmp_refusals_total", ConstLabels: label,
			Help: "Connections that ended before they were admitted.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_rtmp_dropped_total", ConstLabels: label,
			Help: "Media messages, or tracks of one, that made no access unit.",
		}, []string{"cause"}),
	}
}

func (m *metrics) refuse(err error) {
	m.refusals.WithLabelValues(string(ingest.ReasonOf(err))).Inc()
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.connections, m.received, m.refusals, m.dropped}
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

package rtsp

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
)

// metrics of one Server. It is a prometheus.Collector.
type metrics struct {
	connections prometheus.Gauge       // open now, publishing or not
	received    prometheus.Counter     // bytes read over TCP, after TLS, and in datagrams
	refusals    *prometheus.CounterVec // connections that ended before they were admitted, by ingest.Reason
	dropped     *prometheus.CounterVec // what made no unit, by cause
}

func newMetrics(protocol string) *metrics {
	label := prometheus.Labels{"protocol": protocol}
	return &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stagecast_rtsp_connections", ConstLabels: label,
			Help: "Open connections, with media or without.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stagecast_rtsp_bytes_received_total", ConstLabels: label,
			Help: "Bytes received, after TLS, datagrams included.",
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_rtsp_refusals_total", ConstLabels: label,
			Help: "Connections that ended before they were admitted.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_rtsp_dropped_total", ConstLabels: label,
			Help: "Packets and access units that were received and could not be used.",
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

package wire

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
)

// Metrics of one Server over TCP. It is a prometheus.Collector.
type Metrics struct {
	Connections prometheus.Gauge       // open now, publishing or not
	Received    prometheus.Counter     // bytes read, after TLS, and of datagrams beside the connections
	Refusals    *prometheus.CounterVec // connections that ended before they were admitted, by ingest.Reason
	Dropped     *prometheus.CounterVec // what made no unit, by cause
}

// NewMetrics are those of a door ("rtmp") for one of its protocols ("rtmp", "rtmps").
func NewMetrics(door, protocol string) *Metrics {
	label := prometheus.Labels{"protocol": protocol}
	name := "stagecast_" + door
	return &Metrics{
		Connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name + "_connections", ConstLabels: label,
			Help: "Open connections, publishing or not.",
		}),
		Received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name + "_bytes_received_total", ConstLabels: label,
			Help: "Bytes received from encoders, after TLS, datagrams included.",
		}),
		Refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name + "_refusals_total", ConstLabels: label,
			Help: "Connections that ended before they were admitted.",
		}, []string{"reason"}),
		Dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name + "_dropped_total", ConstLabels: label,
			Help: "What was received and made no access unit.",
		}, []string{"cause"}),
	}
}

// Refuse counts a connection that was not admitted.
func (m *Metrics) Refuse(err error) {
	m.Refusals.WithLabelValues(string(ingest.ReasonOf(err))).Inc()
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.Connections, m.Received, m.Refusals, m.Dropped}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}

package whip

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
)

// metrics of one Server. It is a prometheus.Collector.
type metrics struct {
	sessions prometheus.Gauge       // open now, connected or not
	requests prometheus.Counter     // for key frames
	packets  *prometheus.CounterVec // of media, by what became of them
	refusals *prometheus.CounterVec // offers, by ingest.Reason
	dropped  *prometheus.CounterVec // access units, by cause
}

func newMetrics() *metrics {
	return &metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stagecast_whip_sessions", Help: "Sessions that were answered and have not ended.",
		}),
		requests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stagecast_whip_keyframe_requests_total", Help: "Key frames that were asked for.",
		}),
		packets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_whip_packets_total", Help: "RTP packets that were received, missing at first, received after all, and given up.",
		}, []string{"fate"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_whip_refusals_total", Help: "Offers that were refused.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stagecast_whip_dropped_total", Help: "Access units that were not published.",
		}, []string{"cause"}),
	}
}

func (m *metrics) refuse(err error) {
	m.refusals.WithLabelValues(string(ingest.ReasonOf(err))).Inc()
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.sessions, m.requests, m.packets, m.refusals, m.dropped}
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

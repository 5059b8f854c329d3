package ingest

import "github.com/prometheus/client_golang/prometheus"

var (
	sessionsDesc = prometheus.NewDesc("stagecast_ingest_sessions", "Sessions that are open.", nil, nil)
	attemptsDesc = prometheus.NewDesc("stagecast_ingest_attempts_total",
		"Sessions that ended and attempts that were refused.", []string{"protocol", "reason", "admitted"}, nil)
	bitrateDesc  = prometheus.NewDesc("stagecast_ingest_bits_per_second", "Bit rate of a stream on air.", []string{"stream", "kind"}, nil)
	rateDesc     = prometheus.NewDesc("stagecast_ingest_frames_per_second", "Pictures a second of a stream on air.", []string{"stream"}, nil)
	skewDesc     = prometheus.NewDesc("stagecast_ingest_skew_seconds", "How much later a stream's newest sound stands than its newest picture.", []string{"stream"}, nil)
	missingDesc  = prometheus.NewDesc("stagecast_ingest_missing_pictures", "Pictures that the encoder of a stream on air left out.", []string{"stream"}, nil)
	rttDesc      = prometheus.NewDesc("stagecast_ingest_link_round_trip_seconds", "Round trip to the encoder of a stream on air, where its protocol measures it.", []string{"stream"}, nil)
	linkDesc     = prometheus.NewDesc("stagecast_ingest_link_packets", "Packets of a stream on air, by what became of them: received, lost at first, retransmitted, dropped for good; broken are gaps in the media.", []string{"stream", "kind"}, nil)
	scoreDesc    = prometheus.NewDesc("stagecast_ingest_health_score", "Health of an input, on air or standing by: 100 where nothing is wrong.", []string{"stream", "input"}, nil)
	onAirDesc    = prometheus.NewDesc("stagecast_ingest_on_air", "1 for what a stream shows: its primary, its backup or the slate.", []string{"stream", "input"}, nil)
	switchesDesc = prometheus.NewDesc("stagecast_ingest_switches_total", "Times that another input of a stream went on air.", []string{"stream", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (g *Gate) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sessionsDesc, attemptsDesc, bitrateDesc, rateDesc, skewDesc, missingDesc, rttDesc, linkDesc, scoreDesc, onAirDesc, switchesDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *Gate) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range g.Statuses() {
		for _, in := range s.Inputs {
			gauge(scoreDesc, in.Score, s.Stream, string(in.Role))
		}
		for r, n := range s.switches {
			ch <- prometheus.MustNewConstMetric(switchesDesc, prometheus.CounterValue, float64(n), s.Stream, string(r))
		}
		if s.OnAir != "" {
			gauge(onAirDesc, 1, s.Stream, string(s.OnAir))
		}
	}
	for _, in := range g.Inputs() {
		if v := in.Video; v != nil {
			gauge(bitrateDesc, float64(v.Bitrate), in.Stream, "video")
			gauge(rateDesc, v.FPS, in.Stream)
		}
		if a := in.Audio; a != nil {
			gauge(bitrateDesc, float64(a.Bitrate), in.Stream, "audio")
		}
		gauge(skewDesc, in.SkewMs/1000, in.Stream)
		gauge(missingDesc, float64(in.Missing), in.Stream)
		if l := in.Link; l != nil {
			gauge(rttDesc, l.RTTMs/1000, in.Stream)
			for kind, n := range map[string]uint64{
				"received": l.Received, "lost": l.Lost, "retransmitted": l.Retransmitted, "dropped": l.Dropped, "broken": l.Broken,
			} {
				gauge(linkDesc, float64(n), in.Stream, kind)
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	gauge(sessionsDesc, float64(len(g.sessions)))
	for c, n := range g.journal.counts {
		admitted := "false"
		if c.admitted {
			admitted = "true"
		}
		ch <- prometheus.MustNewConstMetric(attemptsDesc, prometheus.CounterValue, float64(n), c.protocol, string(c.reason), admitted)
	}
}

package cluster

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// gathered are the values of a collector by name and labels.
func gathered(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	families, err := registry.Gather()
	require.NoError(t, err)
	out := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

func TestMetricsOfAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 1, 10, 3)
		defer th.end()
		th.until(4 * time.Second)
		want := map[string]float64{
			"stagecast_cluster_registry_up": 1, "stagecast_cluster_jobs": 3, "stagecast_cluster_jobs_taken_total": 3, "stagecast_cluster_jobs_lost_total": 0,
			"stagecast_cluster_draining": 0, "stagecast_cluster_jobs_waiting": 0, "stagecast_cluster_queue_seconds": 0,
		}
		require.Equal(t, want, gathered(t, th.actors[0].Worker))
		th.actors[0].link.cut.Store(true)
		th.step(time.Second)
		want["stagecast_cluster_registry_up"] = 0
		require.Equal(t, want, gathered(t, th.actors[0].Worker))
	})
}

func TestMetricsOfMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		h.worker("a", 1, 0, ladderTracks(3e6))
		h.pass(3 * time.Second)
		h.worker("b", 2, time.Second, ladderTracks(3e6))
		h.pass(5 * time.Second)
		require.Equal(t, map[string]float64{
			"stagecast_cluster_moves_total handed over live": 1, "stagecast_cluster_moves_total taken over live": 0,
		}, gathered(t, h.ladders))
	})
}

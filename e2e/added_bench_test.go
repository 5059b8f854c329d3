//go:build e2e && bench

package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// TestBenchAdded is what packager and origin add to a part, from its last access unit until it can be fetched, while the
// ladder keeps the machine busy.
func TestBenchAdded(t *testing.T) {
	s := start(t)
	s.publish(liveKey, programme{size: "1280x720"})
	s.awaitLive("live")
	d, err := time.ParseDuration(measured(60) + "s")
	require.NoError(t, err)
	outage(d)
	_, body, err := fetch(context.Background(), s.adminURL("/metrics"))
	require.NoError(t, err)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	require.NoError(t, err)
	h := families["stagecast_origin_part_latency_seconds"].GetMetric()[0].GetHistogram()
	n := float64(h.GetSampleCount())
	for _, b := range h.GetBucket() {
		t.Logf("%.2f %% of %.0f parts within %v ms", float64(b.GetCumulativeCount())/n*100, n, b.GetUpperBound()*1000)
	}
	s.stop()
}

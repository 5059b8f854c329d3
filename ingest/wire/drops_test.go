package wire_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest/wire"
)

func TestDropsAreReportedOnceASecondAndAtTheEnd(t *testing.T) {
	var log bytes.Buffer
	m := wire.NewMetrics("test", "tests")
	d := wire.NewDrops([]wire.Cause{{Name: "broken"}, {Name: "meant", Quiet: true}}, m.Dropped, slog.New(slog.NewTextHandler(&log, nil)))
	d.Add(1, 5, nil)
	d.Add(0, 0, nil)
	require.Empty(t, log.String(), "what is meant to be is no trouble")
	for range 100 {
		d.Add(0, 1, errors.New("odd bytes"))
	}
	require.Equal(t, 1, strings.Count(log.String(), "media dropped"))
	d.End()
	require.Equal(t, 2, strings.Count(log.String(), "media dropped"))
	require.Contains(t, log.String(), `broken=100 meant=5 last="odd bytes"`)
	require.Equal(t, 100, d.Total(0))
	require.EqualError(t, d.Last, "odd bytes")
}

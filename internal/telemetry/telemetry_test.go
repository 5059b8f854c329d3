package telemetry_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/telemetry"
)

func TestLogSpeaksItsFormatFromItsLevelOn(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLog(&out, "warn,json")
	require.NoError(t, err)
	log.Info("quiet")
	log.Warn("loud", "stream", "live")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), "one line")
	require.Equal(t, "loud", line["msg"])
	require.Equal(t, "live", line["stream"])

	out.Reset()
	log, err = telemetry.NewLog(&out, "debug")
	require.NoError(t, err)
	log.Debug("detail")
	require.Contains(t, out.String(), "level=DEBUG msg=detail")
}

func TestUnknownLevelsAndFormatsAreRefusedWithTheChoice(t *testing.T) {
	_, err := telemetry.NewLog(nil, "loud")
	require.ErrorContains(t, err, "choose debug, info, warn or error")
	_, err = telemetry.NewLog(nil, "info,xml")
	require.ErrorContains(t, err, "choose text or json")
}

func TestRegistryHoldsTheProcess(t *testing.T) {
	families, err := telemetry.NewRegistry().Gather()
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, f := range families {
		names[f.GetName()] = true
	}
	require.True(t, names["go_goroutines"])
	require.True(t, names["process_open_fds"])
}

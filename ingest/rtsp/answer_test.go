package rtsp

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// What the gate refuses is never told as a fault of ours.
func TestRefusalsOfTheGateHaveAStatus(t *testing.T) {
	for _, r := range []ingest.Reason{
		ingest.ReasonWrongKey, ingest.ReasonKeyExpired, ingest.ReasonTooManyAttempts, ingest.ReasonTooMany, ingest.ReasonShutdown,
		ingest.ReasonNotAllowed, ingest.ReasonAuthUnavailable,
	} {
		answer := refusal(&ingest.Error{Reason: r})
		require.NotEqual(t, base.StatusInternalServerError, answer.StatusCode, r)
		require.Contains(t, answer.StatusMessage, string(r))
	}
}

package whip

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// What the gate refuses is told for what it is: neither as a fault of the request nor as one of ours.
func TestRefusalsOfTheGateHaveAStatus(t *testing.T) {
	for reason, status := range map[ingest.Reason]int{
		ingest.ReasonWrongKey: http.StatusUnauthorized, ingest.ReasonKeyExpired: http.StatusUnauthorized,
		ingest.ReasonNotAllowed: http.StatusForbidden, ingest.ReasonTooManyAttempts: http.StatusTooManyRequests,
		ingest.ReasonTooMany: http.StatusServiceUnavailable, ingest.ReasonShutdown: http.StatusServiceUnavailable,
		ingest.ReasonAuthUnavailable: http.StatusServiceUnavailable,
	} {
		require.Equal(t, status, statusOf(reason), reason)
	}
}

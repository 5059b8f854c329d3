//go:build e2e

package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything that must happen may take on a machine that is busy with other things.
const patience = 90 * time.Second

// await blocks until the condition holds, and ends the test where it never does.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if condition() {
			return
		}
	}
	require.FailNow(t, "waited in vain", "until %s", what)
}

// awaitClosed blocks until a channel is closed.
func awaitClosed(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		require.FailNow(t, "waited in vain", "until %s", what)
	}
}

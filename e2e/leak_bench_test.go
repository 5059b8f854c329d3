//go:build e2e && bench

package e2e_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBenchLeaks has an encoder that is cut off and comes back every half minute, and a viewer all the while, and prints
// what the server holds after each round: once its window is full, none of it may rise.
func TestBenchLeaks(t *testing.T) {
	seconds, err := strconv.Atoi(measured(600))
	require.NoError(t, err)
	s := start(t, append([]string{"--log", "warn", "--hls.window", "30s"}, noSlate...)...)
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		e := s.publish(liveKey, programme{size: "640x360"})
		viewer := follow(t, s.awaitLive("live"))
		viewer.awaitMedia(t, 15)
		viewer.stop(t)
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid()))
		require.NoError(t, err)
		t.Logf("resident %.1f MiB, media held %.1f MiB, %d goroutines, %d file descriptors, %d children",
			resident(t, s.pid())/(1<<20), s.metric("stagecast_origin_memory_bytes")/(1<<20), s.operator().Node.Goroutines, len(fds),
			len(children(t, s.pid())))
		e.kill()
		s.awaitState("live", "reconnecting")
	}
	s.stop()
}

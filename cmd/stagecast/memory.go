package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage may gather before it is collected: a flat amount, for a small server whose requests make most of it, or a
// share of what is live, which is nearly all media: without pointers, and free to mark.
const (
	garbage        = 8 << 20
	garbagePercent = 2
)

// boundGarbage keeps the collector at these bounds, where Go's default lets garbage grow to the size of what is live, until
// ctx ends. GOGC in the environment is left alone.
func boundGarbage(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for t := time.NewTicker(10 * time.Second); ; {
		metrics.Read(live)
		debug.SetGCPercent(int(max(garbagePercent, min(100, garbage*100/max(1, live[0].Value.Uint64())))))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

package store_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/origin/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func openDisk(t testing.TB, c store.DiskConfig) *store.Disk {
	if c.Directory == "" {
		c.Directory = t.TempDir()
	}
	d, err := store.OpenDisk(c)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// tier puts a Tiered before a disk and runs it. stop ends it.
func tier(t testing.TB, c store.TieredConfig, disk store.Store) (tiered *store.Tiered, stop func()) {
	tiered, err := store.NewTiered(c, disk, quiet)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tiered.Run(ctx) }()
	return tiered, func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMemory() })
}

func TestDisk(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openDisk(t, store.DiskConfig{}) })
}

func TestDiskThatSyncs(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openDisk(t, store.DiskConfig{Sync: true}) })
}

func TestTiered(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		tiered, stop := tier(t, store.TieredConfig{}, openDisk(t, store.DiskConfig{}))
		t.Cleanup(stop)
		return tiered
	})
}

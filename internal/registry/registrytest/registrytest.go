// Package registrytest is the contract of a Registry, as a test that every back-end is put to.
package registrytest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/registry"
)

const (
	long  = time.Hour
	short = 50 * time.Millisecond
	hangs = 20 * time.Second
)

// Run puts a Registry that is empty to the test.
func Run(t *testing.T, empty func(t *testing.T) registry.Registry) {
	t.Run("announcements", func(t *testing.T) { announcements(t, empty(t)) })
	t.Run("leases", func(t *testing.T) { leases(t, empty(t)) })
	t.Run("one of many gets a lease", func(t *testing.T) { race(t, empty(t)) })
}

func announcements(t *testing.T, r registry.Registry) {
	ctx := t.Context()
	list := func(kind string) map[string]string {
		all, err := r.List(ctx, kind)
		require.NoError(t, err)
		return all
	}
	require.Empty(t, list("source"))
	require.NoError(t, r.Announce(ctx, "source", "live", "first", long))
	require.NoError(t, r.Announce(ctx, "source", "live", "second", long))
	require.NoError(t, r.Announce(ctx, "source", "other", "", long))
	require.NoError(t, r.Announce(ctx, "worker", "live", "of another kind", long))
	require.Equal(t, map[string]string{"live": "second", "other": ""}, list("source"))
	require.NoError(t, r.Withdraw(ctx, "source", "live", "first"))
	require.Len(t, list("source"), 2, "it is not that any more")
	require.NoError(t, r.Withdraw(ctx, "source", "live", "second"))
	require.NoError(t, r.Withdraw(ctx, "source", "live", "second"))
	require.Equal(t, map[string]string{"other": ""}, list("source"))
	require.Len(t, list("worker"), 1)

	require.NoError(t, r.Announce(ctx, "source", "other", "", short))
	require.Eventually(t, func() bool { return len(list("source")) == 0 }, hangs, short/5, "it is forgotten")
}

func leases(t *testing.T, r registry.Registry) {
	ctx := t.Context()
	acquire := func(owner string, ttl time.Duration) (registry.Lease, bool) {
		l, ok, err := r.Acquire(ctx, "live", owner, ttl)
		require.NoError(t, err)
		return l, ok
	}
	held := func() map[string]registry.Lease {
		all, err := r.Leases(ctx)
		require.NoError(t, err)
		return all
	}
	require.Empty(t, held())
	first, ok := acquire("a", long)
	require.True(t, ok)
	require.Equal(t, "a", first.Owner)
	require.Positive(t, first.Epoch)
	require.Equal(t, map[string]registry.Lease{"live": first}, held())

	other, ok := acquire("b", long)
	require.False(t, ok)
	require.Equal(t, first, other, "it says who has it")
	again, ok := acquire("a", short)
	require.True(t, ok)
	require.Equal(t, first, again, "prolonged, the same one")

	var second registry.Lease
	require.Eventually(t, func() bool { second, ok = acquire("b", long); return ok }, hangs, short/5, "it ends")
	require.Greater(t, second.Epoch, first.Epoch)
	_, ok = acquire("a", long)
	require.False(t, ok)
	require.NoError(t, r.Break(ctx, "live", first.Epoch))
	require.Equal(t, map[string]registry.Lease{"live": second}, held(), "that one has ended long since")
	require.NoError(t, r.Break(ctx, "live", second.Epoch))
	require.Empty(t, held())
	third, ok := acquire("b", long)
	require.True(t, ok)
	require.Greater(t, third.Epoch, second.Epoch, "also for the same owner")
}

func race(t *testing.T, r registry.Registry) {
	won := make(chan registry.Lease, 20)
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			if l, ok, err := r.Acquire(t.Context(), "live", string(rune('a'+n)), long); err == nil && ok {
				won <- l
			}
		})
	}
	all.Wait()
	require.Len(t, won, 1)
}

package cluster

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/registry"
)

// An encoder that comes back to another node, while the first still shows its slate: the one that has it last announces it, until it ends
// there.
func TestOfTwoNodesTheLaterSourceIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		shared := &registry.Memory{}
		node := func(name string) *hub.Hub {
			h := hub.New()
			s := &Sources{Node: Node{ID: name, URL: "http://" + name}, Hub: h, Registry: shared, Streams: []string{"live"}, Log: discard}
			go func() { _ = s.Run(ctx) }()
			return h
		}
		announced := func() string {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			all, err := shared.List(ctx, kindSource)
			require.NoError(t, err)
			s, _ := decode[Source](all["live"])
			return s.Node
		}
		publish := func(h *hub.Hub, id int64) *hub.Publication {
			p, err := h.Publish(hub.Key{Stream: "live", Stage: hub.Source}, id, []media.Track{{ID: 1, Codec: media.AAC, ClockRate: 48000}})
			require.NoError(t, err)
			return p
		}
		first, second := node("first"), node("second")
		publish(first, 7)
		require.Equal(t, "first", announced())
		later := publish(second, 9)
		require.Equal(t, "second", announced())
		later.Close(hub.ErrLost)
		require.Equal(t, "first", announced())
		cancel()
	})
}

// pulls is a Puller that only notes where from.
type pulls struct{ from atomic.Pointer[string] }

func (p *pulls) Pull(ctx context.Context, base string, _ hub.Key, _ *hub.Hub, _ func(int64) int64) error {
	p.from.Store(&base)
	<-ctx.Done()
	return ctx.Err()
}

func TestAWorkerFollowsASourceThatHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var now atomic.Pointer[Source]
		now.Store(&Source{Node: "first", URL: "http://first", ID: 7})
		p := &pulls{}
		r := &PoolRunner{Node: Node{ID: "worker"}, Hub: hub.New(), Puller: p, Keep: time.Minute, Log: discard}
		done := make(chan bool)
		go func() { done <- r.feed(ctx, "live", func() (Source, bool) { return *now.Load(), true }) }()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "http://first", *p.from.Load())
		now.Store(&Source{Node: "second", URL: "http://second", ID: 9})
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "http://second", *p.from.Load())
		cancel()
		require.False(t, <-done)
	})
}

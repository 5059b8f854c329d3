package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/registry"
	"github.com/stagecast/stagecast/internal/relay"
)

// Puller reads publications of other nodes: a *relay.Client.
type Puller interface {
	Pull(ctx context.Context, base string, key hub.Key, h *hub.Hub, id func(int64) int64) error
}

// Ladders has the hub of this node publish the ladders of its streams, wherever they are encoded. Of two workers that both say that they
// have one, the one with the newest lease is read, and an older one never again. Run it once.
type Ladders struct {
	Node     Node
	Hub      *hub.Hub
	Registry registry.Registry
	Puller   Puller
	Streams  []string
	Log      *slog.Logger

	mu    sync.Mutex // guards pulls
	pulls map[string]*pull
}

// pull is one ladder that is read.
type pull struct {
	Ladder
	cancel context.CancelFunc
	before *pull     // what it follows on, which is read until this one begins
	ended  time.Time // zero while it is read
}

// again is the wait before a ladder that could not be read is read again.
const again = 500 * time.Millisecond

// Run reads until ctx ends. It returns nil.
func (l *Ladders) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	l.mu.Lock()
	l.pulls = make(map[string]*pull)
	l.mu.Unlock()
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		if all, err := l.Registry.List(ctx, kindLadder); err == nil {
			for _, stream := range l.Streams {
				if found, ok := decode[Ladder](all[stream]); ok && found.Epoch > 0 {
					l.follow(ctx, &running, stream, found)
				}
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// follow reads a ladder, unless it is read already or is older than what was.
func (l *Ladders) follow(ctx context.Context, running *sync.WaitGroup, stream string, found Ladder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.pulls[stream]
	if before != nil {
		same := found.Epoch == before.Epoch && found.ID == before.ID && found.Node == before.Node
		if found.Epoch < before.Epoch || same && (before.ended.IsZero() || time.Since(before.ended) < again) {
			return
		}
	}
	if found.Node == l.Node.ID {
		return // it is in our hub already
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &pull{Ladder: found, cancel: cancel, before: before}
	l.pulls[stream] = p
	running.Go(func() {
		defer cancel()
		l.read(ctx, stream, p)
	})
}

// read publishes a ladder here.
func (l *Ladders) read(ctx context.Context, stream string, p *pull) {
	key := hub.Key{Stream: stream, Stage: hub.Ladder}
	err := l.Puller.Pull(ctx, p.URL, key, l.Hub, func(id int64) int64 {
		l.Log.Info("ladder read", "stream", stream, "node", p.Node, "epoch", p.Epoch)
		defer l.begun(p)
		if newest := l.Hub.Newest(key); newest != nil {
			id = max(id, newest.ID+1)
		}
		return id
	})
	l.mu.Lock()
	p.ended = time.Now()
	current := l.pulls[stream] == p
	l.mu.Unlock()
	told := errors.Is(err, hub.ErrEnded) || errors.Is(err, hub.ErrOver) || errors.Is(err, hub.ErrLost) || errors.Is(err, hub.ErrReplaced)
	if ctx.Err() != nil || told || !current || errors.Is(err, relay.ErrNone) {
		return
	}
	l.Log.Warn("ladder lost", "stream", stream, "node", p.Node, "epoch", p.Epoch, "err", err)
	breakOf(ctx, l.Registry, stream, p.Node)
}

// begun ends those that a ladder follows on.
func (l *Ladders) begun(p *pull) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for b := p.before; b != nil; b = b.before {
		b.cancel()
	}
	p.before = nil
}

package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
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
	Segment  time.Duration // 2 s when zero; as in transcode.Config
	Log      *slog.Logger

	mu    sync.Mutex // guards everything below
	lines map[string]*line
	pulls map[string]*pull // the newest of each stream
}

// pull is one ladder that is read.
type pull struct {
	Ladder
	cancel context.CancelFunc

	// Guarded by Ladders.
	epoch int64 // of its newest lease
	began bool
	ended time.Time // zero while it is read

	tracks []media.Track           // once it has begun
	units  chan []media.AccessUnit // closed when it has ended
	reason error                   // of that
}

// again is the wait before a ladder that could not be read is read again.
const again = 500 * time.Millisecond

// Run reads until ctx ends. It returns nil.
func (l *Ladders) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	l.mu.Lock()
	l.pulls, l.lines = make(map[string]*pull), make(map[string]*line)
	for _, stream := range l.Streams {
		n := newLine(hub.Key{Stream: stream, Stage: hub.Ladder}, l.Hub, l.Segment, l.Log)
		l.lines[stream] = n
		running.Go(func() { n.run(ctx) })
	}
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
		same := found.ID == before.ID && found.Node == before.Node
		if found.Epoch < before.epoch || same && !before.ended.IsZero() && time.Since(before.ended) < again {
			return
		}
		if same && before.ended.IsZero() { // its lease may be a newer one: the registry has forgotten, or was told that it was gone
			before.epoch = found.Epoch
			return
		}
	}
	if found.Node == l.Node.ID {
		return // it is in our hub already
	}
	if before != nil && !before.began {
		before.cancel() // nothing has come of it: nobody waits for it any more
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &pull{Ladder: found, cancel: cancel, epoch: found.Epoch, units: make(chan []media.AccessUnit)}
	l.pulls[stream] = p
	running.Go(func() {
		defer cancel()
		l.read(ctx, stream, p)
	})
}

// read hands a ladder to the line of its stream until either lets go of it.
func (l *Ladders) read(ctx context.Context, stream string, p *pull) {
	key := hub.Key{Stream: stream, Stage: hub.Ladder}
	own := hub.New() // nobody else sees it before its turn
	opened, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	var pulling sync.WaitGroup
	pulling.Go(func() {
		defer cancel()
		err = l.Puller.Pull(ctx, p.URL, key, own, func(id int64) int64 { return id })
	})
	if pub, gone := own.Await(opened, key, nil); gone == nil {
		l.begun(p, pub)
		p.copy(ctx, pub, l.lines[stream].begun)
	}
	p.cancel()
	pulling.Wait()
	l.mu.Lock()
	p.ended = time.Now()
	current := l.pulls[stream] == p
	l.mu.Unlock()
	told := errors.Is(err, hub.ErrEnded) || errors.Is(err, hub.ErrOver) || errors.Is(err, hub.ErrLost) || errors.Is(err, hub.ErrReplaced)
	if errors.Is(err, context.Canceled) || told || !current || errors.Is(err, relay.ErrNone) {
		return
	}
	l.Log.Warn("ladder lost", "stream", stream, "node", p.Node, "epoch", p.Epoch, "err", err)
	breakOf(ctx, l.Registry, stream, p.Node)
}

func (l *Ladders) begun(p *pull, pub *hub.Publication) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.began, p.tracks = true, pub.Tracks
}

// copy offers the ladder and hands on what comes of it.
func (p *pull) copy(ctx context.Context, pub *hub.Publication, offer chan<- *pull) {
	sub := pub.Subscribe()
	defer sub.Close()
	defer close(p.units)
	p.reason = hub.ErrLost
	select {
	case offer <- p:
	case <-ctx.Done():
		return
	}
	for {
		units, err := sub.Next(ctx, nil)
		if err != nil {
			if ctx.Err() == nil {
				p.reason = err
			}
			return
		}
		select {
		case p.units <- units:
		case <-ctx.Done():
			return
		}
	}
}

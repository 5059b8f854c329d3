package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode"
)

// PoolRunner encodes in the Pool of this node, whose hub it fills with the sources of others.
type PoolRunner struct {
	Node   Node
	Hub    *hub.Hub
	Pool   *transcode.Pool
	Puller Puller
	Keep   time.Duration // for which a job whose source is nowhere is kept
	Log    *slog.Logger

	mu       sync.Mutex // guards starting
	starting map[string]*media.Track
}

// Room implements Runner.
func (r *PoolRunner) Room(s Source) (ok bool, load float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Pool.Room(s.Stream, s.Picture(), r.starting)
}

// Yields implements Runner.
func (r *PoolRunner) Yields(s Source) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Pool.Yields(s.Stream, s.Picture(), s.Priority, r.starting)
}

// Encode implements Runner.
func (r *PoolRunner) Encode(ctx context.Context, stream string, find func() (Source, bool), ready func(int64)) {
	if s, ok := find(); ok {
		r.note(stream, s.Picture())
		defer r.note(stream, nil)
	}
	ready(0)
	inner, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = r.Pool.Run(inner, stream) })
	running.Go(func() { r.watch(inner, stream, ready) })
	if r.feed(ctx, stream, find) {
		r.drained(ctx, stream)
	}
}

// note keeps what a job that was just taken will need, until it is known what it takes.
func (r *PoolRunner) note(stream string, picture *media.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.starting == nil {
		r.starting = make(map[string]*media.Track)
	}
	if r.starting[stream] = picture; picture == nil {
		delete(r.starting, stream)
	}
}

// watch tells of each ladder that can be read here.
func (r *PoolRunner) watch(ctx context.Context, stream string, ready func(int64)) {
	var last *hub.Publication
	for {
		pub, err := r.Hub.Await(ctx, hub.Key{Stream: stream, Stage: hub.Ladder}, last)
		if err != nil {
			return
		}
		last = pub
		if pub.Err() == nil {
			ready(pub.ID)
		}
	}
}

// feed has the source in our hub for as long as there is one. It returns whether it has ended for good.
func (r *PoolRunner) feed(ctx context.Context, stream string, find func() (Source, bool)) bool {
	seen := time.Now()
	for ctx.Err() == nil {
		s, ok := find()
		switch {
		case !ok && time.Since(seen) > r.Keep:
			return false
		case ok:
			seen = time.Now()
			if r.read(ctx, stream, s, find) {
				return true
			}
		}
		select {
		case <-time.After(tick):
		case <-ctx.Done():
		}
	}
	return false
}

// read has one source in our hub until it ends or another node has a newer one, and returns whether it has ended for good.
func (r *PoolRunner) read(ctx context.Context, stream string, s Source, find func() (Source, bool)) bool {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		for ctx.Err() == nil {
			if other, ok := find(); ok && other.follows(s) {
				r.Log.Info("source has moved", "stream", stream, "from", s.Node, "to", other.Node)
				cancel()
			}
			select {
			case <-time.After(tick):
			case <-ctx.Done():
			}
		}
	})
	key := hub.Key{Stream: stream, Stage: hub.Source}
	if s.Node == r.Node.ID {
		return over(r.await(ctx, key))
	}
	err := r.Puller.Pull(ctx, s.URL, key, r.Hub, func(id int64) int64 {
		if newest := r.Hub.Newest(key); newest != nil {
			id = max(id, newest.ID+1)
		}
		return id
	})
	if !over(err) && ctx.Err() == nil {
		r.Log.Info("source ceased", "stream", stream, "node", s.Node, "reason", err)
	}
	return over(err)
}

// await blocks until a publication of our own has ended, and returns why.
func (r *PoolRunner) await(ctx context.Context, key hub.Key) error {
	for ctx.Err() == nil {
		pub := r.Hub.Newest(key)
		if pub == nil {
			return nil
		}
		if err := pub.Err(); err != nil {
			return err
		}
		select {
		case <-time.After(tick):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func over(err error) bool { return errors.Is(err, hub.ErrEnded) || errors.Is(err, hub.ErrOver) }

// drainTime is more than the pool takes to give out the last of a source.
const drainTime = 5 * time.Second

// drained waits until the ladder of a source that has ended has ended too, and its readers have been told.
func (r *PoolRunner) drained(ctx context.Context, stream string) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	_ = r.await(ctx, hub.Key{Stream: stream, Stage: hub.Ladder})
}

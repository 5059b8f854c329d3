package cluster

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/registry"
)

// Sources announces the sources that the hub of this node has, so that workers come for them, and knows which of them wait. Of two nodes that
// have a stream, as when its encoder has come back to another one, the one that had it last announces it. Run it once.
type Sources struct {
	Node     Node
	Hub      *hub.Hub
	Registry registry.Registry
	Streams  []string
	Priority func(stream string) int // nil: all alike
	Log      *slog.Logger

	mu      sync.Mutex // guards waiting
	waiting map[string]*waiting
}

// Waiting is a stream that no node encodes.
type Waiting struct {
	Stream   string    `json:"stream"`
	Priority int       `json:"priority"`
	Since    time.Time `json:"since"`
}

type waiting struct {
	Waiting
	said bool // in the log
}

// waitsLong is how long nobody may encode a stream before that is worth a warning: longer than it takes when a worker dies.
const waitsLong = 3 * time.Second

// Run announces until ctx ends. It returns nil.
func (s *Sources) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	said := make(map[string]Source)
	at := make(map[string]time.Time)
	var looked time.Time
	for {
		for _, stream := range s.Streams {
			was, known := said[stream]
			now, open := s.source(stream)
			switch {
			case open && (was != now || time.Since(at[stream]) >= announce):
				if s.newest(ctx, now) && s.Registry.Announce(ctx, kindSource, stream, encode(now), announced) == nil {
					said[stream] = now
				}
				at[stream] = time.Now()
			case !open && known:
				if s.Registry.Withdraw(ctx, kindSource, stream, encode(was)) == nil {
					delete(said, stream)
				}
			}
		}
		if time.Since(looked) >= announce {
			s.look(ctx, said, time.Now())
			looked = time.Now()
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// source of a stream; open is false where there is none.
func (s *Sources) source(stream string) (out Source, open bool) {
	pub := s.Hub.Newest(hub.Key{Stream: stream, Stage: hub.Source})
	if pub == nil || pub.Err() != nil {
		return out, false
	}
	out = Source{Stream: stream, Node: s.Node.ID, URL: s.Node.URL, ID: pub.ID, Since: pub.ID}
	if s.Priority != nil {
		out.Priority = s.Priority(stream)
	}
	for i := range pub.Tracks {
		if t := &pub.Tracks[i]; t.Kind() == media.Video {
			out.Width, out.Height, out.Rate = t.Width, t.Height, t.FrameRate
			break
		}
	}
	return out, true
}

// newest reports that no other node has announced the stream with a publication that began later.
func (s *Sources) newest(ctx context.Context, ours Source) bool {
	all, err := s.Registry.List(ctx, kindSource)
	if err != nil {
		return false
	}
	other, ok := decode[Source](all[ours.Stream])
	return !ok || !other.follows(ours)
}

// look finds the sources that nobody encodes. Where the registry does not say, what was seen before stands.
func (s *Sources) look(ctx context.Context, said map[string]Source, now time.Time) {
	leases, err := s.Registry.Leases(ctx)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(map[string]*waiting)
	}
	for stream, w := range s.waiting {
		l, held := leases[stream]
		if _, open := said[stream]; open && !held {
			continue
		}
		if w.said && held {
			s.Log.Info("stream is encoded at last", "stream", stream, "node", l.Owner, "waited", now.Sub(w.Since))
		}
		delete(s.waiting, stream)
	}
	for stream, source := range said {
		if _, held := leases[stream]; held {
			continue
		}
		w := s.waiting[stream]
		if w == nil {
			w = &waiting{Waiting: Waiting{Stream: stream, Priority: source.Priority, Since: now}}
			s.waiting[stream] = w
		}
		if !w.said && now.Sub(w.Since) >= waitsLong {
			s.Log.Warn("no node encodes the stream: none has room, or there is none", "stream", stream, "priority", w.Priority)
			w.said = true
		}
	}
}

// Waiting are the streams of this node that nobody encodes, in the order in which they will be taken.
func (s *Sources) Waiting() []Waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Waiting, 0, len(s.waiting))
	for _, w := range s.waiting {
		out = append(out, w.Waiting)
	}
	slices.SortFunc(out, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Since.Compare(b.Since), cmp.Compare(a.Stream, b.Stream))
	})
	return out
}

// Lost breaks the lease of a node that read a source of ours and is gone, so that another takes the job at once. A node that lives has
// it again before anybody else takes it.
func (s *Sources) Lost(ctx context.Context, stream, node string) {
	breakOf(ctx, s.Registry, stream, node)
}

// breakOf ends the lease of a stream where that node holds it.
func breakOf(ctx context.Context, r registry.Registry, stream, node string) {
	leases, err := r.Leases(ctx)
	if l, held := leases[stream]; err == nil && held && l.Owner == node {
		_ = r.Break(ctx, stream, l.Epoch)
	}
}

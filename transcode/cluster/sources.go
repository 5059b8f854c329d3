package cluster

import (
	"context"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/registry"
)

// Sources announces the sources that the hub of this node has, so that workers come for them. Run it once.
type Sources struct {
	Node     Node
	Hub      *hub.Hub
	Registry registry.Registry
	Streams  []string
	Priority func(stream string) int // nil: all alike
}

// Run announces until ctx ends. It returns nil.
func (s *Sources) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	said := make(map[string]Source)
	at := make(map[string]time.Time)
	for {
		for _, stream := range s.Streams {
			was, known := said[stream]
			now, open := s.source(stream)
			switch {
			case open && (was != now || time.Since(at[stream]) >= announce):
				if s.Registry.Announce(ctx, kindSource, stream, encode(now), announced) == nil {
					said[stream], at[stream] = now, time.Now()
				}
			case !open && known:
				if s.Registry.Withdraw(ctx, kindSource, stream, encode(was)) == nil {
					delete(said, stream)
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

package ingest

import (
	"context"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/internal/media"
)

// watchEvery is how often the Gate looks whether another input should be on air.
const watchEvery = 50 * time.Millisecond

// Run chooses which input of each stream is on air, and shows slates, until ctx ends. Without it an input follows on another
// only when that ends. It returns nil.
func (g *Gate) Run(ctx context.Context) error {
	var making errgroup.Group
	making.SetLimit(1) // a slate is not worth that streams starve for it
	defer func() { _ = making.Wait() }()
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			g.watch(ctx, &making)
		case <-ctx.Done():
			return nil
		}
	}
}

// watch is one look.
func (g *Gate) watch(ctx context.Context, making *errgroup.Group) {
	for _, p := range g.all() {
		now := g.now()
		p.tick(now)
		if g.config.Slate == nil {
			continue
		}
		p.show(g, now)
		if tracks := p.missing(now); tracks != nil {
			making.TryGo(func() error {
				g.makeSlate(ctx, p, tracks)
				return nil
			})
		}
	}
}

func (g *Gate) makeSlate(ctx context.Context, p *programme, tracks []media.Track) {
	loop, err := g.config.Slate.Make(ctx, tracks)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		g.log.Warn("no slate: viewers will be told of a gap instead", "stream", p.stream, "err", err)
		loop = nil
	}
	p.made(tracks, loop)
}

// programme of a stream; nil where nobody has published it yet.
func (g *Gate) programme(stream string) *programme {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.programmes[stream]
}

// Switch puts an input of a stream on air because the operator wants it, now or at its next random access point; the one
// that is not, where to is empty. A pin is taken off. The error is ErrNoStream or ErrNoInput.
func (g *Gate) Switch(stream string, to Role) error {
	p := g.programme(stream)
	if p == nil {
		return ErrNoStream
	}
	return p.drill(to, g.now())
}

// Pin keeps an input of a stream on air whenever it sends anything, however healthy another is; none where role is empty.
// The error is ErrNoStream or ErrNoInput.
func (g *Gate) Pin(stream string, role Role) error {
	p := g.programme(stream)
	if p == nil {
		return ErrNoStream
	}
	if role != "" && !role.encoder() {
		return ErrNoInput
	}
	p.pin(role)
	return nil
}

// EndBroadcast ends a stream's broadcast and its sessions, with ReasonEnded. An encoder that connects again begins another.
// The error is ErrNoStream where there is nothing to end.
func (g *Gate) EndBroadcast(stream string) error {
	p := g.programme(stream)
	if p == nil {
		return ErrNoStream
	}
	return p.end()
}

// Status is what a stream's inputs do.
type Status struct {
	Stream string  `json:"-"`
	OnAir  Role    `json:"onAir,omitempty"`
	Pinned Role    `json:"pinned,omitempty"`
	Next   Role    `json:"next,omitempty"` // goes on air with its next random access point
	Last   *Change `json:"last,omitempty"` // the last switch
	Inputs []Input `json:"inputs"`         // primary first

	switches map[SwitchReason]int64
}

// Statuses describes all streams that have been published, by name.
func (g *Gate) Statuses() []Status {
	var out []Status
	for _, p := range g.all() {
		out = append(out, p.status(g.now()))
	}
	return out
}

func (p *programme) status(now time.Time) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Stream: p.stream, OnAir: p.role(), Pinned: p.choice.pinned, Inputs: []Input{}, switches: make(map[SwitchReason]int64)}
	if p.waiting != nil {
		s.Next = p.waiting.role
	}
	if !p.last.At.IsZero() {
		last := p.last
		s.Last = &last
	}
	for _, in := range p.inputs {
		if in.role.encoder() {
			described := in.meter.input(in, now)
			described.OnAir = in == p.onAir
			s.Inputs = append(s.Inputs, described)
		}
	}
	sort.Slice(s.Inputs, func(i, j int) bool { return s.Inputs[i].Role > s.Inputs[j].Role })
	for r, n := range p.switches {
		s.switches[r] = n
	}
	return s
}

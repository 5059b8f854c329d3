package ingest

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/internal/media"
)

// SetClock makes a Gate read the time of day from now.
func (g *Gate) SetClock(now func() time.Time) { g.now = now }

// Look is one look of Run, with all that follows from it done when it returns.
func (g *Gate) Look() {
	var making errgroup.Group
	making.SetLimit(1)
	g.watch(context.Background(), &making)
	_ = making.Wait()
}

// Health, with what it is told.
type Health = health

func (h *health) Picture(t *media.Track, bytes int, random bool, length time.Duration, missing int64, now time.Time) {
	h.picture(t, bytes, random, length, missing, now)
}
func (h *health) Sound(bytes int, length time.Duration, now time.Time) {
	h.sound(bytes, length, false, now)
}
func (h *health) Jumped(n int64, now time.Time) { h.jumped(n, now) }
func (h *health) Drop(now time.Time)            { h.drop(now) }
func (h *health) Network(l Link, now time.Time) { h.link(l, now) }
func (h *health) Score(now time.Time) float64   { return h.score(now) }
func (h *health) Names(now time.Time) (out []string) {
	for _, a := range h.ailments(now) {
		out = append(out, a.Name)
	}
	return out
}

// Selector, with what it is told.
type (
	Selector = selector
	State    = state
)

// NewState of an input.
func NewState(quiet time.Duration, score float64) State { return State{quiet: quiet, score: score} }

func (c *selector) Choose(now time.Time, onAir Role, in map[Role]State) (Role, SwitchReason) {
	return c.choose(now, onAir, in)
}
func (c *selector) Pin(r Role)             { c.pinned = r }
func (c *selector) Switched(now time.Time) { c.switched(now) }

// IsEncoder reports whether the role is that of a broadcaster.
func (r Role) IsEncoder() bool { return r.encoder() }

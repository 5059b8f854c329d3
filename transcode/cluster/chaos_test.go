package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// players of a stream are the living workers that encode it, whoever is read.
func (th *theatre) players() map[string]int {
	out := make(map[string]int)
	for _, a := range th.actors {
		a.mu.Lock()
		for s := range a.playing {
			out[s]++
		}
		a.mu.Unlock()
	}
	return out
}

// disturb does one of the things that befall a worker, for a while, and returns when it is over.
func (th *theatre) disturb(r *rand.Rand) {
	a := th.actors[r.IntN(len(th.actors))]
	pause := time.Duration(r.IntN(4000)) * time.Millisecond
	switch r.IntN(6) {
	case 0: // it dies, and another comes
		a.die()
		th.enter(fmt.Sprintf("newcomer%d", len(th.actors)), a.places)
	case 1, 2: // it stands still, long enough to lose its jobs or not
		if a.link.frozen.Load() == nil {
			time.AfterFunc(pause, a.link.freeze())
		}
	case 3: // it is cut off
		if !a.link.cut.Load() {
			a.link.cut.Store(true)
			time.AfterFunc(pause, func() {
				select {
				case <-a.dead:
				default:
					a.link.cut.Store(false)
				}
			})
		}
	case 4: // a lease is broken though its holder lives
		held, err := th.registry.Leases(th.t.Context())
		require.NoError(th.t, err)
		stream := th.streams[r.IntN(len(th.streams))]
		require.NoError(th.t, th.registry.Break(th.t.Context(), stream, held[stream].Epoch))
	case 5: // it is sent away, and comes back under another name
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		go func() {
			defer cancel()
			_ = a.Drain(ctx)
			a.kill()
		}()
		th.enter(fmt.Sprintf("newcomer%d", len(th.actors)), a.places)
	}
}

// Whatever befalls the workers: what holds at every moment (see step) does, and soon after it is over every stream has one worker, and
// one only.
func TestWorkersInTrouble(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				th := newTheatre(t, 20, 14, 200)
				defer th.end()
				th.until(4 * time.Second)
				for range 40 {
					th.disturb(r)
					for range r.IntN(10) {
						th.step(100 * time.Millisecond)
					}
				}
				th.step(4 * time.Second) // the last pause is over
				t.Logf("in peace again after %v", th.until(4*time.Second))
				th.step(8 * time.Second) // who was sent away has gone
				require.Empty(t, th.uncovered())
				for stream, n := range th.players() {
					require.Equal(t, 1, n, stream)
				}
			})
		})
	}
}

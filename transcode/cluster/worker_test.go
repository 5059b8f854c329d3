package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/registry"
)

var discard = slog.New(slog.DiscardHandler)

// link is a node's way to the registry, which can be cut, or hang as all of a stopped process does.
type link struct {
	registry.Registry
	cut    atomic.Bool
	far    atomic.Int64                  // what each answer takes, in nanoseconds
	frozen atomic.Pointer[chan struct{}] // closed: go on
}

var errCut = errors.New("no way to the registry")

func (l *link) pass() error {
	if f := l.frozen.Load(); f != nil {
		<-*f
	}
	time.Sleep(time.Duration(l.far.Load()))
	if l.cut.Load() {
		return errCut
	}
	return nil
}

func (l *link) freeze() (thaw func()) {
	c := make(chan struct{})
	l.frozen.Store(&c)
	return func() { l.frozen.Store(nil); close(c) }
}

func (l *link) Announce(ctx context.Context, kind, key, value string, ttl time.Duration) error {
	if err := l.pass(); err != nil {
		return err
	}
	return l.Registry.Announce(ctx, kind, key, value, ttl)
}

func (l *link) List(ctx context.Context, kind string) (map[string]string, error) {
	if err := l.pass(); err != nil {
		return nil, err
	}
	return l.Registry.List(ctx, kind)
}

func (l *link) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (registry.Lease, bool, error) {
	if err := l.pass(); err != nil {
		return registry.Lease{}, false, err
	}
	return l.Registry.Acquire(ctx, name, owner, ttl)
}

func (l *link) Break(ctx context.Context, name string, epoch int64) error {
	if err := l.pass(); err != nil {
		return err
	}
	return l.Registry.Break(ctx, name, epoch)
}

func (l *link) Leases(ctx context.Context) (map[string]registry.Lease, error) {
	if err := l.pass(); err != nil {
		return nil, err
	}
	return l.Registry.Leases(ctx)
}

// actor is a worker that only pretends to encode.
type actor struct {
	*Worker
	link   *link
	places int
	kill   context.CancelFunc
	dead   chan struct{}

	mu      sync.Mutex // guards playing
	playing map[string]bool
}

// Room implements Runner.
func (a *actor) Room(Source) (bool, float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.playing) < a.places, float64(len(a.playing)) / float64(a.places)
}

// Yields implements Runner.
func (a *actor) Yields(Source) bool { return false }

// Encode implements Runner. It has its place from the moment that the job is taken.
func (a *actor) Encode(ctx context.Context, stream string, _ func() (Source, bool), ready func(int64)) {
	a.set(stream, true)
	ready(0)
	defer a.set(stream, false)
	select {
	case <-time.After(200 * time.Millisecond): // as ffmpeg needs to begin
		ready(1)
	case <-ctx.Done():
	}
	<-ctx.Done()
}

func (a *actor) set(stream string, on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.playing[stream] = on; !on {
		delete(a.playing, stream)
	}
}

func (a *actor) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.playing)
}

// theatre is a cluster on a clock of its own.
type theatre struct {
	t        *testing.T
	registry *registry.Memory
	actors   []*actor
	streams  []string
	stop     context.CancelFunc
	read     map[string]Ladder // that a reader has chosen, as Ladders does
}

func newTheatre(t *testing.T, workers, places, streams int) *theatre {
	ctx, cancel := context.WithCancel(t.Context())
	th := &theatre{t: t, registry: &registry.Memory{}, stop: cancel, read: make(map[string]Ladder)}
	for n := range streams {
		th.streams = append(th.streams, fmt.Sprintf("stream%03d", n))
	}
	go func() { // the ingest
		tick := time.NewTicker(announce)
		defer tick.Stop()
		for {
			for n, s := range th.streams {
				_ = th.registry.Announce(ctx, kindSource, s, encode(Source{Since: int64(n)}), announced)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	for n := range workers {
		th.enter(fmt.Sprintf("worker%02d", n), places)
	}
	return th
}

func (th *theatre) enter(name string, places int) *actor {
	a := &actor{link: &link{Registry: th.registry}, places: places, dead: make(chan struct{}), playing: make(map[string]bool)}
	a.Worker = NewWorker(Node{ID: name, URL: "http://" + name}, a.link, a, discard)
	ctx, cancel := context.WithCancel(context.Background())
	a.kill = cancel
	go func() {
		defer close(a.dead)
		_ = a.Run(ctx)
	}()
	th.actors = append(th.actors, a)
	return a
}

// die ends a worker as kill -9 does: it says nothing to anybody.
func (a *actor) die() {
	a.link.cut.Store(true)
	a.kill()
	<-a.dead
}

// step lets time pass and holds what must hold at every moment: nobody has more than it has room for, and the ladder that readers choose is of
// a lease that no other job has had.
func (th *theatre) step(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	for _, a := range th.actors {
		require.LessOrEqual(th.t, a.count(), a.places, a.node.ID)
	}
	all, err := th.registry.List(th.t.Context(), kindLadder)
	require.NoError(th.t, err)
	for stream, text := range all {
		l, ok := decode[Ladder](text)
		require.True(th.t, ok)
		was := th.read[stream]
		if l.Epoch == was.Epoch {
			require.Equal(th.t, was.Node, l.Node, "%s: one lease, one node", stream)
		}
		if l.Epoch > was.Epoch {
			th.read[stream] = l
		}
	}
}

// uncovered are the streams that no living worker encodes under the newest lease.
func (th *theatre) uncovered() (out []string) {
	held, err := th.registry.Leases(th.t.Context())
	require.NoError(th.t, err)
	owners := make(map[string]*actor)
	for _, a := range th.actors {
		owners[a.node.ID] = a
	}
	for _, s := range th.streams {
		a := owners[held[s].Owner]
		if a == nil {
			out = append(out, s)
			continue
		}
		a.mu.Lock()
		if !a.playing[s] {
			out = append(out, s)
		}
		a.mu.Unlock()
	}
	return out
}

// until lets time pass until every stream is encoded, and returns how long that took.
func (th *theatre) until(most time.Duration) (took time.Duration) {
	for began := time.Now(); ; th.step(20 * time.Millisecond) {
		took = time.Since(began)
		left := th.uncovered()
		if len(left) == 0 {
			return took
		}
		require.LessOrEqual(th.t, took, most, "%d streams without a worker: %v", len(left), left[:min(3, len(left))])
	}
}

func (th *theatre) end() {
	for _, a := range th.actors {
		a.link.frozen.Store(nil)
		a.kill()
		<-a.dead
	}
	th.stop()
	synctest.Wait()
}

func TestTwoHundredJobsOnTwentyWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 20, 14, 200)
		defer th.end()
		t.Logf("all placed after %v", th.until(4*time.Second))
		least, most := 200, 0
		for _, a := range th.actors {
			least, most = min(least, a.count()), max(most, a.count())
		}
		require.LessOrEqual(t, most-least, 5, "the jobs are spread: from %d to %d", least, most)

		// A quarter is lost, in every way that there is.
		thaw := []func(){th.actors[3].link.freeze(), th.actors[4].link.freeze()}
		for _, a := range th.actors[:3] {
			a.die()
		}
		t.Logf("without a quarter of the workers, all placed again after %v", th.until(2*time.Second))
		before := th.read
		for _, a := range th.actors[3:5] {
			require.Positive(t, a.count(), "those that stand still do not know yet")
		}
		for _, f := range thaw {
			f()
		}
		th.step(time.Second)
		for _, a := range th.actors[3:5] {
			require.Positive(t, a.Status().Fenced, "and are told")
		}
		all, err := th.registry.List(t.Context(), kindLadder)
		require.NoError(t, err)
		for stream, text := range all {
			l, _ := decode[Ladder](text)
			require.Equal(t, th.read[stream], l, "what they still had to say is soon forgotten")
		}
		require.Zero(t, th.until(0))
		for stream, l := range before {
			require.GreaterOrEqual(t, th.read[stream].Epoch, l.Epoch)
		}
		th.enter("newcomer", 14)
		th.step(5 * time.Second)
		require.Empty(t, th.uncovered(), "nothing is moved without need")
	})
}

// Leases are kept though every answer takes a while.
func TestARegistryThatIsFarAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 2, 40, 40)
		defer th.end()
		th.until(6 * time.Second)
		for _, a := range th.actors {
			a.link.far.Store(int64(40 * time.Millisecond))
		}
		before := th.players()
		th.step(time.Minute)
		for _, a := range th.actors {
			require.Zero(t, a.Status().Fenced)
		}
		require.Equal(t, before, th.players())
		require.Empty(t, th.uncovered())
	})
}

// A ladder that nobody takes is announced for as long as it is there, so that readers that come find it.
func TestALadderThatLeavesIsAnnouncedUntilAnotherHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 2, 3, 6)
		defer th.end()
		th.until(4 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.Error(t, th.actors[0].Drain(ctx))
		all, err := th.registry.List(t.Context(), kindLadder)
		require.NoError(t, err)
		require.Len(t, all, 6)
		a := th.enter("newcomer", 3)
		th.step(8 * time.Second)
		require.Equal(t, 3, a.count(), "it takes them over")
		require.Zero(t, th.actors[0].count())
	})
}

// Lost is every worker's way to the registry: what runs goes on, and is as it was when there is a way again.
func TestALossOfTheRegistryStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 4, 10, 20)
		defer th.end()
		th.until(4 * time.Second)
		counts := func() (out []int) {
			for _, a := range th.actors {
				out = append(out, a.count())
			}
			return out
		}
		before := counts()
		for _, a := range th.actors {
			a.link.cut.Store(true)
		}
		th.step(time.Minute)
		require.Equal(t, before, counts())
		require.NotEmpty(t, th.actors[0].Status().Problem)
		for _, a := range th.actors {
			a.link.cut.Store(false)
		}
		th.step(2 * time.Second)
		require.Empty(t, th.uncovered())
		require.Equal(t, before, counts(), "each has its own again")
	})
}

func TestADrainedWorkerGivesItsJobsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 3, 10, 15)
		defer th.end()
		th.until(4 * time.Second)
		a := th.actors[0]
		had := a.count()
		require.Positive(t, had)
		drained := make(chan error)
		go func() { drained <- a.Drain(t.Context()) }()
		th.step(time.Second)
		require.Equal(t, had, a.count(), "it goes on until the others have begun")
		require.NoError(t, <-drained)
		require.Zero(t, a.count())
		require.Empty(t, th.uncovered())
		th.step(3 * time.Second)
		require.Zero(t, a.count(), "it takes no more")
	})
}

// What nobody else has room for stays where it is.
func TestADrainThatNobodyAnswersEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, 2, 3, 6)
		defer th.end()
		th.until(4 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, th.actors[0].Drain(ctx), context.DeadlineExceeded)
		require.Equal(t, 3, th.actors[0].count(), "the other one is full")
	})
}

func TestJobsThatWaitAreTakenByPriorityAndAge(t *testing.T) {
	w := NewWorker(Node{ID: "a"}, &registry.Memory{}, &actor{places: 10}, discard)
	sources := map[string]string{
		"old": encode(Source{Since: 1}), "new": encode(Source{Since: 2}), "first": encode(Source{Since: 3, Priority: 1}), "held": encode(Source{}), "bad": "{",
	}
	leases := map[string]registry.Lease{"held": {Owner: "b", Epoch: 1}}
	require.Empty(t, w.claims(sources, leases), "not at once")
	for s := range w.free {
		w.free[s] = w.free[s].Add(-time.Minute)
	}
	require.Equal(t, []string{"first", "old"}, w.claims(sources, leases), "two at a time")
}

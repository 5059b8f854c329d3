package cluster

import (
	"cmp"
	"context"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/registry"
)

// Runner encodes.
type Runner interface {
	// Room reports whether a source would be given at least its lowest rung here, and which part of this node is taken, 0 to 1.
	Room(Source) (ok bool, load float64)

	// Yields reports whether streams of no higher priority would give up rungs here for its last one.
	Yields(Source) bool

	// Encode encodes a stream until ctx ends, or its source has ended for good. find says where the source is now; ok is false while
	// nobody has it. ready is called with 0 once Room counts the stream, then with the ID of each ladder that can be read here.
	Encode(ctx context.Context, stream string, find func() (s Source, ok bool), ready func(id int64))
}

// Worker takes jobs for one node. It is safe for concurrent use; Run it once.
type Worker struct {
	node     Node
	registry registry.Registry
	runner   Runner
	log      *slog.Logger

	mu       sync.Mutex // guards everything below
	jobs     map[string]*job
	sources  map[string]Source    // as they were at the last look
	free     map[string]time.Time // since when each source has been seen without a worker
	claimed  time.Time            // when jobs were last taken
	draining bool
	taken    int64 // jobs, so far
	fenced   int64 // jobs that another has taken
	problem  string
}

// job is a stream that this node encodes.
type job struct {
	stream string
	cancel context.CancelFunc
	done   chan struct{}

	// Guarded by the worker.
	epoch   int64
	renewed time.Time
	ladder  int64 // ID of what can be read; 0: nothing yet
	told    time.Time
	leaving bool      // it is to be taken by another
	handed  time.Time // since when another has it
	fenced  bool      // another took it, unasked
}

// NewWorker makes a Worker of a node.
func NewWorker(n Node, r registry.Registry, runner Runner, log *slog.Logger) *Worker {
	return &Worker{node: n, registry: r, runner: runner, log: log, jobs: make(map[string]*job), free: make(map[string]time.Time)}
}

// Run takes jobs and keeps them until ctx ends, and returns when all have ended. It returns nil.
func (w *Worker) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	t := time.NewTicker(tick)
	defer t.Stop()
	var said time.Time
	for {
		w.renew(inner)
		w.look(inner, &running)
		if now := time.Now(); now.Sub(said) >= announce {
			w.say(inner)
			said = now
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			w.leave()
			return nil
		}
	}
}

// leave lets go of every lease at once, so that others need not wait for it to end.
func (w *Worker) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	w.mu.Lock()
	jobs := make(map[string]int64)
	for stream, j := range w.jobs {
		jobs[stream] = j.epoch
	}
	w.mu.Unlock()
	for stream, epoch := range jobs {
		_ = w.registry.Break(ctx, stream, epoch)
	}
}

// renew keeps the leases. Where the registry cannot be reached nobody else can take a job either, or takes it with a higher epoch, which
// readers prefer: the job goes on. Where another has the lease it ends.
func (w *Worker) renew(ctx context.Context) {
	var asked sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, j := range w.kept() {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			if w.due(j) {
				w.prolong(ctx, j)
			}
			w.tell(ctx, j)
		})
	}
	asked.Wait()
}

// atOnce is how many jobs the registry is asked about at a time: all leases must be prolonged before the first ends, however far away it is.
const atOnce = 8

// prolong keeps the lease of a job.
func (w *Worker) prolong(ctx context.Context, j *job) {
	l, ok, err := w.registry.Acquire(ctx, j.stream, w.node.ID, leaseTime)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.trouble(err)
	case ok:
		w.trouble(nil)
		j.renewed = time.Now()
		if l.Epoch != j.epoch {
			j.epoch, j.told = l.Epoch, time.Time{}
		}
	case !j.leaving && !j.fenced:
		j.fenced = true
		w.fenced++
		w.log.Warn("job taken by another node", "stream", j.stream, "node", l.Owner, "epoch", l.Epoch)
		j.cancel()
	}
}

// kept are the jobs whose ladders are still this node's to announce: those that leave are, until another node has them.
func (w *Worker) kept() (out []*job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.jobs {
		if !j.fenced && j.handed.IsZero() {
			out = append(out, j)
		}
	}
	slices.SortFunc(out, func(a, b *job) int { return cmp.Compare(a.stream, b.stream) })
	return out
}

// due reports whether a job's lease is to be prolonged.
func (w *Worker) due(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !j.leaving && time.Since(j.renewed) >= renewEvery
}

// trouble logs when the registry ceases to answer, and when it does again.
func (w *Worker) trouble(err error) { // w.mu is held
	switch {
	case err != nil && w.problem == "":
		w.problem = err.Error()
		w.log.Error("the registry does not answer: what runs goes on, nothing new is taken", "err", err)
	case err == nil && w.problem != "":
		w.problem = ""
		w.log.Info("the registry answers again")
	}
}

// tell announces a ladder that can be read, unless another node has the job.
func (w *Worker) tell(ctx context.Context, j *job) {
	w.mu.Lock()
	l := Ladder{Node: w.node.ID, URL: w.node.URL, Epoch: j.epoch, ID: j.ladder}
	due := j.ladder != 0 && !j.fenced && j.handed.IsZero() && time.Since(j.told) >= announce
	w.mu.Unlock()
	if due && w.registry.Announce(ctx, kindLadder, j.stream, encode(l), announced) == nil {
		w.mu.Lock()
		j.told = time.Now()
		w.mu.Unlock()
	}
}

// look takes the jobs that nobody has.
func (w *Worker) look(ctx context.Context, running *sync.WaitGroup) {
	sources, err := w.registry.List(ctx, kindSource)
	var leases map[string]registry.Lease
	if err == nil {
		leases, err = w.registry.Leases(ctx)
	}
	w.mu.Lock()
	w.trouble(err)
	if err != nil {
		clear(w.free) // what was seen before says nothing
	}
	w.mu.Unlock()
	if err != nil {
		return
	}
	for _, stream := range w.claims(sources, leases) {
		if s, _ := w.source(stream); !w.takes(s, yieldAfter) {
			continue // what was taken just now has filled this node
		}
		if l, ok, err := w.registry.Acquire(ctx, stream, w.node.ID, leaseTime); err == nil && ok {
			w.start(ctx, running, stream, l.Epoch)
		}
	}
	w.hand(leases)
}

// claims are the streams to be taken now: those that have been without a worker for long enough, of the highest priority first, then the
// oldest, as far as there is room.
func (w *Worker) claims(announcements map[string]string, leases map[string]registry.Lease) (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.sources = make(map[string]Source, len(announcements))
	for stream, text := range announcements {
		if s, ok := decode[Source](text); ok {
			w.sources[stream] = s
		}
	}
	for stream := range w.free {
		if _, ok := w.sources[stream]; !ok {
			delete(w.free, stream)
		}
	}
	for stream, s := range w.sources {
		if _, held := leases[stream]; held || w.jobs[stream] != nil {
			delete(w.free, stream)
			continue
		}
		if w.free[stream].IsZero() {
			w.free[stream] = now
		}
		if waited := now.Sub(w.free[stream]); waited >= claimAfter && !w.draining && w.takes(s, waited) {
			out = append(out, stream)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		x, y := w.sources[a], w.sources[b]
		return cmp.Or(cmp.Compare(y.Priority, x.Priority), cmp.Compare(x.Since, y.Since), cmp.Compare(a, b))
	})
	_, load := w.runner.Room(Source{})
	if pause := time.Duration(load * float64(claimPause)); len(out) == 0 || now.Sub(w.claimed) < pause {
		return nil
	}
	w.claimed = now
	w.spread(out)
	return out[:min(claimMost, len(out))]
}

// spread has each node begin elsewhere among the oldest streams of the highest priority, so that not all go for the same one.
func (w *Worker) spread(streams []string) {
	n := 1
	for n < min(len(streams), spreadOver) && w.sources[streams[n]].Priority == w.sources[streams[0]].Priority {
		n++
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.node.ID))
	from := int(h.Sum32() % uint32(n))
	copy(streams, slices.Concat(streams[from:n], streams[:from]))
}

// takes reports whether this node would take a source that has waited for that long: at once where there is room, and where others have to
// give up rungs for it only when no other node has any.
func (w *Worker) takes(s Source, waited time.Duration) bool {
	ok, _ := w.runner.Room(s)
	return ok || waited >= yieldAfter && w.runner.Yields(s)
}

// start runs a job.
func (w *Worker) start(ctx context.Context, running *sync.WaitGroup, stream string, epoch int64) {
	ctx, cancel := context.WithCancel(ctx)
	j := &job{stream: stream, cancel: cancel, done: make(chan struct{}), epoch: epoch, renewed: time.Now()}
	w.mu.Lock()
	w.jobs[stream] = j
	w.taken++
	delete(w.free, stream)
	w.mu.Unlock()
	w.log.Info("job taken", "stream", stream, "epoch", epoch)
	counted := make(chan struct{})
	count := sync.OnceFunc(func() { close(counted) })
	running.Go(func() {
		defer close(j.done)
		defer count()
		defer cancel()
		w.runner.Encode(ctx, stream, func() (Source, bool) { return w.source(stream) }, func(id int64) {
			count()
			w.mu.Lock()
			j.ladder, j.told = id, time.Time{}
			w.mu.Unlock()
			w.tell(ctx, j)
		})
		w.end(j)
	})
	<-counted
}

func (w *Worker) source(stream string) (Source, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.sources[stream]
	return s, ok
}

// end gives a lease back.
func (w *Worker) end(j *job) {
	w.mu.Lock()
	delete(w.jobs, j.stream)
	epoch := j.epoch
	w.mu.Unlock()
	w.log.Info("job ended", "stream", j.stream, "epoch", epoch)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.registry.Break(ctx, j.stream, epoch)
}

// Drain gives every job to other nodes, and takes no more. What nobody takes goes on here until ctx ends; the error is then ctx's.
// Where there is no other node it does nothing.
func (w *Worker) Drain(ctx context.Context) error {
	if others, err := Workers(ctx, w.registry); err != nil || len(others) < 2 {
		return nil // nobody could take them
	}
	w.mu.Lock()
	w.draining = true
	var jobs []*job
	for _, j := range w.jobs {
		j.leaving = true
		jobs = append(jobs, j)
	}
	w.mu.Unlock()
	for _, j := range jobs {
		_ = w.registry.Break(ctx, j.stream, w.epoch(j))
	}
	for _, j := range jobs {
		select {
		case <-j.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *Worker) epoch(j *job) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return j.epoch
}

// handTime is for which a job goes on after another node has taken it: that one has to begin before its readers change over.
const handTime = 6 * time.Second

// hand ends the jobs that are leaving once another node has had them for long enough.
func (w *Worker) hand(leases map[string]registry.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for stream, j := range w.jobs {
		l, held := leases[stream]
		switch {
		case !j.leaving || !held || l.Owner == w.node.ID:
			j.handed = time.Time{}
		case j.handed.IsZero():
			j.handed = time.Now()
		case time.Since(j.handed) > handTime:
			j.cancel()
		}
	}
}

// say announces this node.
func (w *Worker) say(ctx context.Context) {
	_ = w.registry.Announce(ctx, kindWorker, w.node.ID, encode(w.Status()), announced)
}

// WorkerStatus is a worker as the others see it.
type WorkerStatus struct {
	Node     string  `json:"node"`
	URL      string  `json:"url"`
	Jobs     int     `json:"jobs"`
	Load     float64 `json:"load"`
	Draining bool    `json:"draining"`
	Taken    int64   `json:"taken"`
	Fenced   int64   `json:"fenced"`
	Problem  string  `json:"problem,omitempty"`

	Waiting      int     `json:"waiting"` // streams that no node encodes
	QueueSeconds float64 `json:"queueSeconds"`
}

// Status of this worker.
func (w *Worker) Status() WorkerStatus {
	_, load := w.runner.Room(Source{})
	w.mu.Lock()
	defer w.mu.Unlock()
	s := WorkerStatus{
		Node: w.node.ID, URL: w.node.URL, Jobs: len(w.jobs), Load: load, Draining: w.draining, Taken: w.taken, Fenced: w.fenced, Problem: w.problem,
		Waiting: len(w.free),
	}
	for _, since := range w.free {
		s.QueueSeconds = max(s.QueueSeconds, time.Since(since).Seconds())
	}
	return s
}

// Workers are those that have announced themselves lately.
func Workers(ctx context.Context, r registry.Registry) (out []WorkerStatus, err error) {
	all, err := r.List(ctx, kindWorker)
	for _, text := range all {
		if s, ok := decode[WorkerStatus](text); ok {
			out = append(out, s)
		}
	}
	return out, err
}

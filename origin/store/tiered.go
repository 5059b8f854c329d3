package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Tiered is memory before a disk. What is appended is in memory at once and goes to disk in the same order, by one goroutine:
// see Run. It leaves memory once it is on disk and no longer among the newest, so that a disk which is slow, full or hangs
// costs memory and nothing else; and when the memory for that is used up, the oldest of what the disk did not take.
type Tiered struct {
	config TieredConfig
	disk   Store
	log    *slog.Logger
	wake   chan struct{}

	mu       sync.Mutex // guards what follows
	blobs    blobs
	sizes    map[Key]int64 // of all objects, wherever they are
	writes   []write       // to do, in order
	removals []Key         // to do before any of writes
	queued   int64         // writes that have been asked for, ever
	done     int64         // those that are over
	moved    chan struct{} // closed when done rises
	prompt   time.Time     // nobody waits for the disk before then
	failing  error         // of the newest write; nil when that went well
	stats    Stats
}

// TieredConfig of a Tiered. The zero value has the defaults.
type TieredConfig struct {
	Hot    time.Duration // for how long what is on disk is in memory too; 12 s when zero: as long as players fetch parts
	Memory int64         // bytes that may be in memory; 1 GiB when zero
}

// Stats are the counts of a Tiered.
type Stats struct {
	Size    int64 // bytes of all objects
	Held    int64 // of them in memory
	Waiting int64 // bytes that are not on disk
	Lost    int64 // objects of which something could be kept nowhere, so far
	Late    int64 // times that somebody stopped waiting for the disk, so far
	Errors  int64 // failed writes and removals, so far
	Behind  error // why the disk is not up to date; nil when it is
}

// write is the next thing to append to an object on disk: all that it has up to a size.
type write struct {
	key  Key
	blob *blob
	to   int64
	at   time.Time // when it was asked for
}

const (
	slow      = 250 * time.Millisecond // what is written later than this after it came makes the disk slow
	probation = 10 * time.Second       // for how long nobody waits for a disk that has been slow
	attempts  = 3                      // at one write, before its object is given up
)

// NewTiered puts memory before a disk. What is on the disk already is part of it.
func NewTiered(c TieredConfig, disk Store, log *slog.Logger) (*Tiered, error) {
	if c.Hot == 0 {
		c.Hot = 12 * time.Second
	}
	if c.Memory == 0 {
		c.Memory = 1 << 30
	}
	there, err := disk.List()
	if err != nil {
		return nil, err
	}
	t := &Tiered{
		config: c, disk: disk, log: log, wake: make(chan struct{}, 1), blobs: blobs{byKey: make(map[Key]*blob)},
		sizes: make(map[Key]int64, len(there)), moved: make(chan struct{}),
	}
	for _, i := range there {
		t.sizes[i.Key] = i.Size
		t.stats.Size += i.Size
	}
	return t, nil
}

// Append implements Store. It waits for nothing.
func (t *Tiered) Append(k Key, at int64, chunks ...[]byte) error {
	if err := k.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.blobs.byKey[k]
	switch had := t.sizes[k]; {
	case at > had || b != nil && at != b.size:
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrHole, k, had, at)
	case b == nil && at > 0:
		t.blobs.byKey[k] = &blob{from: at, size: at, safe: at}
	}
	b, err := t.blobs.append(k, at, chunks)
	if err != nil {
		return err
	}
	t.stats.Size += b.size - t.sizes[k]
	t.sizes[k] = b.size
	if b.lost {
		t.bound()
		return fmt.Errorf("%w: %s", ErrLost, k)
	}
	t.stats.Waiting += length(chunks)
	t.writes = append(t.writes, write{k, b, b.size, time.Now()})
	t.queued++
	t.bound()
	t.call()
	return nil
}

// Open implements Store.
func (t *Tiered) Open(k Key, offset, length int64) (Reader, error) {
	t.mu.Lock()
	r := t.blobs.open(k, offset, length)
	_, there := t.sizes[k]
	t.mu.Unlock()
	switch {
	case r != nil:
		return r, nil
	case !there:
		return nil, notFound(k)
	}
	return t.disk.Open(k, offset, length)
}

// Remove implements Store. The object is gone at once; its file goes later.
func (t *Tiered) Remove(k Key) error {
	if err := k.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	size, there := t.sizes[k]
	if !there {
		return nil
	}
	t.stats.Size -= size
	if b := t.blobs.byKey[k]; b != nil {
		b.gone = true
		t.giveUp(b)
	}
	t.blobs.remove(k)
	delete(t.sizes, k)
	t.removals = append(t.removals, k)
	t.call()
	return nil
}

// List implements Store.
func (t *Tiered) List() ([]Info, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Info, 0, len(t.sizes))
	for k, n := range t.sizes {
		out = append(out, Info{k, n})
	}
	return out, nil
}

// Sync implements Store. A disk that has kept somebody waiting in vain, or that has been slow or failing in the last ten
// seconds, is not waited for.
func (t *Tiered) Sync(ctx context.Context) error {
	t.mu.Lock()
	upTo := t.queued
	for t.done < upTo {
		if t.behind() != nil {
			t.mu.Unlock()
			return ErrBehind
		}
		moved := t.moved
		t.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			t.late(ctx.Err())
			return ErrBehind
		}
		t.mu.Lock()
	}
	defer t.mu.Unlock()
	if t.failing != nil {
		return ErrBehind
	}
	return nil
}

// behind is why the disk is not waited for; nil when it is.
func (t *Tiered) behind() error { // t.mu is held
	now := time.Now()
	switch {
	case t.failing != nil:
		return t.failing
	case now.Before(t.prompt) || len(t.writes) > 0 && now.Sub(t.writes[0].at) > slow:
		return ErrBehind
	}
	return nil
}

func (t *Tiered) late(err error) {
	t.mu.Lock()
	t.stats.Late++
	t.prompt = time.Now().Add(probation)
	t.mu.Unlock()
	t.log.Warn("the disk is slow, nobody waits for it for a while: a crash now would lose what it has not taken", "err", err)
}

// Stats are the counts at this moment.
func (t *Tiered) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Held, s.Behind = t.blobs.held, t.behind()
	return s
}

func (t *Tiered) call() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// drain is for how long Run goes on to write after its ctx has ended.
const drain = 2 * time.Second

// Run writes to the disk and lets memory go until ctx ends and what is waiting has been written, or the disk has had two
// seconds for it. A disk that hangs then is left behind. It returns nil.
func (t *Tiered) Run(ctx context.Context) error {
	patience, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan struct{})
	go func() { // of its own, because nothing ends a write that hangs
		defer close(ended)
		t.work(ctx, patience)
	}()
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
			t.cool()
			continue
		case <-ended:
			return nil
		case <-ctx.Done():
		}
		break
	}
	select {
	case <-ended:
	case <-time.After(drain):
		t.log.Error("the disk has not taken all that was to be kept", "bytes", t.Stats().Waiting)
	}
	return nil
}

// work does what is to be done until ctx has ended and nothing is left, or patience ends.
func (t *Tiered) work(ctx, patience context.Context) {
	var tries int
	var warned time.Time
	for patience.Err() == nil {
		err, any := t.step(tries >= attempts)
		switch {
		case err != nil:
			tries++
			if time.Since(warned) > probation {
				warned = time.Now()
				t.log.Error("the disk does not take what is to be kept; it stays in memory meanwhile", "err", err)
			}
			if ctx.Err() != nil {
				return
			}
			pause(ctx, min(time.Duration(tries)*100*time.Millisecond, time.Second))
		case any:
			tries = 0
		case ctx.Err() != nil:
			return
		default:
			select {
			case <-t.wake:
			case <-ctx.Done():
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// step does what is next: removals first, because they make room. It reports whether there was anything. giveUp is of a
// write that has failed too often, unless the disk is full: then there is hope.
func (t *Tiered) step(giveUp bool) (err error, any bool) {
	t.mu.Lock()
	if n := len(t.removals); n > 0 {
		k := t.removals[0]
		t.removals = t.removals[1:]
		t.mu.Unlock()
		if err := t.disk.Remove(k); err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.stats.Errors++ // its file stays, until the next start finds that nobody knows it
		}
		return nil, true
	}
	if len(t.writes) == 0 {
		t.mu.Unlock()
		return nil, false
	}
	w := t.writes[0]
	var chunks [][]byte
	from := w.blob.safe
	if !w.blob.lost {
		chunks = w.blob.slice(from, w.to)
	}
	t.mu.Unlock()
	if chunks != nil {
		err = t.disk.Append(w.key, from, chunks...)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case w.blob.lost: // meanwhile
	case err != nil:
		t.stats.Errors++
		t.failing = err
		t.prompt = time.Now().Add(probation)
		if !giveUp || full(err) {
			return err, true
		}
		t.stats.Lost++
		t.giveUp(w.blob)
	default:
		t.failing = nil
		t.stats.Waiting -= w.to - from
		w.blob.safe = w.to
	}
	if time.Since(w.at) > slow {
		t.prompt = time.Now().Add(probation)
	}
	t.writes[0] = write{}
	t.writes = t.writes[1:]
	t.done++
	close(t.moved)
	t.moved = make(chan struct{})
	return nil, true
}

// giveUp stops writing an object to disk.
func (t *Tiered) giveUp(b *blob) {
	if !b.lost {
		t.stats.Waiting -= b.size - b.safe
		b.lost = true
	}
}

// full reports that an error may pass when something is removed.
func full(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// cool lets go of what is on disk and no longer among the newest.
func (t *Tiered) cool() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.evict(time.Now().Add(-t.config.Hot))
}

// evict drops the chunks that came before a time, of objects that are whole on disk: no range of one lies in both places.
func (t *Tiered) evict(before time.Time) {
	for k, b := range t.blobs.byKey {
		for b.safe == b.size && len(b.chunks) > 0 && b.chunks[0].at.Before(before) {
			t.blobs.drop(k, b)
		}
	}
}

// bound keeps to the cap: what is on disk goes first, then the oldest of what is not, a tenth more than it must.
func (t *Tiered) bound() {
	if t.blobs.held <= t.config.Memory {
		return
	}
	t.evict(time.Now())
	if t.blobs.held <= t.config.Memory {
		return
	}
	held := slices.SortedFunc(maps.Keys(t.blobs.byKey), func(a, b Key) int {
		return t.blobs.byKey[a].age().Compare(t.blobs.byKey[b].age())
	})
	for _, k := range held {
		if t.blobs.held <= t.config.Memory/10*9 {
			return
		}
		b := t.blobs.byKey[k]
		if !b.lost {
			t.stats.Lost++
			t.giveUp(b)
		}
		for len(b.chunks) > 0 {
			t.blobs.drop(k, b)
		}
	}
}

// age is when the oldest chunk came that is in memory.
func (b *blob) age() time.Time {
	if len(b.chunks) == 0 {
		return time.Time{}
	}
	return b.chunks[0].at
}

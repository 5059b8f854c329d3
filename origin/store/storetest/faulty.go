package storetest

import (
	"sync"

	"github.com/stagecast/stagecast/origin/store"
)

// Faulty is a Store whose writes fail or hang as they are told to. A write that fails leaves half of what it was given behind.
type Faulty struct {
	store.Store

	mu   sync.Mutex // guards what follows
	err  error
	hang chan struct{} // closed: go on
	only func(store.Key) bool
	held int
}

// Fail has every Append and Remove of the keys that only accepts fail with err from now on; nil: no more. only may be nil.
func (f *Faulty) Fail(err error, only func(store.Key) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.only = err, only
}

// Hang has every write wait from now on, until the returned function is called.
func (f *Faulty) Hang() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hang := make(chan struct{})
	f.hang = hang
	return sync.OnceFunc(func() { close(hang) })
}

// Held is how many writes have had to wait.
func (f *Faulty) Held() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

func (f *Faulty) fault(k store.Key) error {
	f.mu.Lock()
	hang := f.hang
	if hang != nil {
		f.held++
	}
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && (f.only == nil || f.only(k)) {
		return f.err
	}
	return nil
}

// Append implements store.Store.
func (f *Faulty) Append(k store.Key, at int64, chunks ...[]byte) error {
	if err := f.fault(k); err != nil {
		for _, c := range chunks {
			_ = f.Store.Append(k, at, c[:len(c)/2])
			break
		}
		return err
	}
	return f.Store.Append(k, at, chunks...)
}

// Remove implements store.Store.
func (f *Faulty) Remove(k store.Key) error {
	if err := f.fault(k); err != nil {
		return err
	}
	return f.Store.Remove(k)
}

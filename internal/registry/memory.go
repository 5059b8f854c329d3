package registry

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Memory is a Registry for the nodes of one process: for tests. The zero value is ready.
type Memory struct {
	mu     sync.Mutex // guards everything below
	values map[string]map[string]expiring[string]
	leases map[string]expiring[Lease]
	epochs map[string]int64
}

type expiring[T any] struct {
	value T
	until time.Time
}

func live[T any](all map[string]expiring[T]) map[string]T {
	now, out := time.Now(), make(map[string]T)
	maps.DeleteFunc(all, func(_ string, e expiring[T]) bool { return !now.Before(e.until) })
	for key, e := range all {
		out[key] = e.value
	}
	return out
}

// Announce implements Registry.
func (m *Memory) Announce(_ context.Context, kind, key, value string, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string]map[string]expiring[string])
	}
	if m.values[kind] == nil {
		m.values[kind] = make(map[string]expiring[string])
	}
	m.values[kind][key] = expiring[string]{value, time.Now().Add(ttl)}
	return nil
}

// Withdraw implements Registry.
func (m *Memory) Withdraw(_ context.Context, kind, key, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values[kind][key].value == value {
		delete(m.values[kind], key)
	}
	return nil
}

// List implements Registry.
func (m *Memory) List(_ context.Context, kind string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return live(m.values[kind]), nil
}

// Acquire implements Registry.
func (m *Memory) Acquire(_ context.Context, name, owner string, ttl time.Duration) (Lease, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases == nil {
		m.leases, m.epochs = make(map[string]expiring[Lease]), make(map[string]int64)
	}
	now := time.Now()
	e, held := m.leases[name]
	held = held && now.Before(e.until)
	if held && e.value.Owner != owner {
		return e.value, false, nil
	}
	if !held {
		m.epochs[name] = max(m.epochs[name]+1, now.UnixMilli())
		e.value = Lease{Owner: owner, Epoch: m.epochs[name]}
	}
	m.leases[name] = expiring[Lease]{e.value, now.Add(ttl)}
	return e.value, true, nil
}

// Break implements Registry.
func (m *Memory) Break(_ context.Context, name string, epoch int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases[name].value.Epoch == epoch {
		delete(m.leases, name)
	}
	return nil
}

// Leases implements Registry.
func (m *Memory) Leases(context.Context) (map[string]Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return live(m.leases), nil
}

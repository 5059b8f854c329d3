// Package registry is what the nodes of a cluster know of each other: what each has announced, and who holds which lease.
//
// It owns the contract and its back-ends, memory and Redis. What is announced and leased is its callers' to say.
package registry

import (
	"context"
	"time"
)

// Registry is shared by the nodes of a cluster. It is safe for concurrent use. An error means that nobody knows: that it could not be
// reached.
type Registry interface {
	// Announce says what key of a kind is, for as long as ttl: again before that, or it is forgotten.
	Announce(ctx context.Context, kind, key, value string, ttl time.Duration) error

	// Withdraw takes an announcement back where it still has that value.
	Withdraw(ctx context.Context, kind, key, value string) error

	// List is every announcement of a kind, by key.
	List(ctx context.Context, kind string) (map[string]string, error)

	// Acquire takes the lease of a name for ttl, or prolongs it where owner has it already. The epoch rises with each change of its
	// owner, also across a loss of everything that the registry knew. ok is false where another has it.
	Acquire(ctx context.Context, name, owner string, ttl time.Duration) (l Lease, ok bool, err error)

	// Break ends a lease whose holder is known to be gone, or is the caller, where it still has that epoch.
	Break(ctx context.Context, name string, epoch int64) error

	// Leases are those that are held, by name.
	Leases(ctx context.Context) (map[string]Lease, error)
}

// Lease is who may do something alone.
type Lease struct {
	Owner string
	Epoch int64
}

package auth

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// The bounds of wrong attempts: after so many at once, one more in each refill. An address is one of IPv4, or a /64 of IPv6.
const (
	wrongAttempts = 10
	refill        = 6 * time.Second
	remembered    = 10_000 // addresses and keys
)

// Attempts bounds how often wrong keys are tried: how many by one address, and each one by all addresses together. Right
// keys cost nothing, and the same wrong one again costs its address nothing: an encoder which reconnects over and over, be
// its key mistyped, shuts no other out behind the same address. It is safe for concurrent use.
type Attempts struct {
	next ingest.Authorizer
	now  func() time.Time

	mu    sync.Mutex // guards wrong
	wrong map[any]bucket
}

// bucket holds what is left of the attempts at a time.
type bucket struct {
	left float64
	at   time.Time
}

// LimitAttempts puts the bounds before another Authorizer.
func LimitAttempts(next ingest.Authorizer) *Attempts {
	return &Attempts{next: next, now: time.Now, wrong: make(map[any]bucket)}
}

// Authorize implements ingest.Authorizer. Beyond the bounds it answers ingest.ReasonTooManyAttempts without asking further.
func (a *Attempts) Authorize(ctx context.Context, r ingest.Request) (string, error) {
	if r.Pulled {
		return a.next.Authorize(ctx, r)
	}
	from := peer(r.Remote)
	var key any
	if r.Key != "" {
		key = sha256.Sum256([]byte(r.Key))
	}
	if a.exhausted(from) || a.exhausted(key) {
		return "", &ingest.Error{Reason: ingest.ReasonTooManyAttempts}
	}
	stream, err := a.next.Authorize(ctx, r)
	if ingest.ReasonOf(err) == ingest.ReasonWrongKey {
		if a.note(key) {
			a.note(from)
		}
	}
	return stream, err
}

func (a *Attempts) exhausted(id any) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, known := a.wrong[id]
	return known && b.now(a.now()) < 1
}

// note counts an attempt, and reports whether it is the first of id for a while. That of no key always is.
func (a *Attempts) note(id any) (first bool) {
	if id == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	left := float64(wrongAttempts)
	if b, known := a.wrong[id]; known {
		left = b.now(now)
	} else if len(a.wrong) >= remembered {
		a.forget(now)
	}
	a.wrong[id] = bucket{left - 1, now}
	return left == wrongAttempts
}

// forget makes room: what has been refilled goes, and where that is little, half of all.
func (a *Attempts) forget(now time.Time) {
	for id, b := range a.wrong {
		if b.now(now) >= wrongAttempts {
			delete(a.wrong, id)
		}
	}
	for id := range a.wrong {
		if len(a.wrong) <= remembered/2 {
			return
		}
		delete(a.wrong, id)
	}
}

func (b bucket) now(at time.Time) float64 {
	return min(wrongAttempts, b.left+at.Sub(b.at).Seconds()/refill.Seconds())
}

// peer is what a remote is counted under: one without an address, such as a camera's name, is itself.
func peer(remote string) any {
	if p := ingest.PeerOf(remote); p.IsValid() {
		return p
	}
	return remote
}

package wire

import (
	"net/netip"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// Limiter counts connections against two bounds: of all, and of those of one address that have not published. It is safe
// for concurrent use.
type Limiter struct {
	maxTotal, maxWaiting int

	mu      sync.Mutex // guards everything below
	total   int
	waiting map[netip.Prefix]int // connections that have not published, by peer
}

// NewLimiter allows maxTotal connections, and maxWaiting of one peer that have not published.
func NewLimiter(maxTotal, maxWaiting int) *Limiter {
	return &Limiter{maxTotal: maxTotal, maxWaiting: maxWaiting, waiting: make(map[netip.Prefix]int)}
}

// Enter takes a place for a new connection of a peer, "address:port", which the caller must Leave. The error is an
// *ingest.Error.
func (l *Limiter) Enter(remote string) (*Place, error) {
	peer := ingest.PeerOf(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.maxTotal {
		return nil, ingest.Errorf(ingest.ReasonTooMany, "%d connections are open, the limit", l.maxTotal)
	}
	if l.waiting[peer] >= l.maxWaiting {
		return nil, ingest.Errorf(ingest.ReasonTooMany, "%d connections of one address have not published, the limit", l.maxWaiting)
	}
	l.total++
	l.waiting[peer]++
	return &Place{limiter: l, peer: peer, waits: true}, nil
}

// Place is one connection's share of the limits. It is for one goroutine.
type Place struct {
	limiter *Limiter
	peer    netip.Prefix
	waits   bool
}

// Published ends the waiting.
func (p *Place) Published() {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	p.stopWaiting()
}

// Leave gives the place back.
func (p *Place) Leave() {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	p.stopWaiting()
	p.limiter.total--
}

func (p *Place) stopWaiting() { // limiter.mu is held
	if !p.waits {
		return
	}
	p.waits = false
	if p.limiter.waiting[p.peer]--; p.limiter.waiting[p.peer] == 0 {
		delete(p.limiter.waiting, p.peer)
	}
}

// Throttle lets one event a second through. It is safe for concurrent use.
type Throttle struct {
	mu   sync.Mutex // guards next
	next time.Time
}

// Allow reports whether the event of now is let through.
func (t *Throttle) Allow(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Before(t.next) {
		return false
	}
	t.next = now.Add(time.Second)
	return true
}

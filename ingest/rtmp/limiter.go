package rtmp

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// limiter counts connections against the two bounds of Config.
type limiter struct {
	maxTotal, maxWaiting int

	mu      sync.Mutex // guards everything below
	total   int
	waiting map[netip.Prefix]int // connections that have not published, by peer
}

func newLimiter(maxTotal, maxWaiting int) *limiter {
	return &limiter{maxTotal: maxTotal, maxWaiting: maxWaiting, waiting: make(map[netip.Prefix]int)}
}

// enter takes a place for a new connection, which the caller must leave. The error is an *ingest.Error.
func (l *limiter) enter(addr net.Addr) (*place, error) {
	peer := peerOf(addr)
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
	return &place{limiter: l, peer: peer, waits: true}, nil
}

// place is one connection's share of the limits. It is for one goroutine.
type place struct {
	limiter *limiter
	peer    netip.Prefix
	waits   bool
}

// published ends the waiting.
func (p *place) published() {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	p.stopWaiting()
}

func (p *place) leave() {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	p.stopWaiting()
	p.limiter.total--
}

func (p *place) stopWaiting() { // limiter.mu is held
	if !p.waits {
		return
	}
	p.waits = false
	if p.limiter.waiting[p.peer]--; p.limiter.waiting[p.peer] == 0 {
		delete(p.limiter.waiting, p.peer)
	}
}

// peerOf is what counts as one address: an IPv4 address, or an IPv6 /64, the least that one customer is given
// (RFC 6177). All that have no IP address are one peer.
func peerOf(addr net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // cannot fail: bits fit the address
	return p
}

// throttle lets one event a second through. It is for one goroutine.
type throttle struct{ next time.Time }

func (t *throttle) allow(now time.Time) bool {
	if now.Before(t.next) {
		return false
	}
	t.next = now.Add(time.Second)
	return true
}

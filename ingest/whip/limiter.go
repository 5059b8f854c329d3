package whip

import (
	"net/netip"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// limiter bounds the sessions of one address that have sent no media yet.
type limiter struct {
	max int

	mu      sync.Mutex // guards waiting
	waiting map[netip.Prefix]int
}

func newLimiter(most int) *limiter { return &limiter{max: most, waiting: make(map[netip.Prefix]int)} }

// enter takes a place for a new session. leave, which may be called more than once, gives it back: with the first media, or
// at the end. The error is an *ingest.Error.
func (l *limiter) enter(remote string) (leave func(), err error) {
	peer := peerOf(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[peer] >= l.max {
		return nil, ingest.Errorf(ingest.ReasonTooMany, "%d sessions of one address have sent no media, the limit", l.max)
	}
	l.waiting[peer]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiting[peer]--; l.waiting[peer] == 0 {
			delete(l.waiting, peer)
		}
	}), nil
}

// peerOf is what counts as one address: an IPv4 address, or an IPv6 /64, the least that one customer is given
// (RFC 6177). All that have no IP address are one peer.
func peerOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
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

// bucket lets rate events a second through in the long run, and burst at once. It is for one goroutine.
type bucket struct {
	rate, burst float64
	tokens      float64
	last        time.Time
}

func (b *bucket) allow(now time.Time) bool {
	if b.last.IsZero() {
		b.tokens = b.burst
	} else {
		b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

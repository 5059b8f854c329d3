// Package lossy is a UDP relay that does to datagrams what bad networks do: for tests of protocols that must bear it.
//
// It owns its sockets and the queue of what is under way. What happens to the n-th datagram of a direction is decided by the
// seed alone, so that a test that fails does so again.
package lossy

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const receiveBuffer = 4 << 20 // bytes: the relay itself is to lose nothing

// Config of a Relay, for each direction alike.
type Config struct {
	Target string // UDP address that the relay stands before
	Seed   uint64

	Loss    float64       // share of datagrams that never arrive
	Delay   time.Duration // of each on its way
	Reorder float64       // share that is held back for Late longer, so that others overtake it
	Late    time.Duration
}

// Relay stands before one target, for any number of clients. It is safe for concurrent use.
type Relay struct {
	cfg    Config
	target *net.UDPAddr
	front  *net.UDPConn
	cut    atomic.Bool

	// What has been done to the datagrams so far, in both directions.
	Forwarded, Lost, Reordered atomic.Int64
}

// Listen opens the relay on a free port of this machine. Run must be called.
func Listen(cfg Config) (*Relay, error) {
	target, err := net.ResolveUDPAddr("udp", cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("lossy: %w", err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("lossy: %w", err)
	}
	_ = front.SetReadBuffer(receiveBuffer) // as much of it as the machine allows
	return &Relay{cfg: cfg, target: target, front: front}, nil
}

// Addr is where clients send to.
func (r *Relay) Addr() string { return r.front.LocalAddr().String() }

// Cut loses everything while it is on.
func (r *Relay) Cut(on bool) { r.cut.Store(on) }

// Run forwards until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running.Go(func() {
		<-ctx.Done()
		r.front.Close()
	})
	backs := make(map[netip.AddrPort]*path) // of each client towards the target
	there := func(client netip.AddrPort) (*path, error) {
		if p := backs[client]; p != nil {
			return p, nil
		}
		back, err := net.DialUDP("udp", nil, r.target)
		if err != nil {
			return nil, err
		}
		_ = back.SetReadBuffer(receiveBuffer)
		forth := r.path(1, func(b []byte) { _, _ = back.Write(b) })
		home := r.path(2, func(b []byte) { _, _ = r.front.WriteToUDPAddrPort(b, client) })
		running.Go(func() { <-ctx.Done(); back.Close() })
		running.Go(func() { forth.run(ctx) })
		running.Go(func() { home.run(ctx) })
		running.Go(func() { r.read(ctx, back, home) })
		backs[client] = forth
		return forth, nil
	}
	buffer := make([]byte, 64<<10)
	for {
		n, client, err := r.front.ReadFromUDPAddrPort(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			continue // a client that has gone is told so by ICMP
		}
		p, err := there(client)
		if err != nil {
			return fmt.Errorf("lossy: %w", err)
		}
		p.take(buffer[:n])
	}
}

// read takes in what the target answers.
func (r *Relay) read(ctx context.Context, back *net.UDPConn, home *path) {
	buffer := make([]byte, 64<<10)
	for ctx.Err() == nil {
		if n, err := back.Read(buffer); err == nil {
			home.take(buffer[:n])
		}
	}
}

// path is one direction of one client.
type path struct {
	relay *Relay
	send  func([]byte)
	dice  *rand.Rand
	wake  chan struct{}

	mu       sync.Mutex // guards underWay
	underWay queue
	serial   int
}

func (r *Relay) path(direction uint64, send func([]byte)) *path {
	return &path{relay: r, send: send, dice: rand.New(rand.NewPCG(r.cfg.Seed, direction)), wake: make(chan struct{}, 1)}
}

// take decides what becomes of a datagram. It is called by one goroutine.
func (p *path) take(b []byte) {
	lost, late := p.dice.Float64() < p.relay.cfg.Loss, p.dice.Float64() < p.relay.cfg.Reorder
	if lost || p.relay.cut.Load() {
		p.relay.Lost.Add(1)
		return
	}
	at := time.Now().Add(p.relay.cfg.Delay)
	if late {
		p.relay.Reordered.Add(1)
		at = at.Add(p.relay.cfg.Late)
	}
	p.mu.Lock()
	p.serial++
	heap.Push(&p.underWay, datagram{at, p.serial, append([]byte(nil), b...)})
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run delivers what is due.
func (p *path) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := p.deliver(time.Now())
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
	}
}

// deliver sends all that is due, and returns how long the next takes.
func (p *path) deliver(now time.Time) time.Duration {
	for {
		p.mu.Lock()
		if len(p.underWay) == 0 {
			p.mu.Unlock()
			return time.Hour
		}
		if wait := p.underWay[0].at.Sub(now); wait > 0 {
			p.mu.Unlock()
			return wait
		}
		d := heap.Pop(&p.underWay).(datagram)
		p.mu.Unlock()
		p.send(d.bytes)
		p.relay.Forwarded.Add(1)
	}
}

type datagram struct {
	at     time.Time
	serial int
	bytes  []byte
}

// queue is a heap.Interface: the first to arrive is on top.
type queue []datagram

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].serial < q[j].serial
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(datagram)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// UDP is the pair of ports that media comes to over UDP: RTP to an even one, RTCP to the one after (RFC 3550, 11). It is
// safe for concurrent use.
type UDP struct {
	rtp, rtcp *net.UDPConn

	mu    sync.Mutex // guards peers
	peers map[netip.AddrPort]mailbox
}

// mailbox is where the datagrams of one peer go: those of one media of one session.
type mailbox struct {
	to    chan<- datagram // never closed
	media int
	rtcp  bool
	lost  func() // called for each datagram that finds no room
}

// datagram is one that was received. Its bytes are the receiver's.
type datagram struct {
	media   int
	rtcp    bool
	at      time.Time
	payload []byte
}

var errPeerTaken = errors.New("another session has these ports")

// ListenUDP opens the port of address, which must be even, and the one after. Port 0 takes any pair that is free.
func ListenUDP(ctx context.Context, address string) (*UDP, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("rtsp: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n%2 != 0 || n > 65534 {
		return nil, fmt.Errorf("rtsp: port %q is not an even number below 65535", port)
	}
	const tries = 100 // a kernel hands out ports at random: half of them are even, and most of these have a free neighbour
	for try := 1; ; try++ {
		u, err := listenPair(ctx, host, int(n))
		if err == nil || n != 0 || try == tries {
			return u, err
		}
	}
}

func listenPair(ctx context.Context, host string, port int) (*UDP, error) {
	rtp, err := listenUDP(ctx, host, port)
	if err != nil {
		return nil, err
	}
	port = rtp.LocalAddr().(*net.UDPAddr).Port
	if port%2 != 0 {
		rtp.Close()
		return nil, fmt.Errorf("rtsp: port %d is odd", port)
	}
	rtcp, err := listenUDP(ctx, host, port+1)
	if err != nil {
		rtp.Close()
		return nil, err
	}
	return &UDP{rtp: rtp, rtcp: rtcp, peers: make(map[netip.AddrPort]mailbox)}, nil
}

func listenUDP(ctx context.Context, host string, port int) (*net.UDPConn, error) {
	c, err := new(net.ListenConfig).ListenPacket(ctx, "udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("rtsp: %w", err)
	}
	u := c.(*net.UDPConn)
	_ = u.SetReadBuffer(udpReadBuffer) // as much as the kernel allows; it says nothing of less
	return u, nil
}

// Port is the port of RTP; that of RTCP is the next.
func (u *UDP) Port() int { return u.rtp.LocalAddr().(*net.UDPAddr).Port }

// Close closes both ports.
func (u *UDP) Close() error { return errors.Join(u.rtp.Close(), u.rtcp.Close()) }

// run reads both ports until they are closed.
func (u *UDP) run() {
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { u.read(u.rtcp) })
	u.read(u.rtp)
}

func (u *UDP) read(c *net.UDPConn) {
	buffer := make([]byte, datagramSize)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // what the peer of an earlier answer of ours said, such as that its port is closed
			continue
		}
		u.deliver(c, buffer[:n], from)
	}
}

// deliver puts a copy of a datagram into the mailbox of its sender. What nobody waits for is nobody's.
func (u *UDP) deliver(c *net.UDPConn, b []byte, from netip.AddrPort) {
	u.mu.Lock()
	box, ok := u.peers[plain(from)]
	u.mu.Unlock()
	if !ok || box.rtcp != (c == u.rtcp) {
		return
	}
	if len(b) == datagramSize { // it was cut
		box.lost()
		return
	}
	select {
	case box.to <- datagram{box.media, box.rtcp, time.Now(), append([]byte(nil), b...)}:
	default:
		box.lost()
	}
}

// plain is an address without what differs between the ways it can be written.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// join has the datagrams of a peer's two ports delivered, until leave is called.
func (u *UDP) join(rtp, rtcp netip.AddrPort, media int, to chan<- datagram, lost func()) (leave func(), err error) {
	rtp, rtcp = plain(rtp), plain(rtcp)
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, a := range []netip.AddrPort{rtp, rtcp} {
		if _, taken := u.peers[a]; taken || rtp == rtcp {
			return nil, errPeerTaken
		}
	}
	u.peers[rtp] = mailbox{to, media, false, lost}
	u.peers[rtcp] = mailbox{to, media, true, lost}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.peers, rtp)
		delete(u.peers, rtcp)
	}, nil
}

// report sends RTCP to a peer.
func (u *UDP) report(b []byte, to netip.AddrPort) {
	_, _ = u.rtcp.WriteToUDPAddrPort(b, to) // one that is lost is followed by the next
}

package whip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest/wire"
)

// Ports is where the media of all sessions comes in: one number for UDP and for TCP, which is for networks that let no UDP
// out (RFC 6544).
type Ports struct {
	udp net.PacketConn
	tcp net.Listener
}

// socketBuffer is what the kernel is asked to hold for the one UDP socket, in bytes: a third of a second of 100 sessions.
const socketBuffer = 8 << 20

// Listen opens both ports. With the number 0 it finds one that is free for both.
func Listen(ctx context.Context, address string) (*Ports, error) {
	var lc net.ListenConfig
	for try := 0; ; try++ {
		udp, err := lc.ListenPacket(ctx, "udp", address)
		if err != nil {
			return nil, fmt.Errorf("whip: %w", err)
		}
		host, port, _ := net.SplitHostPort(address) // it has just been used
		number := udp.LocalAddr().(*net.UDPAddr).Port
		tcp, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(number)))
		if err == nil {
			_ = udp.(*net.UDPConn).SetReadBuffer(socketBuffer) // a wish: the system's limit stands
			return &Ports{udp, tcp}, nil
		}
		udp.Close()
		if port != "0" || try == 10 {
			return nil, fmt.Errorf("whip: %w", err)
		}
	}
}

// Number of both ports.
func (p *Ports) Number() int { return p.udp.LocalAddr().(*net.UDPAddr).Port }

// Close closes what Run has not taken.
func (p *Ports) Close() error { return errors.Join(p.udp.Close(), p.tcp.Close()) }

// steadyPacketConn is a socket whose reads fail only once it is closed: the reader of it, which serves all sessions, ends
// with its first error.
type steadyPacketConn struct{ net.PacketConn }

func (s steadyPacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(p)
		if err == nil || errors.Is(err, net.ErrClosed) {
			return n, from, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The bounds of TCP connections, whose first message must come within tcpTimeout.
const (
	maxTCP     = 1000 // in all
	maxPeerTCP = 64   // of one address
	tcpTimeout = 5 * time.Second
)

// steadyListener is a listener that fails only once it is closed, and keeps connections within bounds.
type steadyListener struct {
	net.Listener
	places *wire.Limiter
}

func (l *steadyListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil: // such as no free file descriptor
			time.Sleep(100 * time.Millisecond)
		default:
			place, err := l.places.Enter(c.RemoteAddr().String())
			if err == nil {
				return &countedConn{Conn: c, leave: sync.OnceFunc(place.Leave)}, nil
			}
			c.Close()
		}
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

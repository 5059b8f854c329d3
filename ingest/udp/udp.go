// Package udp takes in MPEG-TS that is sent over plain UDP, to an address of this machine or to a group: as encoders in a
// studio, satellite receivers and `ffmpeg -f mpegts udp://…` send it.
//
// It owns the sockets. There is no key in such a stream: whoever can send to the address is on air, which is why each one
// must be configured. RTP around the transport stream is taken off.
package udp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/mpegts"
	"github.com/stagecast/stagecast/ingest/pull"
)

// ErrURL says what the URL of a stream over UDP must look like.
var ErrURL = errors.New("udp://ADDRESS:PORT, an address of this machine, 0.0.0.0, or a multicast group; with ?interface=NAME for a group")

const (
	protocol      = "udp"
	receiveBuffer = 8 << 20          // bytes that the kernel keeps for us
	maxDatagram   = 64 << 10         // larger than any
	mediaTimeout  = 10 * time.Second // from one picture or sound to the next
	checkEvery    = time.Second
)

// Source is an address that a stream is sent to. It is a pull.Source.
type Source struct {
	at    netip.AddrPort
	iface string
}

// New reads the URL of a stream.
func New(u *url.URL) (*Source, error) {
	at, err := netip.ParseAddrPort(u.Host)
	query, malformed := url.ParseQuery(u.RawQuery)
	if err != nil || malformed != nil || u.User != nil || u.Path != "" || at.Port() == 0 || pull.CheckAddress(at.Addr()) != nil {
		return nil, ErrURL
	}
	s := &Source{at: at, iface: query.Get("interface")}
	if query.Del("interface"); len(query) > 0 || s.iface != "" && !at.Addr().IsMulticast() {
		return nil, ErrURL
	}
	return s, nil
}

// Protocol implements pull.Source.
func (s *Source) Protocol() string { return protocol }

// Fetch implements pull.Source. It waits for the first datagram for as long as it takes.
func (s *Source) Fetch(ctx context.Context, admit pull.Admit, log *slog.Logger) error {
	conn, err := s.listen(ctx)
	if err != nil {
		return ingest.Errorf(ingest.ReasonUnreachable, "%w", err)
	}
	defer conn.Close()
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		log.Debug("receive buffer", "error", err)
	}
	var closing sync.WaitGroup
	defer closing.Wait()
	done, stop := context.WithCancel(ctx)
	defer stop()
	closing.Go(func() {
		<-done.Done()
		_ = conn.SetReadDeadline(time.Now())
	})
	r := &datagrams{conn: conn}
	first := make([]byte, maxDatagram)
	n, err := r.Read(first)
	if err != nil {
		return ended(ctx, nil, err)
	}
	session, err := admit(ctx, ingest.Request{Remote: r.from.String(), Clock: mpegts.Clock})
	if err != nil {
		return err
	}
	f := &flow{datagrams: r, session: session, first: first[:n], done: ctx.Done()}
	err = ended(ctx, session, mpegts.Read(f, session, &f.counters, log))
	session.End(err)
	return err
}

// listen opens the socket, which for a group joins it.
func (s *Source) listen(ctx context.Context) (*net.UDPConn, error) {
	if !s.at.Addr().IsMulticast() {
		c, err := new(net.ListenConfig).ListenPacket(ctx, "udp", s.at.String())
		if err != nil {
			return nil, err
		}
		return c.(*net.UDPConn), nil
	}
	var iface *net.Interface
	if s.iface != "" {
		var err error
		if iface, err = net.InterfaceByName(s.iface); err != nil {
			return nil, err
		}
	}
	return net.ListenMulticastUDP("udp", iface, net.UDPAddrFromAddrPort(s.at))
}

// ended is the reason of an end, an *ingest.Error.
func ended(ctx context.Context, session *ingest.Session, err error) error {
	switch {
	case ctx.Err() != nil:
		return &ingest.Error{Reason: ingest.ReasonShutdown}
	case session != nil && session.Cause() != nil:
		return session.Cause()
	case errors.As(err, new(*ingest.Error)):
		return err
	}
	return &ingest.Error{Reason: ingest.ReasonDisconnected, Err: err}
}

// datagrams reads from the first sender, and from another only once that one has fallen silent: two at a time would be
// neither's stream.
type datagrams struct {
	conn *net.UDPConn
	from netip.AddrPort
	last time.Time // of the sender's newest datagram
}

const senderTimeout = 2 * time.Second

func (d *datagrams) Read(p []byte) (int, error) {
	for {
		n, from, err := d.conn.ReadFromUDPAddrPort(p)
		if err != nil {
			return 0, err
		}
		now := time.Now()
		if from != d.from && now.Sub(d.last) < senderTimeout {
			continue
		}
		d.from, d.last = from, now
		return copy(p, payload(p[:n])), nil
	}
}

// payload takes RTP off (RFC 3550, 5.1; RFC 2250): 12 bytes, the sources that are named, and an extension. A transport
// stream begins with its sync byte, which no RTP of version 2 does.
func payload(b []byte) []byte {
	const fixed, version2 = 12, 0x80
	if len(b) <= fixed || b[0]&0xC0 != version2 {
		return b
	}
	head := fixed + 4*int(b[0]&15)
	if b[0]&0x10 != 0 && len(b) >= head+4 {
		head += 4 + 4*(int(b[head+2])<<8|int(b[head+3]))
	}
	if head >= len(b) {
		return nil
	}
	return b[head:]
}

// flow is what the demultiplexer reads: datagrams, until nothing useful has come for too long or the session must end.
type flow struct {
	*datagrams
	session  *ingest.Session
	first    []byte // read before the session was opened
	done     <-chan struct{}
	counters mpegts.Counters
	units    int64
	since    time.Time
	checked  time.Time
}

func (f *flow) Read(p []byte) (int, error) {
	if f.first != nil {
		n := copy(p, f.first)
		f.first, f.since = nil, time.Now()
		return n, nil
	}
	for {
		now := time.Now()
		if err := f.check(now); err != nil {
			return 0, err
		}
		_ = f.conn.SetReadDeadline(now.Add(checkEvery))
		n, err := f.datagrams.Read(p)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return n, err
	}
}

// check looks once a second whether the flow must end.
func (f *flow) check(now time.Time) error {
	select {
	case <-f.done:
		return net.ErrClosed
	case <-f.session.Done():
		return f.session.Cause()
	default:
	}
	if now.Sub(f.checked) < checkEvery {
		return nil
	}
	f.checked = now
	if n := f.counters.Units.Load(); n != f.units {
		f.units, f.since = n, now
	}
	f.session.Link(ingest.Link{Broken: uint64(f.counters.Continuity.Load())})
	switch silent := now.Sub(f.since); {
	case silent < mediaTimeout:
		return nil
	case f.units == 0:
		return ingest.Errorf(ingest.ReasonNoMedia, "no MPEG-TS with a picture or sound in %v", mediaTimeout)
	}
	return &ingest.Error{Reason: ingest.ReasonTimeout}
}

package pull

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/stagecast/stagecast/ingest"
)

// metadata is where some clouds serve a machine's own credentials over IPv6; over IPv4 it is link-local.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// ErrAddress refuses an address that nothing is ever fetched from: link-local ones, where clouds serve a machine's own
// credentials, and for sources that are connected to, what is not the address of one host.
var ErrAddress = errors.New("pull: a link-local or metadata address, or none of one host")

// CheckAddress says whether a may be fetched from.
func CheckAddress(a netip.Addr) error {
	a = plain(a)
	if a.IsLinkLocalUnicast() || a == metadata {
		return ErrAddress
	}
	return nil
}

// Control is a net.Dialer's: it refuses addresses that CheckAddress refuses, and those that are not of one host. It is asked
// with the address itself, after names have been resolved, so that no second look-up can change it. The error is an
// *ingest.Error.
//
// Loopback and private addresses are allowed: cameras live there, and only the operator names pulls.
func Control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &ingest.Error{Reason: ingest.ReasonUnreachable, Err: ErrAddress}
	}
	a := plain(at.Addr())
	if CheckAddress(a) != nil || a.IsUnspecified() || a.IsMulticast() || nowhere.Contains(a) || a == broadcast {
		return &ingest.Error{Reason: ingest.ReasonUnreachable, Err: ErrAddress}
	}
	return nil
}

var (
	nowhere   = netip.MustParsePrefix("0.0.0.0/8") // "this network" (RFC 1122, 3.2.1.3): some kernels take it for themselves
	broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// plain is the IPv4 address that a translator or a tunnel (RFC 6052; RFC 3056) makes of an IPv6 one, or the address itself.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// Resolve finds the address of "host:port" that is to be connected to, so that no second look-up can change it. The error is
// an *ingest.Error.
func Resolve(ctx context.Context, hostPort string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, ingest.Errorf(ingest.ReasonUnreachable, "an address without a port")
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return netip.AddrPort{}, ingest.Errorf(ingest.ReasonUnreachable, "no such port")
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return netip.AddrPort{}, ingest.Errorf(ingest.ReasonUnreachable, "the name of the host is not known")
	}
	a := found[0].Unmap()
	if err := CheckAddress(a); err != nil {
		return netip.AddrPort{}, &ingest.Error{Reason: ingest.ReasonUnreachable, Err: err}
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

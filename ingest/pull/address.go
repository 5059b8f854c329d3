package pull

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/stagecast/stagecast/ingest"
)

// ErrAddress refuses an address that nothing is ever fetched from, such as link-local ones, where clouds serve a machine's
// own credentials. Loopback and private addresses are allowed: cameras live there, and only the operator names pulls.
var ErrAddress = errors.New("pull: not the address of a host, or a link-local or metadata one")

var (
	metadata = netip.MustParseAddr("fd00:ec2::254")   // the credentials over IPv6; over IPv4 it is link-local
	nowhere  = netip.MustParsePrefix("0.0.0.0/8")     // "this network" (RFC 1122, 3.2.1.3): some kernels take it for themselves
	nat64    = netip.MustParsePrefix("64:ff9b::/96")  // RFC 6052
	sixToIV  = netip.MustParsePrefix("2002::/16")     // RFC 3056
	everyone = netip.MustParseAddr("255.255.255.255") // broadcast
)

// CheckAddress says whether a may have a part in what is fetched, as the address of a sender, of a group or of ours.
func CheckAddress(a netip.Addr) error {
	if a = plain(a); !a.IsValid() || a.IsLinkLocalUnicast() || a == metadata {
		return ErrAddress
	}
	return nil
}

// Control is a net.Dialer's: it refuses to connect to what CheckAddress refuses and to what is no single host. It is asked
// with the address itself, after names have been resolved, so that a name cannot change its mind in between.
func Control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &ingest.Error{Reason: ingest.ReasonForbidden, Err: ErrAddress}
	}
	return checkHost(at.Addr())
}

// checkHost says whether a may be connected to. The error is an *ingest.Error.
func checkHost(a netip.Addr) error {
	host := plain(a)
	if CheckAddress(a) != nil || host.IsUnspecified() || host.IsMulticast() || nowhere.Contains(host) || host == everyone {
		return &ingest.Error{Reason: ingest.ReasonForbidden, Err: ErrAddress}
	}
	return nil
}

// Resolve finds the address of "host:port" that is to be connected to, for what is dialled without Control: no second
// look-up can change it. The error is an *ingest.Error.
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
	if err := checkHost(a); err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

// plain is an address without its zone, and the IPv4 address that a translator or tunnel makes of an IPv6 one.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToIV.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

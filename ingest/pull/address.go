package pull

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/stagecast/stagecast/ingest"
)

// metadata is where some clouds serve a machine's own credentials over IPv6; over IPv4 it is link-local.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// ErrAddress refuses an address that nothing is ever fetched from: link-local ones, where clouds serve a machine's own
// credentials.
var ErrAddress = errors.New("pull: a link-local or metadata address")

// CheckAddress says whether a may be fetched from.
func CheckAddress(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if a.IsLinkLocalUnicast() || a == metadata {
		return ErrAddress
	}
	return nil
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

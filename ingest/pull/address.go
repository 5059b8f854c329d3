package pull

import (
	"net/netip"
	"syscall"

	"github.com/stagecast/stagecast/ingest"
)

// Control is a net.Dialer's and net.ListenConfig's: it refuses to connect to an address that no source may have. It is
// asked with the address itself, after names have been resolved, so that a name cannot change its mind in between.
//
// Refused are link-local addresses, behind which clouds answer for the machine itself, multicast, broadcast and unspecified
// ones. Loopback and private addresses are allowed: cameras live there, and only the operator names pulls.
func Control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !allowed(at.Addr()) {
		return &ingest.Error{Reason: ingest.ReasonForbidden}
	}
	return nil
}

func allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if embedded, ok := embedded(a); ok {
		a = embedded
	}
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && !nowhere.Contains(a) &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

var (
	nowhere = netip.MustParsePrefix("0.0.0.0/8") // "this network" (RFC 1122, 3.2.1.3): some kernels take it for themselves
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixToIV = netip.MustParsePrefix("2002::/16")
)

// embedded is the IPv4 address that a translator or tunnel (RFC 6052; RFC 3056) makes of an IPv6 one.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToIV.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return a, false
}

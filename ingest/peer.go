package ingest

import "net/netip"

// PeerOf is what counts as one address where attempts and connections are bounded: an IPv4 address, or an IPv6 /64, the least
// that one customer is given (RFC 6177). What has no "address:port" is one peer, the zero Prefix.
func PeerOf(remote string) netip.Prefix {
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

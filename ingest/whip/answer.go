package whip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/pion/sdp/v3"
)

// place is where media can be sent to from outside, beside what the interfaces tell: the configured public address.
type place struct {
	host []netip.Addr
	port int
}

// answer is our session description as it goes out: with the public address, and without addresses that lead nowhere.
func (p place) answer(text string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return "", err
	}
	for i, m := range d.MediaDescriptions {
		if i > 0 { // all are bundled with the first, which has the addresses
			strip(&m.Attributes)
		} else {
			m.Attributes = p.candidates(m.Attributes)
		}
	}
	b, err := d.Marshal()
	return string(b), err
}

// candidates puts our addresses right: the public one first.
func (p place) candidates(attributes []sdp.Attribute) (out []sdp.Attribute) {
	var own []sdp.Attribute
	for _, a := range attributes {
		switch {
		case a.Key == "end-of-candidates":
		case a.Key != "candidate":
			out = append(out, a)
		case reachable(a.Value):
			own = append(own, a)
		}
	}
	for i, ip := range p.host {
		// RFC 8445, 5.1.2.1, and for TCP RFC 6544, 4.2: type preference 126, and UDP before TCP
		out = append(out,
			sdp.Attribute{Key: "candidate", Value: fmt.Sprintf("public%d 1 udp %d %s %d typ host", i, 126<<24|65535<<8|255, ip, p.port)},
			sdp.Attribute{Key: "candidate", Value: fmt.Sprintf("public%dt 1 tcp %d %s %d typ host tcptype passive", i, 90<<24|65535<<8|255, ip, p.port)})
	}
	return append(append(out, own...), sdp.Attribute{Key: "end-of-candidates"})
}

// reachable reports whether a candidate of ours may be of use to anyone: a link-local address needs a zone that the other
// end does not know, and component 2 is never used.
func reachable(candidate string) bool {
	fields := strings.Fields(candidate)
	if len(fields) < 6 || fields[1] != "1" {
		return false
	}
	ip := net.ParseIP(fields[4])
	return ip != nil && !ip.IsLinkLocalUnicast()
}

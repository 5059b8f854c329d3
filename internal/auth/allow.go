package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/stagecast/stagecast/ingest"
)

// ErrAllow says what a list of addresses must look like.
var ErrAllow = errors.New("addresses are ADDRESS or NETWORK/BITS, separated by commas; STREAM=ADDRESS is for one stream")

// Allow is where publishers may come from. The zero value allows every address.
type Allow struct {
	all    []netip.Prefix            // for every stream; none: everywhere
	stream map[string][]netip.Prefix // and for these, only from there
}

// ParseAllow reads "192.0.2.0/24,2001:db8::/32,live=192.0.2.7".
func ParseAllow(list string) (Allow, error) {
	a := Allow{stream: make(map[string][]netip.Prefix)}
	for _, entry := range strings.Split(list, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		stream, text, named := strings.Cut(entry, "=")
		if !named {
			text = stream
		}
		network, err := parseNetwork(text)
		if err != nil || named && CheckName(stream) != nil {
			return Allow{}, fmt.Errorf("%q: %w", entry, ErrAllow)
		}
		if named {
			a.stream[stream] = append(a.stream[stream], network)
		} else {
			a.all = append(a.all, network)
		}
	}
	return a, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	address, err := netip.ParseAddr(text)
	return netip.PrefixFrom(address, address.BitLen()), err
}

// Streams that a list names.
func (a Allow) Streams() (names []string) {
	for name := range a.stream {
		names = append(names, name)
	}
	return names
}

// Before puts the list before another Authorizer: an address that no stream is open to learns nothing of its key.
func (a Allow) Before(next ingest.Authorizer) ingest.Authorizer {
	if a.all == nil && len(a.stream) == 0 {
		return next
	}
	return &allowed{a, next}
}

type allowed struct {
	Allow
	next ingest.Authorizer
}

// Authorize implements ingest.Authorizer.
func (a *allowed) Authorize(ctx context.Context, r ingest.Request) (string, error) {
	if r.Pulled {
		return a.next.Authorize(ctx, r)
	}
	if !within(a.all, r.Remote) {
		return "", ingest.Errorf(ingest.ReasonNotAllowed, "the address is in no network of auth.allow")
	}
	if !within(a.stream[r.Stream], r.Remote) { // before the key, where it is known already
		return "", ingest.Errorf(ingest.ReasonNotAllowed, "the address is in no network of auth.allow for stream %s", r.Stream)
	}
	answer, err := a.next.Authorize(ctx, r)
	if err != nil {
		return "", err
	}
	stream := strings.TrimSuffix(answer, ingest.BackupSuffix)
	if !within(a.stream[stream], r.Remote) {
		return "", ingest.Errorf(ingest.ReasonNotAllowed, "the address is in no network of auth.allow for stream %s", stream)
	}
	return answer, nil
}

// within reports whether a remote is in one of the networks. It is where there are none.
func within(networks []netip.Prefix, remote string) bool {
	if len(networks) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := from.Addr().Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(address) {
			return true
		}
	}
	return false
}

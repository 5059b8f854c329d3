package rtmp

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

func tcp(address string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address)) }

func TestLimiterCountsPerAddressUntilPublished(t *testing.T) {
	l := newLimiter(100, 2)
	first, err := l.enter(tcp("192.0.2.1:1000"))
	require.NoError(t, err)
	_, err = l.enter(tcp("[::ffff:192.0.2.1]:1001"))
	require.NoError(t, err)
	_, err = l.enter(tcp("192.0.2.1:1002"))
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	_, err = l.enter(tcp("192.0.2.2:1002"))
	require.NoError(t, err, "another address")

	first.published()
	third, err := l.enter(tcp("192.0.2.1:1002"))
	require.NoError(t, err)
	first.leave() // takes nothing from those that wait
	_, err = l.enter(tcp("192.0.2.1:1003"))
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	third.leave()
	_, err = l.enter(tcp("192.0.2.1:1003"))
	require.NoError(t, err)
}

func TestLimiterTakesAnIPv6NetworkForOneAddress(t *testing.T) {
	l := newLimiter(100, 1)
	_, err := l.enter(tcp("[2001:db8:0:1::1]:1"))
	require.NoError(t, err)
	_, err = l.enter(tcp("[2001:db8:0:1:ffff::2%eth0]:2"))
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	_, err = l.enter(tcp("[2001:db8:0:2::1]:3"))
	require.NoError(t, err)
}

func TestLimiterCountsAll(t *testing.T) {
	l := newLimiter(2, 100)
	p, err := l.enter(tcp("192.0.2.1:1"))
	require.NoError(t, err)
	p.published()
	_, err = l.enter(tcp("192.0.2.2:1"))
	require.NoError(t, err)
	_, err = l.enter(tcp("192.0.2.3:1"))
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	p.leave()
	_, err = l.enter(tcp("192.0.2.3:1"))
	require.NoError(t, err)
}

func TestThrottleLetsOneThroughASecond(t *testing.T) {
	var th throttle
	now := time.Unix(1000, 0)
	require.True(t, th.allow(now))
	require.False(t, th.allow(now.Add(999*time.Millisecond)))
	require.True(t, th.allow(now.Add(time.Second)))
}

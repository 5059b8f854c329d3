package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

func TestLimiterCountsPerAddressUntilPublished(t *testing.T) {
	l := wire.NewLimiter(100, 2)
	first, err := l.Enter("192.0.2.1:1000")
	require.NoError(t, err)
	_, err = l.Enter("[::ffff:192.0.2.1]:1001")
	require.NoError(t, err)
	_, err = l.Enter("192.0.2.1:1002")
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	_, err = l.Enter("192.0.2.2:1002")
	require.NoError(t, err, "another address")

	first.Published()
	third, err := l.Enter("192.0.2.1:1002")
	require.NoError(t, err)
	first.Leave() // takes nothing from those that wait
	_, err = l.Enter("192.0.2.1:1003")
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	third.Leave()
	_, err = l.Enter("192.0.2.1:1003")
	require.NoError(t, err)
}

func TestLimiterTakesAnIPv6NetworkForOneAddress(t *testing.T) {
	l := wire.NewLimiter(100, 1)
	_, err := l.Enter("[2001:db8:0:1::1]:1")
	require.NoError(t, err)
	_, err = l.Enter("[2001:db8:0:1:ffff::2%eth0]:2")
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	_, err = l.Enter("[2001:db8:0:2::1]:3")
	require.NoError(t, err)
}

func TestLimiterCountsAll(t *testing.T) {
	l := wire.NewLimiter(2, 100)
	p, err := l.Enter("192.0.2.1:1")
	require.NoError(t, err)
	p.Published()
	_, err = l.Enter("192.0.2.2:1")
	require.NoError(t, err)
	_, err = l.Enter("192.0.2.3:1")
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	p.Leave()
	_, err = l.Enter("192.0.2.3:1")
	require.NoError(t, err)
}

func TestThrottleLetsOneThroughASecond(t *testing.T) {
	var th wire.Throttle
	now := time.Unix(1000, 0)
	require.True(t, th.Allow(now))
	require.False(t, th.Allow(now.Add(999*time.Millisecond)))
	require.True(t, th.Allow(now.Add(time.Second)))
}

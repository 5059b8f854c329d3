package auth

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// door is an Attempts on a clock of its own.
func door(t *testing.T) (*Attempts, *time.Time) {
	t.Helper()
	now := time.Unix(1e9, 0)
	a := LimitAttempts(NewKeys(Streams{{Stream: "live", Text: "right"}}))
	a.now = func() time.Time { return now }
	return a, &now
}

func (a *Attempts) try(remote, key string) ingest.Reason {
	_, err := a.Authorize(context.Background(), ingest.Request{Remote: remote, Key: key})
	return ingest.ReasonOf(err)
}

func TestAnAddressThatGuessesIsShutOut(t *testing.T) {
	a, now := door(t)
	for i := range wrongAttempts {
		require.Equal(t, ingest.ReasonWrongKey, a.try("192.0.2.1:1", fmt.Sprint("guess-", i)))
	}
	require.Equal(t, ingest.ReasonTooManyAttempts, a.try("192.0.2.1:2", "one-more"))
	require.Equal(t, ingest.ReasonTooManyAttempts, a.try("192.0.2.1:2", "right"), "else a guess that is right would be told apart")
	require.Equal(t, ingest.ReasonUnpublished, a.try("192.0.2.2:1", "right"), "others are not touched")
	*now = now.Add(refill)
	require.Equal(t, ingest.ReasonUnpublished, a.try("192.0.2.1:2", "right"))
	require.Equal(t, ingest.ReasonWrongKey, a.try("192.0.2.1:2", "again"))
	require.Equal(t, ingest.ReasonTooManyAttempts, a.try("192.0.2.1:2", "and-again"))
}

func TestAnAddressOfIPv6IsItsNetwork(t *testing.T) {
	a, _ := door(t)
	for i := range wrongAttempts {
		require.Equal(t, ingest.ReasonWrongKey, a.try(fmt.Sprintf("[2001:db8::%d]:1", i), fmt.Sprint("guess-", i)))
	}
	require.Equal(t, ingest.ReasonTooManyAttempts, a.try("[2001:db8::ff]:1", "one-more"))
	require.Equal(t, ingest.ReasonWrongKey, a.try("[2001:db8:0:1::1]:1", "elsewhere"))
}

func TestAKeyThatIsTriedFromEverywhereIsShutOut(t *testing.T) {
	a, _ := door(t)
	for i := range wrongAttempts {
		require.Equal(t, ingest.ReasonWrongKey, a.try(fmt.Sprintf("192.0.2.%d:1", i), "stolen"))
	}
	require.Equal(t, ingest.ReasonTooManyAttempts, a.try("198.51.100.1:1", "stolen"))
	require.Equal(t, ingest.ReasonWrongKey, a.try("198.51.100.1:1", "another"))
}

func TestAMistypedKeyShutsNoNeighbourOut(t *testing.T) {
	a, now := door(t)
	for range 5 * wrongAttempts {
		a.try("192.0.2.1:1", "mistyped")
		*now = now.Add(2 * time.Second)
	}
	require.Equal(t, ingest.ReasonUnpublished, a.try("192.0.2.1:2", "right"))
	require.Equal(t, ingest.ReasonWrongKey, a.try("192.0.2.1:2", "another"))
}

func TestRightKeysAreNotCounted(t *testing.T) {
	a, _ := door(t)
	for range 10 * wrongAttempts {
		require.Equal(t, ingest.ReasonUnpublished, a.try("192.0.2.1:1", "right"))
	}
	require.Empty(t, a.wrong)
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	a, _ := door(t)
	for i := range remembered {
		a.try(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), fmt.Sprint("guess-", i))
	}
	require.LessOrEqual(t, len(a.wrong), remembered+1)
}

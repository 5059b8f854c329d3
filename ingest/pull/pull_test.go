package pull_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
)

// source is a place whose answers are a function of how often it has been asked.
type source struct {
	asked  atomic.Int64
	answer func(n int64, ctx context.Context, admit pull.Admit) error
}

func (s *source) Protocol() string { return "test" }

func (s *source) Fetch(ctx context.Context, admit pull.Admit, _ *slog.Logger) error {
	return s.answer(s.asked.Add(1), ctx, admit)
}

func run(s *source, long time.Duration) *ingest.Gate {
	gate := ingest.NewGate(ingest.Config{}, auth.NewKeys(map[string]string{"live": "some-key"}), hub.New(), slog.New(slog.DiscardHandler))
	p := &pull.Pull{Stream: "live", Key: "some-key", Source: s}
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	if err := p.Run(ctx, gate, slog.New(slog.DiscardHandler)); err != nil {
		panic(err)
	}
	return gate
}

func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(int64, context.Context, pull.Admit) error { return ingest.Errorf(ingest.ReasonUnreachable, "away") }}
		gate := run(s, 10*time.Minute)
		require.InDelta(t, 24, s.asked.Load(), 1, "after 1, 2, 4, 8, 16 and then every 30 seconds")
		require.Len(t, gate.Attempts(), 1, "what goes on alike is written down once")
		require.Equal(t, "live", gate.Attempts()[0].Stream)
	})
}

func TestRefusedIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(int64, context.Context, pull.Admit) error { return ingest.Errorf(ingest.ReasonRefused, "go away") }}
		run(s, time.Hour)
		require.LessOrEqual(t, s.asked.Load(), int64(13))
	})
}

// A session that lasted begins the waits anew; one that panics is one attempt.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(n int64, ctx context.Context, admit pull.Admit) error {
			if n == 1 {
				panic("bug")
			}
			session, err := admit(ctx, ingest.Request{Remote: "there"})
			if err != nil {
				return err
			}
			time.Sleep(time.Minute) // of the bubble's clock
			lost := ingest.Errorf(ingest.ReasonTimeout, "lost")
			session.End(lost)
			return lost
		}}
		gate := run(s, 10*time.Minute)
		require.EqualValues(t, 11, s.asked.Load())
		require.Len(t, gate.Attempts(), 11)
		require.True(t, gate.Attempts()[0].Admitted)
		require.Equal(t, ingest.ReasonInternal, gate.Attempts()[10].Reason)
	})
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1", "fd00:ec2::254"} {
		require.ErrorIs(t, pull.CheckAddress(netip.MustParseAddr(bad)), pull.ErrAddress, bad)
	}
	for _, good := range []string{"127.0.0.1", "10.0.0.1", "239.1.2.3", "2001:db8::1"} {
		require.NoError(t, pull.CheckAddress(netip.MustParseAddr(good)))
	}
	for _, bad := range []string{
		"169.254.169.254:80", "[fe80::1%lo]:554", "[::ffff:169.254.169.254]:80", "0.0.0.0:554", "[::]:554", "224.0.0.1:554", "[ff02::1]:554",
		"255.255.255.255:554", "0.1.2.3:554", "[64:ff9b::a9fe:a9fe]:80", "[2002:a9fe:a9fe::1]:80", "camera:554",
	} {
		require.ErrorIs(t, pull.Control("tcp", bad, nil), pull.ErrAddress, bad)
	}
	for _, good := range []string{"127.0.0.1:554", "10.0.0.1:554", "192.168.1.2:554", "[::1]:554", "[fd00::1]:554", "198.51.100.7:554"} {
		require.NoError(t, pull.Control("tcp", good, nil), good)
	}
	_, err := (&net.Dialer{Control: pull.Control}).Dial("tcp", "169.254.169.254:80")
	require.Equal(t, ingest.ReasonUnreachable, ingest.ReasonOf(err), "whatever name led there")
	at, err := pull.Resolve(context.Background(), "127.0.0.1:80")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:80", at.String())
	for _, bad := range []string{"127.0.0.1", "[fe80::1]:80", "127.0.0.1:none", "169.254.169.254:80"} {
		_, err := pull.Resolve(context.Background(), bad)
		require.Equal(t, ingest.ReasonUnreachable, ingest.ReasonOf(err), bad)
	}
}

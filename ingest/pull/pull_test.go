package pull_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a place whose answers are a function of how often it has been asked.
type source struct {
	asked  []time.Time
	answer func(n int, ctx context.Context, admit pull.Admit) error
}

func (s *source) Protocol() string { return "test-pull" }

func (s *source) Fetch(ctx context.Context, admit pull.Admit, _ *slog.Logger) error {
	s.asked = append(s.asked, time.Now())
	return s.answer(len(s.asked), ctx, admit)
}

// newGate is a Gate with the stream "live".
func newGate() *ingest.Gate {
	return ingest.NewGate(ingest.Config{}, auth.NewKeys(auth.Streams{{Stream: "live", Text: "some-key"}}), hub.New(), slog.New(slog.DiscardHandler))
}

// run fetches from s for so long, on the clock of a bubble.
func run(t *testing.T, s *source, gate *ingest.Gate, long time.Duration) (log string) {
	var logs bytes.Buffer
	p := &pull.Pull{Stream: "live", Key: "some-key", From: "test://there", Source: s}
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	require.NoError(t, p.Run(ctx, gate, slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	return logs.String()
}

func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(int, context.Context, pull.Admit) error { return ingest.Errorf(ingest.ReasonUnreachable, "away") }}
		gate := newGate()
		run(t, s, gate, 10*time.Minute)
		for i, wait := range []float64{1, 2, 4, 8, 16, 30, 30, 30} {
			require.InDelta(t, wait, s.asked[i+1].Sub(s.asked[i]).Seconds(), wait/4+0.001, "a quarter is left to chance")
		}
		require.LessOrEqual(t, len(s.asked), 32)
		require.Len(t, gate.Attempts(), 1, "what goes on alike is written down once")
		a := gate.Attempts()[0]
		require.Equal(t, "live", a.Stream)
		require.Equal(t, "test-pull", a.Protocol)
		require.Equal(t, "test://there", a.Remote)
		require.NotEmpty(t, a.Fix)
	})
}

func TestRefusedIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(int, context.Context, pull.Admit) error { return ingest.Errorf(ingest.ReasonRefused, "go away") }}
		run(t, s, newGate(), time.Hour)
		require.LessOrEqual(t, len(s.asked), 17)
	})
}

// A session that lasted begins the waits anew, and each has its entry in the journal.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(_ int, ctx context.Context, admit pull.Admit) error {
			session, err := admit(ctx, ingest.Request{Remote: "there"})
			if err != nil {
				return err
			}
			time.Sleep(time.Minute) // of the bubble's clock
			lost := ingest.Errorf(ingest.ReasonTimeout, "lost")
			session.End(lost)
			return lost
		}}
		gate := newGate()
		run(t, s, gate, 10*time.Minute)
		require.Len(t, s.asked, 10)
		require.Len(t, gate.Attempts(), 10)
		require.True(t, gate.Attempts()[0].Admitted)
		require.Equal(t, "there", gate.Attempts()[0].Remote)
	})
}

// A panic is one attempt, and its session has ended.
func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{answer: func(n int, ctx context.Context, admit pull.Admit) error {
			if n == 2 {
				_, err := admit(ctx, ingest.Request{Remote: "there"})
				require.NoError(t, err)
			}
			panic("bug")
		}}
		gate := newGate()
		log := run(t, s, gate, 5*time.Second)
		require.Contains(t, log, "panic=bug")
		require.False(t, gate.Attempts()[len(gate.Attempts())-1].Admitted)
		second := gate.Attempts()[len(gate.Attempts())-2]
		require.True(t, second.Admitted)
		require.Equal(t, ingest.ReasonInternal, second.Reason)
	})
}

// An encoder that publishes the stream keeps it: before an attempt, and where it has come during one.
func TestAnEncoderKeepsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newGate()
		encoder, err := gate.Open(context.Background(), ingest.Request{Key: "some-key", Clock: ingest.WireClock{Rate: 90000, Bits: 64}})
		require.NoError(t, err)
		s := &source{answer: func(_ int, ctx context.Context, admit pull.Admit) error {
			require.NoError(t, encoder.Describe([]media.Track{{ID: 1, Codec: media.AAC, Config: []byte{0x11, 0x90}}}))
			require.NoError(t, encoder.Write(ingest.Unit{Track: 1, Payload: []byte("sound")}))
			_, err := admit(ctx, ingest.Request{})
			require.Equal(t, ingest.ReasonReplaced, ingest.ReasonOf(err))
			return err
		}}
		run(t, s, gate, time.Hour)
		require.Len(t, s.asked, 1)
		require.NoError(t, encoder.Cause())
		encoder.End(nil)
	})
}

// A backup that is on air is no reason to leave the primary alone.
func TestAPullIsThePrimaryBesideABackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := ingest.NewGate(ingest.Config{}, auth.NewKeys(auth.Streams{
			{Stream: "live", Text: "some-key"}, {Stream: "live", Backup: true, Text: "backup-key"},
		}), hub.New(), slog.New(slog.DiscardHandler))
		backup, err := gate.Open(context.Background(), ingest.Request{Key: "backup-key", Clock: ingest.WireClock{Rate: 90000, Bits: 64}})
		require.NoError(t, err)
		defer backup.End(nil)
		require.NoError(t, backup.Describe([]media.Track{{ID: 1, Codec: media.AAC, Config: []byte{0x11, 0x90}}}))
		require.NoError(t, backup.Write(ingest.Unit{Track: 1, Payload: []byte("sound")}))
		s := &source{answer: func(_ int, ctx context.Context, admit pull.Admit) error {
			session, err := admit(ctx, ingest.Request{})
			require.NoError(t, err)
			session.End(nil)
			return nil
		}}
		run(t, s, gate, time.Minute)
		require.NotEmpty(t, s.asked)
		require.NoError(t, backup.Cause())
	})
}

func TestAddresses(t *testing.T) {
	never := []string{"169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}
	for _, bad := range never {
		require.ErrorIs(t, pull.CheckAddress(netip.MustParseAddr(bad)), pull.ErrAddress, bad)
	}
	for _, good := range []string{"127.0.0.1", "10.0.0.1", "239.1.2.3", "0.0.0.0", "2001:db8::1"} {
		require.NoError(t, pull.CheckAddress(netip.MustParseAddr(good)))
	}
	for _, bad := range append(never, "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "0.1.2.3") {
		require.Equal(t, ingest.ReasonForbidden, ingest.ReasonOf(pull.Control("tcp", net.JoinHostPort(bad, "554"), nil)), bad)
		_, err := pull.Resolve(context.Background(), net.JoinHostPort(bad, "554"))
		require.Equal(t, ingest.ReasonForbidden, ingest.ReasonOf(err), bad)
	}
	require.Error(t, pull.Control("tcp", "camera:554", nil))
	for _, good := range []string{"127.0.0.1", "10.0.0.1", "192.168.1.2", "::1", "fd00::1", "198.51.100.7", "2001:db8::1"} {
		require.NoError(t, pull.Control("tcp", net.JoinHostPort(good, "554"), nil), good)
	}
	_, err := (&net.Dialer{Control: pull.Control}).Dial("tcp", "169.254.169.254:80")
	require.Equal(t, ingest.ReasonForbidden, ingest.ReasonOf(err))

	at, err := pull.Resolve(context.Background(), "127.0.0.1:80")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:80", at.String())
	for _, bad := range []string{"127.0.0.1", "127.0.0.1:none"} {
		_, err := pull.Resolve(context.Background(), bad)
		require.Equal(t, ingest.ReasonUnreachable, ingest.ReasonOf(err), bad)
	}
}

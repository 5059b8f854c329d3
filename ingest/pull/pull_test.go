package pull_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
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

func TestPullsAreReadStrictlyAndURLsStayOutOfErrors(t *testing.T) {
	pulls, err := pull.Parse("door=rtsp://user:pass@camera.example/1?x=y=z, yard=rtsps://[fe80::1]:322/")
	require.NoError(t, err)
	require.Len(t, pulls, 2)
	require.Equal(t, "camera.example", pulls[0].URL.Host)
	require.Equal(t, "x=y=z", pulls[0].URL.RawQuery)
	none, err := pull.Parse(" , ")
	require.NoError(t, err)
	require.Empty(t, none)
	for _, bad := range []string{
		"door", "=rtsp://secret@camera/", "door=secret", "door=/secret", "door=rtsp:///secret", "door=rtsp://%zz:secret@camera/",
		"door=rtsp://a/,door=rtsp://secret@b/", "door=file:///secret", "door=rtsp://secret@:554/",
	} {
		_, err := pull.Parse(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestOnlyKnownSchemesOfKnownStreams(t *testing.T) {
	for list, want := range map[string]string{
		"live=http://camera/secret": `"http" is no scheme`, "live=file://host/secret": `"file" is no scheme`, "none=test://secret@camera/": `no stream "none"`,
	} {
		pulls, err := pull.Parse(list)
		require.NoError(t, err)
		_, err = pull.New(pull.Config{Pulls: pulls, Keys: map[string]string{"live": "key1"}, Sources: map[string]pull.Source{"test": &source{}}}, nil, slog.Default())
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

// A dialer with our Control reaches what cameras have and nothing else, whatever name led there.
func TestAddressesThatNoSourceMayHave(t *testing.T) {
	for _, address := range []string{
		"169.254.169.254:80", "[fe80::1%lo]:554", "[::ffff:169.254.169.254]:80", "0.0.0.0:554", "[::]:554", "224.0.0.1:554", "[ff02::1]:554",
		"255.255.255.255:554", "0.1.2.3:554", "[64:ff9b::a9fe:a9fe]:80", "[2002:a9fe:a9fe::1]:80", "camera:554",
	} {
		require.Equal(t, ingest.ReasonForbidden, ingest.ReasonOf(pull.Control("tcp", address, nil)), address)
	}
	for _, address := range []string{"127.0.0.1:554", "10.0.0.1:554", "192.168.1.2:554", "[::1]:554", "[fd00::1]:554", "198.51.100.7:554", "[2001:db8::1]:1"} {
		require.NoError(t, pull.Control("tcp", address, nil), address)
	}
	d := &net.Dialer{Control: pull.Control}
	_, err := d.Dial("tcp", "169.254.169.254:80")
	require.Equal(t, ingest.ReasonForbidden, ingest.ReasonOf(err))
}

// source is a Source whose attempts a test makes.
type source struct {
	attempts atomic.Int64
	times    []time.Time
	pull     func(ctx context.Context, n int64, open func(context.Context, ingest.Request) (*ingest.Session, error)) error
}

func (s *source) Pull(ctx context.Context, _ *url.URL, _ *net.Dialer, open func(context.Context, ingest.Request) (*ingest.Session, error)) error {
	s.times = append(s.times, time.Now())
	return s.pull(ctx, s.attempts.Add(1), open)
}

// run pulls from s for a time on a fake clock.
func run(t *testing.T, d time.Duration, s *source, then func(gate *ingest.Gate, log string)) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		gate := ingest.NewGate(ingest.Config{}, auth.NewKeys(map[string]string{"live": "key1"}), hub.New(), log)
		pulls, err := pull.Parse("live=test://user:secret@camera/")
		require.NoError(t, err)
		p, err := pull.New(pull.Config{Pulls: pulls, Keys: map[string]string{"live": "key1"}, Sources: map[string]pull.Source{"test": s}}, gate, log)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		require.NoError(t, p.Run(ctx))
		require.NotContains(t, logs.String(), "secret")
		then(gate, logs.String())
	})
}

func TestAFailingSourceIsTriedLessAndLessOften(t *testing.T) {
	s := &source{pull: func(context.Context, int64, func(context.Context, ingest.Request) (*ingest.Session, error)) error {
		return &ingest.Error{Reason: ingest.ReasonUnreachable}
	}}
	run(t, 10*time.Minute, s, func(gate *ingest.Gate, _ string) {
		want := []float64{1, 2, 4, 8, 16, 30, 30, 30}
		for i, w := range want {
			got := s.times[i+1].Sub(s.times[i]).Seconds()
			require.InDelta(t, w, got, w/4+0.001)
		}
		require.LessOrEqual(t, len(s.times), 32)
		require.Len(t, gate.Attempts(), 1, "the same failure is one entry of the journal")
		a := gate.Attempts()[0]
		require.Equal(t, "test-pull", a.Protocol)
		require.Equal(t, "live", a.Stream)
		require.Equal(t, "camera", a.Remote)
		require.NotEmpty(t, a.Fix)
	})
}

func TestASourceThatComesBackIsTakenAtOnce(t *testing.T) {
	s := &source{pull: func(ctx context.Context, n int64, open func(context.Context, ingest.Request) (*ingest.Session, error)) error {
		session, err := open(ctx, ingest.Request{Clock: ingest.WireClock{Rate: 90000, Bits: 64}})
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
		err = &ingest.Error{Reason: ingest.ReasonDisconnected}
		session.End(err)
		return err
	}}
	run(t, 10*time.Minute, s, func(gate *ingest.Gate, _ string) {
		require.Len(t, s.times, 10)
		require.Len(t, gate.Attempts(), 10, "each session has its entry")
		require.True(t, gate.Attempts()[0].Admitted)
	})
}

func TestABroadcasterKeepsTheStream(t *testing.T) {
	tracks := []media.Track{{ID: 1, Codec: media.AAC, Config: []byte{0x11, 0x90}}}
	s := &source{}
	s.pull = func(ctx context.Context, n int64, open func(context.Context, ingest.Request) (*ingest.Session, error)) error {
		session, err := open(ctx, ingest.Request{Clock: ingest.WireClock{Rate: 90000, Bits: 64}})
		if err != nil {
			return err
		}
		if err := errors.Join(session.Describe(tracks), session.Write(ingest.Unit{Track: 1, Payload: []byte("sound")})); err != nil {
			return err
		}
		time.Sleep(time.Minute) // this one plays the broadcaster: its session stays on air while the source has let go
		return &ingest.Error{Reason: ingest.ReasonReplaced}
	}
	run(t, time.Hour, s, func(*ingest.Gate, string) { require.Len(t, s.times, 1) })
}

func TestAPanicIsAnAttemptThatFailed(t *testing.T) {
	s := &source{pull: func(context.Context, int64, func(context.Context, ingest.Request) (*ingest.Session, error)) error {
		panic("no")
	}}
	run(t, time.Minute, s, func(gate *ingest.Gate, log string) {
		require.Greater(t, len(s.times), 3)
		require.Equal(t, ingest.ReasonInternal, gate.Attempts()[0].Reason)
		require.Contains(t, log, "panic")
	})
}

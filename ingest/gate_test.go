package ingest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

func request(key string) ingest.Request {
	return ingest.Request{Protocol: "rtmp", Key: key, Remote: "192.0.2.1:4000", Agent: "OBS", Clock: rtmpClock}
}

func TestNoMoreSessionsThanTheLimit(t *testing.T) {
	d := newDesk(t, ingest.Config{MaxSessions: 2})
	first := d.open()
	d.open()
	_, err := d.gate.Open(context.Background(), request("key-of-live"))
	require.Equal(t, ingest.ReasonTooMany, ingest.ReasonOf(err))
	first.End(nil)
	d.open()
}

func TestClosedGateEndsSessionsAndAdmitsNone(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	d.gate.Close()
	<-s.Done()
	require.Equal(t, ingest.ReasonShutdown, ingest.ReasonOf(s.Cause()))
	_, err := d.gate.Open(context.Background(), request("key-of-live"))
	require.Equal(t, ingest.ReasonShutdown, ingest.ReasonOf(err))
}

func TestJournalKeepsTheLastHundredNewestFirst(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	for i := range 250 {
		d.gate.Refuse(request(""), ingest.Errorf(ingest.ReasonBadHandshake, "attempt %d", i))
		attempts := d.gate.Attempts()
		require.Len(t, attempts, min(i+1, 100))
		for j, a := range attempts {
			require.Equal(t, fmt.Sprintf("attempt %d", i-j), a.Detail)
		}
	}
	require.NotEmpty(t, d.gate.Attempts()[0].Fix)
}

func TestEveryEndIsInTheJournal(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	d.now = d.now.Add(90 * time.Second)
	s.End(ingest.Errorf(ingest.ReasonTimeout, "nothing for 10 s"))
	a := d.gate.Attempts()[0]
	require.Equal(t, ingest.Attempt{
		At: d.now, Protocol: "rtmp", Stream: "live", Remote: "192.0.2.1:4000", Admitted: true, Lasted: 90 * time.Second, Seconds: 90,
		Reason: ingest.ReasonTimeout, Detail: "nothing for 10 s", Fix: ingest.ReasonTimeout.Fix(),
	}, a)
}

func TestKeysNeverReachLogOrJournal(t *testing.T) {
	d := newDesk(t, ingest.Config{MaxSessions: 1})
	_, err := d.gate.Open(context.Background(), request("wrong-secret"))
	require.Equal(t, ingest.ReasonWrongKey, ingest.ReasonOf(err))
	s := d.open()
	_, err = d.gate.Open(context.Background(), request("key-of-live"))
	require.Error(t, err)
	d.gate.Refuse(request("other-secret"), ingest.Errorf(ingest.ReasonBadMessage, "broken"))
	describe(t, s, fps30, aac48)
	d.write(s, shot(0, true))
	s.End(nil)
	for _, text := range []string{d.logs.String(), fmt.Sprintf("%+v", d.gate.Attempts()), err.Error()} {
		require.NotEmpty(t, text)
		require.NotContains(t, text, "secret")
		require.NotContains(t, text, "key-of-")
	}
	require.Contains(t, d.logs.String(), "track published")
}

func TestMetricsAreCollected(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(d.gate))
	d.gate.Refuse(request(""), &ingest.Error{Reason: ingest.ReasonWrongKey})
	s := d.open()
	e := encoder{rate: fps30, sampleRate: 48000, span: 5 * time.Second}
	d.describeFor(s, e, fps30)
	d.feed(s, e)
	families, err := r.Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
	}
	require.InDelta(t, 30, values["stagecast_ingest_frames_per_second"], 1)
	require.EqualValues(t, 1, values["stagecast_ingest_sessions"])
	require.EqualValues(t, 1, values["stagecast_ingest_attempts_total"])
	require.InDelta(t, 0, values["stagecast_ingest_skew_seconds"], 0.1)
	require.Zero(t, values["stagecast_ingest_missing_pictures"])
}

func TestInputsTellWhatIsWrong(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	defer s.End(nil)
	describe(t, s, fps30, nil)
	for i := range int64(400) {
		d.now = d.now.Add(time.Second / 30)
		if i == 50 || i == 51 {
			continue
		}
		d.write(s, shot(i*100/3, i%150 == 0))
	}
	in := d.gate.Inputs()[0]
	require.InDelta(t, 30, in.Video.FPS, 1)
	require.InDelta(t, 5, in.Video.KeyframeInterval, 0.01)
	require.EqualValues(t, 2, in.Missing)
	var names []string
	for _, w := range in.Warnings {
		names = append(names, w.Name)
	}
	require.Equal(t, []string{"key frames far apart", "no sound"}, names)
}

// Sessions that come at once end up with one on air, and that one is whom readers hear.
func TestManyTakeoversAtOnceLeaveOneOnAir(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	var sessions []*ingest.Session
	var wg sync.WaitGroup
	for range 50 {
		s := d.open()
		sessions = append(sessions, s)
		describe(t, s, media.Rational{}, nil)
	}
	for _, s := range sessions {
		wg.Go(func() { _ = s.Write(shot(0, true)) })
	}
	wg.Wait()
	var left []*ingest.Session
	for _, s := range sessions {
		if s.Cause() == nil {
			left = append(left, s)
		}
	}
	require.Len(t, left, 1)
	before := d.hub.Newest(liveKey)
	require.NoError(t, before.Err())
	left[0].End(nil)
	require.Error(t, before.Err())
}

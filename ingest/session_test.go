package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

var liveKey = hub.Key{Stream: "live", Stage: hub.Source}

func shot(ms int64, key bool) ingest.Unit {
	return ingest.Unit{Track: picture, DTS: ms, RandomAccess: key, Payload: []byte{1}}
}

func tone(ms int64) ingest.Unit {
	return ingest.Unit{Track: sound, DTS: ms, Payload: []byte{2}}
}

func TestNothingIsPublishedBeforeAPictureThatCanBeDecoded(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	defer s.End(nil)
	describe(t, s, fps30, aac48)
	d.write(s, tone(0))
	d.write(s, shot(0, false))
	d.write(s, shot(33, false))
	require.Nil(t, d.hub.Newest(liveKey))
	d.write(s, shot(67, true))
	d.write(s, tone(70))
	require.Len(t, d.last().units, 2)
	require.Equal(t, "source", d.last().pub.Track(picture).Rendition)
	require.EqualValues(t, 3, d.gate.Inputs()[0].Dropped)
}

func TestUnitsOfNoTrackAndEmptyOnesAreCounted(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	defer s.End(nil)
	d.write(s, shot(0, true)) // before Describe
	describe(t, s, fps30, nil)
	d.write(s, shot(0, true))
	d.write(s, ingest.Unit{Track: 7, Payload: []byte{1}})
	d.write(s, ingest.Unit{Track: picture, DTS: 33})
	require.EqualValues(t, 3, d.gate.Inputs()[0].Dropped)
	require.Len(t, d.last().units, 1)
}

func TestDescribeRefusesWhatCannotBeDecoded(t *testing.T) {
	video := media.Track{ID: 1, Codec: media.H264, Config: plainAVC}
	for name, c := range map[string]struct {
		tracks []media.Track
		want   ingest.Reason
	}{
		"no tracks":          {nil, ingest.ReasonBadMedia},
		"two pictures":       {[]media.Track{video, video}, ingest.ReasonUnsupported},
		"an unknown codec":   {[]media.Track{{ID: 1, Codec: "mjpeg"}}, ingest.ReasonUnsupported},
		"half a config":      {[]media.Track{{ID: 1, Codec: media.H264, Config: plainAVC[:9]}}, ingest.ReasonBadMedia},
		"sound without data": {[]media.Track{{ID: 2, Codec: media.AAC}}, ingest.ReasonBadMedia},
	} {
		s := newDesk(t, ingest.Config{}).open()
		require.Equal(t, c.want, ingest.ReasonOf(s.Describe(c.tracks)), name)
	}
}

func TestNewConfigurationIsANewPublicationThatGoesOn(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	defer s.End(nil)
	describe(t, s, fps30, aac48)
	d.write(s, shot(0, true))
	d.write(s, tone(5))
	first := d.last()

	describe(t, s, fps30, aac48)
	d.write(s, shot(33, false))
	require.Same(t, first, d.last(), "nothing has changed")

	describe(t, s, fps30, aac44)
	d.write(s, shot(67, false))
	require.NoError(t, first.pub.Err(), "still the newest that can be decoded")
	d.write(s, shot(100, true))
	require.NotSame(t, first, d.last())
	require.ErrorIs(t, first.pub.Err(), hub.ErrReplaced)
	require.NoError(t, d.last().pub.Err())
	require.Greater(t, d.last().pub.ID, first.pub.ID)
	require.Equal(t, first.units[0].DTS+9000, d.last().units[0].DTS, "three frames on")
	require.Nil(t, s.Cause(), "a session does not replace itself")
}

func TestTakeoverWaitsForMediaThatCanBeDecoded(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	old := d.open()
	describe(t, old, fps30, nil)
	d.write(old, shot(0, true))
	first := d.last()

	s := d.open()
	describe(t, s, fps30, nil)
	d.write(s, shot(0, false))
	d.write(old, shot(33, false))
	require.NoError(t, first.pub.Err())
	require.Nil(t, old.Cause())

	d.write(s, shot(33, true))
	<-old.Done()
	require.Equal(t, ingest.ReasonReplaced, ingest.ReasonOf(old.Cause()))
	require.ErrorIs(t, first.pub.Err(), hub.ErrReplaced)
	second := d.last()
	old.End(old.Cause())
	require.NoError(t, second.pub.Err(), "the end of the old session is not that of the new")
	require.Len(t, d.gate.Inputs(), 1)
	s.End(nil)
	require.ErrorIs(t, second.pub.Err(), hub.ErrEnded)
}

func TestAReplacedSessionCannotTakeTheStreamBack(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	old, s := d.open(), d.open()
	describe(t, old, fps30, nil)
	d.write(old, shot(0, true))
	describe(t, s, fps30, nil)
	d.write(s, shot(0, true))

	describe(t, old, fps30, aac48)
	require.Equal(t, ingest.ReasonReplaced, ingest.ReasonOf(old.Write(shot(33, true))))
	require.NoError(t, d.last().pub.Err())
	require.Nil(t, s.Cause())
}

// Whoever comes next, and however soon, media time goes on after what the readers have.
func TestMediaTimeNeverGoesBackOverSessions(t *testing.T) {
	for name, between := range map[string]time.Duration{"at once": 0, "clock set back": -time.Minute, "later": time.Second} {
		for _, rate := range []media.Rational{fps30, {Num: 30000, Den: 1001}, {}} {
			t.Run(name+" at "+rate.String(), func(t *testing.T) {
				d := newDesk(t, ingest.Config{})
				e := encoder{rate: fps30, reorder: true, sampleRate: 44100, span: 3 * time.Second, wire: add(777)}
				for range 3 {
					s := d.open()
					d.describeFor(s, e, rate)
					d.feed(s, e)
					s.End(ingest.Errorf(ingest.ReasonDisconnected, "cut"))
					d.now = d.now.Add(between)
				}
				require.Len(t, d.read, 3)
				goesOn(t, d.read)
			})
		}
	}
}

// goesOn requires that each publication starts where the one before ended, or later.
func goesOn(t *testing.T, read []*recording) {
	t.Helper()
	var shown float64
	ends := make(map[int]int64)
	for _, r := range read {
		r.keepsPromises(t)
		first := r.of(picture)[0]
		require.GreaterOrEqual(t, media.Seconds(first.PTS, 90000), shown)
		for _, u := range r.units {
			require.GreaterOrEqual(t, u.DTS, ends[u.Track], "track %d", u.Track)
			ends[u.Track] = u.DTS + u.Duration
			shown = max(shown, media.Seconds(u.PTS, r.pub.Track(u.Track).ClockRate))
		}
	}
}

func TestABrokenOffsetDoesNotCarryTheStreamOff(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	defer s.End(nil)
	describe(t, s, media.Rational{}, nil)
	for i, offset := range []int64{-8_388_608, 8_388_607, 0} {
		u := shot(int64(i)*40, true)
		u.Offset = offset
		d.write(s, u)
	}
	for _, u := range d.last().units {
		require.Less(t, media.Time(u.PTS, 90000).Sub(d.now).Abs(), 11*time.Second)
	}
}

func TestReadersSeeWhyASessionEnded(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{nil, hub.ErrEnded},
		{&ingest.Error{Reason: ingest.ReasonReplaced}, hub.ErrReplaced},
		{&ingest.Error{Reason: ingest.ReasonInternal, Err: hub.ErrEnded}, hub.ErrEnded},
		{&ingest.Error{Reason: ingest.ReasonDisconnected}, hub.ErrLost},
		{&ingest.Error{Reason: ingest.ReasonTimeout}, hub.ErrLost},
		{&ingest.Error{Reason: ingest.ReasonBadMedia}, hub.ErrLost},
		{&ingest.Error{Reason: ingest.ReasonShutdown}, hub.ErrLost},
		{errors.New("anything else"), hub.ErrLost},
	} {
		d := newDesk(t, ingest.Config{})
		s := d.open()
		describe(t, s, fps30, nil)
		d.write(s, shot(0, true))
		s.End(c.err)
		s.End(errors.New("only the first call counts"))
		require.ErrorIs(t, d.last().pub.Err(), c.want, "%v", c.err)
		_, err := d.sub.Next(context.Background(), nil)
		require.ErrorIs(t, err, c.want)
		require.Len(t, d.gate.Attempts(), 1)
	}
}

package ingest_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// camera is one encoder of several, which sends in real time from when it comes until it goes.
type camera struct {
	encoder
	key     string
	claimed media.Rational
	comes   time.Duration
	goes    error         // how its session ends; nil and span over: a goodbye
	stays   bool          // it does not end at all
	late    time.Duration // by which all that it sends comes later
	session *ingest.Session
}

func opened(d *desk, key string) *ingest.Session {
	s, err := d.gate.Open(context.Background(), ingest.Request{Protocol: "rtmp", Key: key, Remote: "192.0.2.1:4000", Clock: rtmpClock})
	require.NoError(d.t, err)
	return s
}

const (
	primaryKey = "key-of-live"
	backupKey  = "key-of-live/backup"
)

var errCut = ingest.Errorf(ingest.ReasonDisconnected, "cut")

// event is something that happens at a time.
type event struct {
	at time.Duration
	do func()
}

// play lets cameras send and other things happen, each at its time, while the gate looks twenty times a second.
func (d *desk) play(until time.Duration, cameras []*camera, more ...event) {
	began := d.now
	events := more
	for _, c := range cameras {
		events = append(events, event{c.comes, func() {
			c.session = opened(d, c.key)
			d.describeFor(c.session, c.encoder, cmp.Or(c.claimed, c.rate))
		}})
		for _, u := range c.units() {
			events = append(events, event{c.comes + u.at, func() {
				if c.session.Cause() != nil {
					c.session.End(c.session.Cause())
					return
				}
				d.write(c.session, u.unit)
			}})
		}
		if !c.stays {
			events = append(events, event{c.comes + c.span + c.late, func() { c.session.End(c.goes) }})
		}
	}
	for at := time.Duration(0); at < until; at += 50 * time.Millisecond {
		events = append(events, event{at, func() { d.gate.Look(); d.drain() }})
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range events {
		if e.at <= until {
			d.now = began.Add(e.at)
			e.do()
			d.drain()
		}
	}
	d.now = began.Add(until)
	d.drain()
}

// status is how the stream stands.
func (d *desk) status() ingest.Status {
	all := d.gate.Statuses()
	require.Len(d.t, all, 1)
	return all[0]
}

func film(span time.Duration) encoder { return encoder{rate: fps30, sampleRate: 48000, span: span} }

// holes are the spans, above a frame and a half, between pictures that are shown one after the other.
func (r *recording) holes() (out []time.Duration) {
	var shown []int64
	for _, u := range r.of(picture) {
		shown = append(shown, u.PTS)
	}
	slices.Sort(shown)
	for i := 1; i < len(shown); i++ {
		if apart := time.Duration(media.Seconds(shown[i]-shown[i-1], 90000) * 1e9); apart > 50*time.Millisecond {
			out = append(out, apart)
		}
	}
	return out
}

func TestBackupStandsBy(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	d.play(10*time.Second, []*camera{
		{encoder: film(10 * time.Second), key: primaryKey, stays: true},
		{encoder: film(7 * time.Second), key: backupKey, comes: 3 * time.Second, stays: true},
	})
	require.Len(t, d.read, 1)
	s := d.status()
	require.Equal(t, ingest.Primary, s.OnAir)
	require.Len(t, s.Inputs, 2)
	require.Equal(t, ingest.Primary, s.Inputs[0].Role)
	require.True(t, s.Inputs[0].OnAir)
	require.False(t, s.Inputs[1].OnAir)
	require.InDelta(t, 30, s.Inputs[1].Video.FPS, 1, "it is measured")
	require.Len(t, d.gate.Inputs(), 1, "one is on air")
}

// Whatever the encoders' clocks say and however far their key frames are apart, the stream goes on without a hole.
func TestBackupGoesOnWhereThePrimaryWasCut(t *testing.T) {
	for at := 6 * time.Second; at < 8*time.Second; at += 170 * time.Millisecond {
		d := newDesk(t, ingest.Config{})
		backup := film(20 * time.Second)
		backup.wire = add(123456)
		d.play(16*time.Second, []*camera{
			{encoder: film(at), key: primaryKey, goes: errCut},
			{encoder: backup, key: backupKey, comes: 700 * time.Millisecond, stays: true},
		})
		require.Len(t, d.read, 1, "one publication")
		r := d.last()
		r.keepsPromises(t)
		require.Empty(t, r.holes(), "cut at %v", at)
		last := r.units[len(r.units)-1]
		require.Less(t, d.now.Sub(media.Time(last.PTS, r.pub.Track(last.Track).ClockRate)).Abs(), 200*time.Millisecond, "it is live")
		s := d.status()
		require.Equal(t, ingest.Backup, s.OnAir)
		require.Equal(t, ingest.SwitchLost, s.Last.Reason)
		require.Equal(t, ingest.Primary, s.Last.From)
		require.Less(t, s.Last.HoleMs, 100.0)
	}
}

func TestBackupFollowsOnSilence(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	d.play(16*time.Second, []*camera{
		{encoder: film(7 * time.Second), key: primaryKey, stays: true},
		{encoder: film(20 * time.Second), key: backupKey, stays: true},
	})
	require.Len(t, d.read, 1)
	d.last().keepsPromises(t)
	require.Empty(t, d.last().holes(), "what the backup sent meanwhile is shown at once")
	require.Equal(t, ingest.SwitchSilent, d.status().Last.Reason)
}

func TestDrillGoesThereAndBack(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	drill := func() { require.NoError(t, d.gate.Switch("live", "")) }
	d.play(20*time.Second, []*camera{
		{encoder: film(20 * time.Second), key: primaryKey, stays: true},
		{encoder: film(20 * time.Second), key: backupKey, comes: 500 * time.Millisecond, stays: true},
	}, event{5310 * time.Millisecond, drill}, event{9870 * time.Millisecond, drill}, event{10 * time.Second, func() {
		require.ErrorIs(t, d.gate.Switch("live", ingest.Primary), ingest.ErrNoInput, "it is on air")
		require.ErrorIs(t, d.gate.Switch("other", ""), ingest.ErrNoStream)
		require.ErrorIs(t, d.gate.Pin("live", "slate"), ingest.ErrNoInput)
	}})
	require.Len(t, d.read, 1)
	d.last().keepsPromises(t)
	require.Empty(t, d.last().holes())
	require.Equal(t, ingest.Primary, d.status().OnAir)
}

func TestHealthPutsTheBetterOnAir(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	bad := film(40 * time.Second)
	bad.keep = func(track int, at time.Duration) bool { // most pictures are left out
		return at < 15*time.Second || track == sound || at%(400*time.Millisecond) < 40*time.Millisecond
	}
	d.play(40*time.Second, []*camera{
		{encoder: bad, key: primaryKey, stays: true},
		{encoder: film(40 * time.Second), key: backupKey, stays: true},
	})
	s := d.status()
	require.Equal(t, ingest.Backup, s.OnAir)
	require.Equal(t, ingest.SwitchHealth, s.Last.Reason)
	require.Greater(t, s.Inputs[1].Score, s.Inputs[0].Score)
	require.Len(t, d.read, 1)
}

func TestPinnedInputComesBack(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	d.play(20*time.Second, []*camera{
		{encoder: film(5 * time.Second), key: primaryKey, goes: errCut},
		{encoder: film(20 * time.Second), key: backupKey, stays: true},
		{encoder: film(10 * time.Second), key: primaryKey, comes: 9 * time.Second, stays: true},
	}, event{time.Second, func() { require.NoError(t, d.gate.Pin("live", ingest.Primary)) }})
	s := d.status()
	require.Equal(t, ingest.Primary, s.OnAir)
	require.Equal(t, ingest.SwitchPinned, s.Last.Reason)
	require.Len(t, d.read, 1)
	d.last().keepsPromises(t)
}

func TestSameKeyTakesOverWhileTheBackupStandsBy(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	first := &camera{encoder: film(12 * time.Second), key: primaryKey, stays: true}
	d.play(12*time.Second, []*camera{
		first,
		{encoder: film(12 * time.Second), key: backupKey, stays: true},
		{encoder: film(7 * time.Second), key: primaryKey, comes: 5 * time.Second, stays: true},
	})
	require.Equal(t, ingest.ReasonReplaced, ingest.ReasonOf(first.session.Cause()))
	require.Equal(t, ingest.Primary, d.status().OnAir)
	require.Len(t, d.read, 2, "a takeover begins anew")
	goesOn(t, d.read)
}

// The stream ends when the last of its encoders says goodbye.
func TestGoodbyeOfOneIsNotTheEnd(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	d.play(12*time.Second, []*camera{
		{encoder: film(5 * time.Second), key: primaryKey},
		{encoder: film(10 * time.Second), key: backupKey},
	}, event{8 * time.Second, func() { require.NoError(t, d.last().pub.Err()) }})
	require.Len(t, d.read, 1)
	require.ErrorIs(t, d.last().pub.Err(), hub.ErrEnded)
}

func TestOtherPicturesAreAPublicationOfTheirOwn(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	backup := film(12 * time.Second)
	backup.sampleRate = 44100
	d.play(12*time.Second, []*camera{
		{encoder: film(5300 * time.Millisecond), key: primaryKey, goes: errCut},
		{encoder: backup, key: backupKey, stays: true},
	})
	require.Len(t, d.read, 2)
	require.ErrorIs(t, d.read[0].pub.Err(), hub.ErrReplaced)
	d.last().keepsPromises(t)
	require.Empty(t, d.last().holes())
	ends := d.read[0].units[len(d.read[0].units)-1]
	end := media.Time(ends.PTS, d.read[0].pub.Track(ends.Track).ClockRate)
	for _, u := range d.last().units {
		require.False(t, media.Time(u.PTS, d.last().pub.Track(u.Track).ClockRate).Before(end.Add(-30*time.Millisecond)))
	}
}

// Players are given no picture twice and none that they cannot decode: the backup begins with its next key frame, and the
// primary, where it is still there, goes on until then.
func TestPassedOnTheBackupBeginsWithItsNextKeyFrame(t *testing.T) {
	for name, primary := range map[string]*camera{
		"drill": {encoder: film(16 * time.Second), key: primaryKey, stays: true},
		"loss":  {encoder: film(7300 * time.Millisecond), key: primaryKey, goes: errCut},
	} {
		d := newDesk(t, ingest.Config{PassedOn: true})
		d.play(16*time.Second, []*camera{
			primary,
			{encoder: film(16 * time.Second), key: backupKey, comes: 500 * time.Millisecond, stays: true},
		}, event{7300 * time.Millisecond, func() {
			if name == "drill" {
				require.NoError(t, d.gate.Switch("live", ingest.Backup))
			}
		}})
		require.Len(t, d.read, 2, name)
		require.ErrorIs(t, d.read[0].pub.Err(), hub.ErrReplaced, name)
		first := d.last().of(picture)[0]
		require.True(t, first.RandomAccess, name)
		goesOn(t, d.read)
		before := d.read[0].of(picture)
		hole := time.Duration(media.Seconds(first.PTS-before[len(before)-1].PTS, 90000) * 1e9)
		if name == "drill" {
			require.Less(t, hole, 100*time.Millisecond, name)
		} else {
			require.Less(t, hole, 2*time.Second, name)
		}
	}
}

func TestTheOperatorEndsTheBroadcast(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	cameras := []*camera{
		{encoder: film(10 * time.Second), key: primaryKey, stays: true},
		{encoder: film(10 * time.Second), key: backupKey, stays: true},
	}
	d.play(8*time.Second, cameras, event{5 * time.Second, func() {
		require.NoError(t, d.gate.EndBroadcast("live"))
		require.ErrorIs(t, d.last().pub.Err(), hub.ErrOver)
	}})
	require.Len(t, d.read, 1, "no other input takes its place")
	for _, c := range cameras {
		require.Equal(t, ingest.ReasonEnded, ingest.ReasonOf(c.session.Cause()))
	}
	require.ErrorIs(t, d.gate.EndBroadcast("live"), ingest.ErrNoStream)
	require.ErrorIs(t, d.gate.EndBroadcast("other"), ingest.ErrNoStream)
}

// card is a Slate of two pictures a second.
type card struct{ err error }

func (c card) Make(_ context.Context, tracks []media.Track) (*ingest.Loop, error) {
	if c.err != nil {
		return nil, c.err
	}
	return &ingest.Loop{
		Tracks: []media.Track{
			{ID: 4, Codec: media.H264, Config: plainAVC, FrameRate: fps30}, {ID: 5, Codec: media.AAC, Config: aac48},
		},
		Pictures: []ingest.Unit{
			{Track: 4, DTS: 0, RandomAccess: true, Payload: []byte("slate...")}, {Track: 4, DTS: 45000, Payload: []byte("slate...")},
		},
		Length: 90000, Sound: []ingest.Unit{{Track: 5, Payload: []byte("quiet...")}},
	}, nil
}

// slated counts the pictures of the slate.
func (r *recording) slated() (n int) {
	for _, u := range r.of(picture) {
		if string(u.Payload) == "slate..." {
			n++
		}
	}
	return n
}

func TestSlateUntilTheEncoderIsBack(t *testing.T) {
	d := newDesk(t, ingest.Config{Slate: card{}})
	d.play(20*time.Second, []*camera{
		{encoder: film(6300 * time.Millisecond), key: primaryKey, goes: errCut},
		{encoder: film(20 * time.Second), key: primaryKey, comes: 12 * time.Second, stays: true},
	}, event{9 * time.Second, func() {
		require.Equal(t, ingest.SlateOut, d.status().OnAir)
		require.Empty(t, d.gate.Inputs(), "a slate is no encoder")
	}})
	require.Len(t, d.read, 1, "one publication")
	d.last().keepsPromises(t)
	require.Equal(t, 12, d.last().slated())
	s := d.status()
	require.Equal(t, ingest.Primary, s.OnAir)
	require.Equal(t, ingest.SwitchReturn, s.Last.Reason)
}

func TestSlateEndsWithTheGrace(t *testing.T) {
	d := newDesk(t, ingest.Config{Slate: card{}, Grace: 5 * time.Second})
	d.play(13*time.Second, []*camera{{encoder: film(6 * time.Second), key: primaryKey, goes: errCut}})
	require.Len(t, d.read, 1)
	require.ErrorIs(t, d.last().pub.Err(), hub.ErrOver)
	require.InDelta(t, 10, d.last().slated(), 1)
}

func TestGoodbyeShowsNoSlate(t *testing.T) {
	d := newDesk(t, ingest.Config{Slate: card{}})
	d.play(8*time.Second, []*camera{{encoder: film(6 * time.Second), key: primaryKey}})
	require.ErrorIs(t, d.last().pub.Err(), hub.ErrEnded)
	require.Zero(t, d.last().slated())
}

func TestWithoutASlateThereIsAGap(t *testing.T) {
	for name, c := range map[string]ingest.Config{
		"none":                     {},
		"one that cannot be made":  {Slate: card{err: errCut}},
		"players take no other":    {Slate: card{}, PassedOn: true},
		"the loss comes too early": {Slate: card{}},
	} {
		d := newDesk(t, c)
		e := film(6 * time.Second)
		switch name {
		case "players take no other":
			e.sampleRate = 0
		case "the loss comes too early":
			e.span = 2 * time.Second
		}
		d.play(8*time.Second, []*camera{{encoder: e, key: primaryKey, goes: errCut}})
		require.ErrorIs(t, d.last().pub.Err(), hub.ErrLost, name)
	}
}

func TestSlateForAnEncoderThatSaysNothing(t *testing.T) {
	d := newDesk(t, ingest.Config{Slate: card{}})
	pause := film(20 * time.Second)
	pause.keep = func(_ int, at time.Duration) bool { return at < 7*time.Second || at > 12*time.Second }
	d.play(20*time.Second, []*camera{{encoder: pause, key: primaryKey, stays: true}})
	require.Len(t, d.read, 1)
	d.last().keepsPromises(t)
	require.InDelta(t, 8, d.last().slated(), 2)
	require.Equal(t, ingest.Primary, d.status().OnAir)
}

// An encoder that was silent for longer than the grace, and has kept its connection, begins another broadcast.
func TestAnInputThatWakesUpBeginsAnew(t *testing.T) {
	d := newDesk(t, ingest.Config{Slate: card{}, Grace: 3 * time.Second})
	pause := film(20 * time.Second)
	pause.keep = func(_ int, at time.Duration) bool { return at < 7*time.Second || at > 14*time.Second }
	d.play(20*time.Second, []*camera{{encoder: pause, key: primaryKey, stays: true}})
	require.Len(t, d.read, 2)
	require.ErrorIs(t, d.read[0].pub.Err(), hub.ErrOver)
	require.NoError(t, d.read[1].pub.Err())
	require.Equal(t, ingest.Primary, d.status().OnAir)
	goesOn(t, d.read)
}

// requireInSync checks that the newest picture and the newest sound were moved by the same time, some seconds after a switch.
func (d *desk) requireInSync(seed uint64) {
	all := d.gate.Statuses()
	if len(all) == 0 || !all[0].OnAir.IsEncoder() || all[0].Last != nil && d.now.Sub(all[0].Last.At) < 3*time.Second {
		return
	}
	r := d.last()
	pictures, sounds := r.of(picture), r.of(sound)
	if len(pictures) < 10 || len(sounds) < 10 || pictures[len(pictures)-1].Duration == 1 { // squeezed: the switch goes on
		return
	}
	moved := func(u media.AccessUnit) float64 {
		truth := float64(binary.BigEndian.Uint64(u.Payload[len(u.Payload)-8:])) / 1e9
		return media.Seconds(u.PTS-media.Ticks(noon, r.pub.Track(u.Track).ClockRate), r.pub.Track(u.Track).ClockRate) - truth
	}
	v, a := moved(pictures[len(pictures)-1]), moved(sounds[len(sounds)-1])
	require.InDelta(d.t, v, a, 0.06, "seed %d at %v", seed, d.now.Sub(noon))
}

// TestInputsThatComeAndGo breaks encoders of all kinds off at random moments, lets them come back, and changes between them:
// what goes out keeps its promises and its order, picture and sound stay together, and it is never behind.
func TestInputsThatComeAndGo(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		c := ingest.Config{PassedOn: r.IntN(3) == 0}
		if r.IntN(2) == 0 {
			c.Slate = card{}
		}
		t.Run(fmt.Sprintf("%d passed on=%v slate=%v", seed, c.PassedOn, c.Slate != nil), func(t *testing.T) {
			d := newDesk(t, c)
			rate := rates[r.IntN(len(rates))]
			var cameras []*camera
			for _, key := range []string{primaryKey, backupKey} {
				for comes := time.Duration(r.IntN(3000)) * time.Millisecond; comes < 60*time.Second; {
					e := encoder{rate: rate, sampleRate: []int{48000, 48000, 44100}[r.IntN(3)], reorder: r.IntN(3) == 0, wire: add(float64(r.IntN(1 << 20)))}
					e.span = time.Duration(2000+r.IntN(20000)) * time.Millisecond
					late := time.Duration(r.IntN(500)) * time.Millisecond
					e.arrives = func(at time.Duration) time.Duration { return at + late }
					one := &camera{encoder: e, key: key, claimed: rate, comes: comes, goes: errCut, late: late}
					if r.IntN(3) == 0 {
						one.claimed = media.Rational{Num: -1, Den: 1} // it says nothing of its rate
					}
					cameras = append(cameras, one)
					comes += one.span + late + time.Duration(r.IntN(6000))*time.Millisecond
				}
			}
			var drills []event
			for range 12 {
				drills = append(drills, event{time.Duration(r.IntN(60000)) * time.Millisecond, func() { _ = d.gate.Switch("live", "") }})
			}
			for at := time.Duration(0); at < time.Minute; at += 500 * time.Millisecond {
				drills = append(drills, event{at, func() { d.requireInSync(seed) }})
			}
			d.play(60*time.Second, cameras, drills...)
			require.NotEmpty(t, d.read)
			shown := int64(0)
			for _, one := range d.read {
				one.keepsPromises(t)
				pictures := one.of(one.pub.Tracks[0].ID)
				require.NotEmpty(t, pictures)
				for _, u := range pictures {
					require.Less(t, media.Time(u.DTS, 90000).Sub(d.now), 3*time.Second, "it does not run ahead")
				}
				first := pictures[0]
				require.True(t, first.RandomAccess)
				require.GreaterOrEqual(t, first.PTS, shown, "media time goes on")
				for _, u := range pictures {
					shown = max(shown, u.PTS)
				}
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	d := newDesk(t, ingest.Config{Slate: card{}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.gate.Run(ctx) }()
	cancel()
	require.NoError(t, <-done)
}

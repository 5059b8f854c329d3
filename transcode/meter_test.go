package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
)

func TestStalls(t *testing.T) {
	begin := time.Unix(startSecond, 0)
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * 1e9)) }
	late := at(stallTime.Seconds() + 1)
	feed := func(m *meter, units int, when time.Time) {
		for range units {
			m.feeding(when)
			m.fed()
		}
	}
	for name, c := range map[string]struct {
		happens func(m *meter)
		stalled bool
	}{
		"nothing yet":                {func(*meter) {}, false},
		"a unit that does not go in": {func(m *meter) { m.feeding(begin) }, true},
		"no answer":                  {func(m *meter) { feed(m, 2*manyUnits, begin) }, true},
		"a source that pauses":       {func(m *meter) { feed(m, 2, begin) }, false},
		"and comes back":             {func(m *meter) { feed(m, 2, begin); feed(m, 5, late) }, false},
		"answers": {func(m *meter) {
			feed(m, 2*manyUnits, begin)
			m.out(media.AccessUnit{Track: 2}, at(1))
			feed(m, 2*manyUnits, at(2))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := &meter{}
			c.happens(m)
			require.Equal(t, c.stalled, m.stalled(late))
		})
	}
}

func TestStatusMeasures(t *testing.T) {
	track := &media.Track{ID: 1, Codec: media.H264, ClockRate: media.VideoClockRate}
	m := &meter{plan: whole(picture(320, 240, fps(30, 1)))}
	at := time.Unix(startSecond, 0)
	for n := range int64(100) { // at half of real time
		u := media.AccessUnit{Track: 1, PTS: 90000 + 3000*n}
		m.out(u, at)
		m.arrived([]media.AccessUnit{{Track: 1, PTS: u.PTS + 9000}}, func(int) *media.Track { return track })
		at = at.Add(time.Second / 15)
	}
	s := m.status()
	require.InDelta(t, 15, s.FPS, 0.1)
	require.InDelta(t, 0.5, s.Speed, 0.01)
	require.InDelta(t, 100, s.DelayMs, 0.1)
}

package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

func TestLag(t *testing.T) {
	for name, c := range map[string]struct {
		waiting []float64
		slow    bool
	}{
		"real time":               {[]float64{0.03, 0.03, 0.06, 0.03}, false},
		"a long group at first":   {[]float64{8, 6.1, 4.7, 3.6, 1, 0.1}, false},
		"a burst":                 {[]float64{0.03, 9, 0.1, 0.03}, false},
		"two bursts":              {[]float64{9, 0.1, 10, 0.1}, false},
		"too slow from the start": {[]float64{4.5, 5}, true},
		"slowly too slow":         {[]float64{0.1, 0.5, 2, 3.9, 4.1, 4.3}, true},
		"standing still":          {[]float64{5, 5}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var l lag
			slow := false
			for _, w := range c.waiting {
				slow = slow || l.behind(w)
			}
			require.Equal(t, c.slow, slow)
		})
	}
}

func TestSpanOfUnitsOfTwoClocks(t *testing.T) {
	tracks := map[int]*media.Track{1: {ClockRate: 90000}, 2: {ClockRate: 48000}}
	track := func(id int) *media.Track { return tracks[id] }
	require.Zero(t, span(nil, track))
	units := []media.AccessUnit{{Track: 1, DTS: startSecond * 90000}, {Track: 2, DTS: (startSecond + 3) * 48000}}
	require.InDelta(t, 3, span(units, track), 1e-6)
}

func TestLighterPlans(t *testing.T) {
	p := whole(picture(1280, 720, fps(30, 1)))
	var steps []string
	for ok := true; ok; p, ok = p.lighter(errSlow) {
		steps = append(steps, p.Preset+" "+p.Rungs[0].Name)
	}
	require.Equal(t, []string{"veryfast 720p", "veryfast 480p", "veryfast 240p", "superfast 240p", "ultrafast 240p"}, steps)
	require.Len(t, p.Dropped, 2)
}

func TestSlowProcessIsFollowedByALighterOne(t *testing.T) {
	s := often(40).make(t)
	b := newBench(t, Config{})
	pub := s.publish(t, b.hub, 1)
	n := s.until(1.5)
	write(pub, s.units[:n])
	first := awaitLadder(b.ctx, t, b.hub, nil)
	require.Len(t, first.Tracks, 3)

	// Faster than any machine: a second and a half of source for every one that comes out.
	sub := first.Subscribe()
	defer sub.Close()
	for err := error(nil); err == nil; {
		var units []media.AccessUnit
		units, err = sub.Next(b.ctx, nil)
		for _, u := range units {
			if u.Track == 1 {
				out := media.Seconds(u.PTS-startSecond*media.VideoClockRate, media.VideoClockRate)
				until := max(n, s.until(2+1.5*(out-1)))
				write(pub, s.units[n:until])
				n = until
			}
		}
	}
	write(pub, s.units[n:])
	second := awaitLadder(b.ctx, t, b.hub, first)
	require.ErrorIs(t, first.Err(), hub.ErrLost)
	require.Len(t, second.Tracks, 2)
	require.Contains(t, b.status().Reason, errSlow.Error())
	require.Len(t, b.status().Dropped, 1)
}

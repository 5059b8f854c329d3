package ingest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestWhoShouldBeOnAir(t *testing.T) {
	fine, quiet, slate := ingest.NewState(0, 100), ingest.NewState(2*time.Second, 100), ingest.NewState(0, 0)
	type in = map[ingest.Role]ingest.State
	for name, c := range map[string]struct {
		onAir, pinned ingest.Role
		in            in
		want          ingest.Role
		reason        ingest.SwitchReason
	}{
		"both are fine":                        {ingest.Primary, "", in{ingest.Primary: fine, ingest.Backup: fine}, ingest.Primary, ""},
		"nobody goes back without a reason":    {ingest.Backup, "", in{ingest.Primary: fine, ingest.Backup: fine}, ingest.Backup, ""},
		"the primary has gone":                 {"", "", in{ingest.Backup: fine}, ingest.Backup, ingest.SwitchLost},
		"the primary says nothing":             {ingest.Primary, "", in{ingest.Primary: quiet, ingest.Backup: fine}, ingest.Backup, ingest.SwitchSilent},
		"neither says anything":                {ingest.Primary, "", in{ingest.Primary: quiet, ingest.Backup: quiet}, ingest.Primary, ingest.SwitchSilent},
		"neither says anything, with a slate":  {ingest.Primary, "", in{ingest.Primary: quiet, ingest.Backup: quiet, ingest.SlateOut: slate}, ingest.SlateOut, ingest.SwitchSilent},
		"all have gone":                        {"", "", in{ingest.SlateOut: slate}, ingest.SlateOut, ingest.SwitchLost},
		"all have gone, without a slate":       {"", "", in{}, "", ingest.SwitchLost},
		"the slate stays while nobody is back": {ingest.SlateOut, "", in{ingest.Primary: quiet, ingest.SlateOut: slate}, ingest.SlateOut, ingest.SwitchReturn},
		"the primary is back":                  {ingest.SlateOut, "", in{ingest.Primary: fine, ingest.SlateOut: slate}, ingest.Primary, ingest.SwitchReturn},
		"the better one is back":               {ingest.SlateOut, "", in{ingest.Primary: ingest.NewState(0, 50), ingest.Backup: fine}, ingest.Backup, ingest.SwitchReturn},
		"the pinned one is back":               {ingest.Backup, ingest.Primary, in{ingest.Primary: fine, ingest.Backup: fine}, ingest.Primary, ingest.SwitchPinned},
		"the pinned one has gone":              {"", ingest.Primary, in{ingest.Backup: fine}, ingest.Backup, ingest.SwitchLost},
		"the pinned one says nothing":          {ingest.Primary, ingest.Primary, in{ingest.Primary: quiet, ingest.Backup: fine}, ingest.Backup, ingest.SwitchSilent},
	} {
		var s ingest.Selector
		s.Pin(c.pinned)
		got, reason := s.Choose(noon, c.onAir, c.in)
		require.Equal(t, c.want, got, name)
		if got != c.onAir {
			require.Equal(t, c.reason, reason, name)
		}
	}
}

// A worse input is left when it has been clearly worse for some seconds, and not soon after a switch.
func TestHealthSwitchesLate(t *testing.T) {
	var s ingest.Selector
	now := noon
	at := func(after time.Duration, primary, backup float64) ingest.Role {
		now = now.Add(after)
		r, reason := s.Choose(now, ingest.Primary, map[ingest.Role]ingest.State{
			ingest.Primary: ingest.NewState(0, primary), ingest.Backup: ingest.NewState(0, backup),
		})
		if r != ingest.Primary {
			require.Equal(t, ingest.SwitchHealth, reason)
		}
		return r
	}
	s.Switched(now)
	require.Equal(t, ingest.Primary, at(time.Second, 60, 100))
	require.Equal(t, ingest.Primary, at(5*time.Second, 60, 100), "soon after a switch")
	require.Equal(t, ingest.Primary, at(time.Second, 80, 100), "a little worse")
	require.Equal(t, ingest.Primary, at(5*time.Second, 60, 100), "it has just become clearly worse")
	require.Equal(t, ingest.Primary, at(2*time.Second, 60, 100))
	require.Equal(t, ingest.Backup, at(2*time.Second, 60, 100))
	s.Pin(ingest.Primary)
	require.Equal(t, ingest.Primary, at(time.Minute, 0, 100), "the operator wants it")
}

// However health goes up and down, there are no two switches by it within ten seconds.
func TestHealthDoesNotFlap(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		var s ingest.Selector
		now, onAir := noon, ingest.Primary
		var last time.Time
		scores := map[ingest.Role]float64{ingest.Primary: 100, ingest.Backup: 100}
		for range 3000 {
			now = now.Add(50 * time.Millisecond)
			if r.IntN(20) == 0 {
				scores[[]ingest.Role{ingest.Primary, ingest.Backup}[r.IntN(2)]] = float64(r.IntN(101))
			}
			in := map[ingest.Role]ingest.State{}
			for role, score := range scores {
				in[role] = ingest.NewState(0, score)
			}
			to, _ := s.Choose(now, onAir, in)
			if to == onAir {
				continue
			}
			require.Greater(t, scores[to], scores[onAir], "seed %d", seed)
			require.True(t, last.IsZero() || now.Sub(last) >= 10*time.Second, "seed %d: %v after the last switch", seed, now.Sub(last))
			last, onAir = now, to
			s.Switched(now)
		}
	}
}

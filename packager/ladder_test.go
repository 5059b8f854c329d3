package packager_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

func TestLadderOfThreeBreaksNoRule(t *testing.T) {
	for _, profile := range []packager.Profile{packager.Ultra, packager.Low, packager.Standard} {
		for _, rate := range rates {
			t.Run(string(profile)+" "+rate.String(), func(t *testing.T) {
				on(t, packager.Config{Profile: profile}, true, func(s *stage) {
					time.Sleep(1300 * time.Millisecond)
					s.show(film{aligned: true, rate: rate, videos: []string{"360p", "720p", "1080p"}}).play(24 * time.Second)
					require.Empty(t, s.faults())
				})
			})
		}
	}
}

func TestSourceIsCutAtItsKeyFrames(t *testing.T) {
	irregular := map[int64]bool{}
	for i, step := int64(0), int64(11); i < 10000; i, step = i+step, step*7%83+5 {
		irregular[i] = true
	}
	for name, f := range map[string]film{
		"half a second":       {key: every(15)},
		"one second":          {key: every(30)},
		"one and a half":      {key: every(45)},
		"two seconds":         {key: every(60)},
		"two and a tick":      {key: every(61)},
		"four seconds":        {key: every(120)},
		"irregular":           {key: func(i int64) bool { return irregular[i] }},
		"at 29.97":            {rate: media.Rational{Num: 30000, Den: 1001}},
		"at 23.976":           {rate: media.Rational{Num: 24000, Den: 1001}},
		"at 59.94":            {rate: media.Rational{Num: 60000, Den: 1001}},
		"with B-frames":       {offset: reordered(60)},
		"without durations":   {open: true},
		"without sound":       {silent: true},
		"two seconds behind":  {late: 2 * time.Second},
		"B-frames, durations": {open: true, offset: reordered(60)},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, packager.Config{}, false, func(s *stage) {
				time.Sleep(700 * time.Millisecond)
				s.show(f).play(40 * time.Second)
				if name == "irregular" { // segments may have to end without a key frame, and parts hold one in their midst
					require.Empty(t, s.faults("L75", "L76", "L78"))
				} else {
					require.Empty(t, s.faults())
				}
				require.NotContains(t, s.newest("720p"), "GAP")
			})
		})
	}
}

// reordered is the order of groups of gop pictures with two B-frames between the others.
func reordered(gop int64) func(int64) int64 {
	return func(i int64) int64 {
		in := i % gop
		switch {
		case in == 0 || in > (gop-1)/3*3:
			return 1
		case in%3 == 1:
			return 3
		}
		return 0
	}
}

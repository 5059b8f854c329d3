package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/hls/check"
)

func TestAlignmentNamesTheRuleThatIsBroken(t *testing.T) {
	zero := time.Unix(1_772_366_400, 0).UTC()
	tests := map[string]struct {
		rules []string
		spoil func(i int, s *cmaf.Start)
	}{
		"without fault":           {[]string{}, func(int, *cmaf.Start) {}},
		"media times that differ": {[]string{"L81", "L83"}, func(_ int, s *cmaf.Start) { s.Media += 33 * time.Millisecond }},
		"sound mapped otherwise":  {[]string{"L83"}, func(_ int, s *cmaf.Start) { s.Video = false; s.DateTime = s.DateTime.Add(70 * time.Millisecond) }},
		"sound that starts a frame later": {[]string{}, func(_ int, s *cmaf.Start) {
			s.Video = false
			s.DateTime = s.DateTime.Add(21 * time.Millisecond)
			s.Media += 21 * time.Millisecond
		}},
		"a date-time that drifts":           {[]string{"L83", "L113"}, func(i int, s *cmaf.Start) { s.DateTime = s.DateTime.Add(time.Duration(i) * 30 * time.Millisecond) }},
		"a date-time that jumps":            {[]string{"L83", "L84", "L113"}, func(i int, s *cmaf.Start) { s.DateTime = s.DateTime.Add(time.Duration(i/3) * time.Second) }},
		"another timeline in a later epoch": {[]string{}, func(i int, s *cmaf.Start) { epoch(i, s) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			a := cmaf.Alignment{Report: r}
			for i := range 6 {
				at := time.Duration(i) * 2 * time.Second
				for _, name := range []string{"720p", "480p"} {
					s := cmaf.Start{Rendition: name, Video: true, DateTime: zero.Add(at), Media: 1_772_366_400*time.Second + at}
					if name == "480p" {
						test.spoil(i, &s)
					}
					a.Add(s)
				}
			}
			require.ElementsMatch(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

// epoch puts the second half of a rendition behind a discontinuity.
func epoch(i int, s *cmaf.Start) {
	if i >= 3 {
		s.Epoch, s.Media = 1, s.Media-1_000_000*time.Second
	}
}

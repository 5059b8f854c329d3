package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls/check"
)

func TestGoodSuccessionsBreakNothing(t *testing.T) {
	states := []string{live(10, 8, 0), live(10, 8, 1), live(10, 8, 3), live(11, 8, 0), live(11, 8, 2), live(12, 9, 2)}
	for i := range states {
		for j := i; j < len(states); j++ {
			r := &check.Report{}
			check.Succession(r, "test", parse(t, r, states[i]), parse(t, r, states[j]))
			require.Empty(t, r.Findings(), "from %d to %d", i, j)
		}
	}
}

func TestSuccessionNamesTheRuleThatIsBroken(t *testing.T) {
	before, same, later := live(10, 8, 2), live(10, 8, 2), live(11, 8, 1)
	tests := []struct{ name, rule, prev, next, old, new string }{
		{"another target duration", "L08", before, later, "TARGETDURATION:2", "TARGETDURATION:3"},
		{"a number that fell", "L10", before, same, "MEDIA-SEQUENCE:10", "MEDIA-SEQUENCE:9"},
		{"a number that rose without a removal", "L10", before, same, "MEDIA-SEQUENCE:10", "MEDIA-SEQUENCE:11"},
		{"a removal without a number", "L10", before, later, "MEDIA-SEQUENCE:11", "MEDIA-SEQUENCE:10"},
		{"an edge that went back", "L10", before, live(10, 8, 2), "#EXT-X-PART:DURATION=0.500,URI=\"s18.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.500,URI=\"s18.1.m4s\"\n", ""},
		{"another discontinuity number", "L11", before, later, "DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1"},
		{"a removal from an event", "L12", before, later, "#EXT-X-VERSION:6", "#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:EVENT"},
		{"another URI", "L14", before, later, "s15.m4s", "t15.m4s"},
		{"another duration", "L14", before, later, "#EXTINF:2.000,\ns12.m4s", "#EXTINF:2.001,\ns12.m4s"},
		{"another date-time", "L14", before, later, "12:00:24.000Z", "12:00:24.001Z"},
		{"a date-time gone", "L14", before, later, "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:24.000Z\n", ""},
		{"another map", "L14", before, later, "init.mp4", "init-2.mp4"},
		{"a segment that is a gap now", "L14", before, later, "#EXTINF:2.000,\ns13.m4s", "#EXT-X-GAP\n#EXTINF:2.000,\ns13.m4s"},
		{"another URI of a part", "L14", before, later, "s17.2.m4s", "t17.2.m4s"},
		{"another flag of a part", "L14", before, later, "\"s18.1.m4s\"", "\"s18.1.m4s\",INDEPENDENT=YES"},
		{"a segment removed from the middle", "L15", before, later, "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:26.000Z\n#EXTINF:2.000,\ns13.m4s\n", ""},
		{"too much removed", "L15", before, live(16, 2, 2), "s18.9", "s18.9"},
		{"another part target", "L26", before, later, "PART-TARGET=0.5", "PART-TARGET=0.51"},
		{"another hold back", "L26", before, later, "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.6"},
		{"a part gone from a finished segment", "L29", before, same, "#EXT-X-PART:DURATION=0.500,URI=\"s17.3.m4s\"\n", ""},
		{"a part that was not hinted", "L37", before, later, "s18.2.m4s", "t18.2.m4s"},
	}
	for _, test := range tests {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			next := test.next
			if test.old != test.new {
				next = edit(t, next, test.old, test.new)
			}
			r, ignored := &check.Report{}, &check.Report{}
			check.Succession(r, "test", parse(t, ignored, test.prev), parse(t, ignored, next))
			require.Equal(t, []string{test.rule}, broken(r), "%v", r.Findings())
		})
	}
}

func TestNothingFollowsTheEnd(t *testing.T) {
	r := &check.Report{}
	ended := edit(t, live(10, 8, 0), "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s18.0.m4s\"", "#EXT-X-ENDLIST")
	check.Succession(r, "test", parse(t, r, ended), parse(t, r, ended))
	require.Empty(t, r.Findings())
	check.Succession(r, "test", parse(t, r, ended), parse(t, r, live(10, 8, 1)))
	require.Equal(t, []string{"L12"}, broken(r))
}

func TestADiscontinuityKeepsItsNumberWhenItLeavesTheWindow(t *testing.T) {
	const at = "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:20.000Z\n"
	before := edit(t, live(9, 8, 0), at, "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init.mp4\"\n"+at)
	r := &check.Report{}
	check.Succession(r, "test", parse(t, r, before), parse(t, r, edit(t, live(11, 8, 0), "DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1")))
	require.Empty(t, r.Findings())
	check.Succession(r, "test", parse(t, r, before), parse(t, r, live(11, 8, 0)))
	require.Equal(t, []string{"L11"}, broken(r))
}

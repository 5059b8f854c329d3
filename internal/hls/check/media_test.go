package check_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls/check"
)

func TestGoodPlaylistsBreakNothing(t *testing.T) {
	for name, text := range map[string]string{
		"at the start of a segment": live(10, 8, 1),
		"between segments":          live(10, 8, 0),
		"a delta update":            delta(10, 12, 2),
		"at its end":                strings.Replace(live(10, 8, 0), "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s18.0.m4s\"", "#EXT-X-ENDLIST", 1),
		"without parts":             "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.000Z\n#EXTINF:2,\na.m4s\n#EXT-X-ENDLIST\n",
		"in transport streams":      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.000Z\n#EXTINF:2.0,\na.ts\n#EXT-X-ENDLIST\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			check.Media(r, "test", parse(t, r, text))
			require.Empty(t, r.Findings())
		})
	}
}

func TestMediaNamesTheRuleThatIsBroken(t *testing.T) {
	const hint = "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s18.2.m4s\"\n"
	tests := []struct{ name, rule, old, new string }{
		{"no EXTM3U", "L01", "#EXTM3U\n", ""},
		{"a control character", "L01", "s11.m4s", "s\x0111.m4s"},
		{"a quoted number", "L03", "PART-TARGET=0.5", "PART-TARGET=0.5,X=\"\"y"},
		{"white space in a list", "L03", ",HOLD-BACK", ", HOLD-BACK"},
		{"a variant's tag", "L04", "", "#EXT-X-STREAM-INF:BANDWIDTH=1\n"},
		{"a singleton tag twice", "L04", "", "#EXT-X-VERSION:6\n"},
		{"a URI without EXTINF", "L04", "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:24.000Z\n", "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:24.000Z\nlost.m4s\n#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:24.001Z\n"},
		{"a version too low for MAP", "L05", "VERSION:6", "VERSION:5"},
		{"a version higher than needed", "L06", "VERSION:6", "VERSION:7"},
		{"a fraction as target duration", "L07", "TARGETDURATION:2", "TARGETDURATION:2.0"},
		{"MEDIA-SEQUENCE after a segment", "L10", "#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"init.mp4\"\n",
			"#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-MEDIA-SEQUENCE:10\n"},
		{"DISCONTINUITY-SEQUENCE after a segment", "L11", "#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"init.mp4\"\n", "#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"},
		{"PART-HOLD-BACK below two parts", "L21", "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=0.9"},
		{"no PART-HOLD-BACK", "L21", "PART-HOLD-BACK=1.5,", ""},
		{"PART-HOLD-BACK below three parts", "L22", "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.25"},
		{"HOLD-BACK below three segments", "L23", ",HOLD-BACK=6", ",HOLD-BACK=5.9"},
		{"CAN-SKIP-UNTIL below six segments", "L24", "CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=11"},
		{"CAN-SKIP-DATERANGES alone", "L24", "CAN-SKIP-UNTIL=12", "CAN-SKIP-DATERANGES=YES"},
		{"a part longer than the target", "L27", "DURATION=0.500,URI=\"s18.1.m4s\"", "DURATION=0.501,URI=\"s18.1.m4s\""},
		{"a part without a URI", "L29", "DURATION=0.500,URI=\"s18.1.m4s\"", "DURATION=0.500"},
		{"a flag that is NO", "L29", "URI=\"s18.1.m4s\"", "URI=\"s18.1.m4s\",GAP=NO"},
		{"parts of an old segment", "L30", "#EXTINF:2.000,\ns11.m4s", "#EXT-X-PART:DURATION=0.5,URI=\"a\"\n#EXT-X-PART:DURATION=0.5,URI=\"b\"\n#EXT-X-PART:DURATION=0.5,URI=\"c\"\n#EXT-X-PART:DURATION=0.5,URI=\"d\"\n#EXTINF:2.000,\ns11.m4s"},
		{"a date-time behind a part", "L31", "#EXTINF:2.000,\ns17.m4s", "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.000,\ns17.m4s"},
		{"a discontinuity behind the open parts", "L31", hint, "#EXT-X-DISCONTINUITY\n" + hint},
		{"EXTINF that is not the sum of the parts", "L32", "#EXTINF:2.000,\ns17.m4s", "#EXTINF:1.990,\ns17.m4s"},
		{"no blocking reload", "L34", "CAN-BLOCK-RELOAD=YES,", ""},
		{"no hint", "L36", hint, ""},
		{"two hints", "L36", "", hint},
		{"a hint beside ENDLIST", "L36", "", "#EXT-X-ENDLIST\n"},
		{"a report without a URI", "L39", "", "#EXT-X-RENDITION-REPORT:LAST-MSN=3\n"},
		{"a date that is none", "L84", "2026-03-01T12:00:20.000Z", "2026-03-01 12:00"},
		{"dates without milliseconds", "L113", "2026-03-01T12:00:24.000Z", "2026-03-01T12:00:24Z"},
		{"dates without a zone", "L113", "2026-03-01T12:00:24.000Z", "2026-03-01T12:00:24.000"},
		{"a date that is off EXTINF", "L113", "2026-03-01T12:00:24.000Z", "2026-03-01T12:00:24.101Z"},
	}
	for _, test := range tests {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			r := &check.Report{}
			check.Media(r, "test", parse(t, r, edit(t, live(10, 8, 2), test.old, test.new)))
			require.Equal(t, []string{test.rule}, broken(r), "%v", r.Findings())
		})
	}
}

func TestMediaWithSeveralEdits(t *testing.T) {
	tests := []struct {
		name, rule string
		edits      []string
	}{
		{"EXTINF above the target duration", "L07", []string{"#EXTINF:2.000,\ns10.m4s", "#EXTINF:2.500,\ns10.m4s", "12:00:20.000Z", "12:00:19.500Z"}},
		{"parts without PART-INF", "L20", []string{"#EXT-X-PART-INF:PART-TARGET=0.5\n", "", "PART-HOLD-BACK=1.5,", ""}},
		{"a short part with a successor", "L28", []string{"DURATION=0.500,URI=\"s17.2.m4s\"", "DURATION=0.400,URI=\"s17.2.m4s\"", "#EXTINF:2.000,\ns17.m4s", "#EXTINF:1.900,\ns17.m4s"}},
		{"no MAP", "L13", []string{"#EXT-X-MAP:URI=\"init.mp4\"\n", "", "VERSION:6", "VERSION:3"}},
		{"no date-times", "L35", []string{"#EXT-X-PROGRAM-DATE-TIME", "#X"}},
	}
	for _, test := range tests {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			text := live(10, 8, 2)
			for i := 0; i < len(test.edits); i += 2 {
				text = edit(t, text, test.edits[i], test.edits[i+1])
			}
			r := &check.Report{}
			check.Media(r, "test", parse(t, r, text))
			require.Equal(t, []string{test.rule}, broken(r), "%v", r.Findings())
		})
	}
}

func TestDatesThatGoBackAreAmbiguous(t *testing.T) {
	r := &check.Report{}
	check.Media(r, "test", parse(t, r, edit(t, live(10, 8, 2), "12:00:24.000Z", "12:00:20.900Z")))
	require.Contains(t, broken(r), "L84")
}

func TestShortPartsThatAreAllowed(t *testing.T) {
	for name, part := range map[string]string{
		"independent":  "#EXT-X-PART:DURATION=0.1,URI=\"x\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.5,URI=\"y\"\n",
		"a gap":        "#EXT-X-PART:DURATION=0.1,URI=\"x\",GAP=YES\n#EXT-X-PART:DURATION=0.5,URI=\"y\"\n",
		"before a gap": "#EXT-X-PART:DURATION=0.1,URI=\"x\"\n#EXT-X-PART:DURATION=0.5,URI=\"y\",GAP=YES\n",
		"the last":     "#EXT-X-PART:DURATION=0.5,URI=\"x\"\n#EXT-X-PART:DURATION=0.1,URI=\"y\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			check.Media(r, "test", parse(t, r, edit(t, live(10, 8, 0), "#EXT-X-PRELOAD-HINT", part+"#EXT-X-PRELOAD-HINT")))
			require.Empty(t, r.Findings())
		})
	}
}

func TestDeltaNamesTheRuleThatIsBroken(t *testing.T) {
	tests := []struct{ name, rule, old, new string }{
		{"a version too low", "L57", "VERSION:9", "VERSION:8"},
		{"no number", "L57", "SKIPPED-SEGMENTS=6", "X=6"},
		{"twice", "L57", "", "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n"},
		{"behind a segment", "L57", "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:32.000Z\n", "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:32.000Z\n#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n"},
		{"a version for date ranges without them", "L06", "VERSION:9", "VERSION:10"},
	}
	for _, test := range tests {
		t.Run(test.rule+" "+test.name, func(t *testing.T) {
			r := &check.Report{}
			check.Media(r, "test", parse(t, r, edit(t, delta(10, 12, 2), test.old, test.new)))
			require.Equal(t, []string{test.rule}, broken(r), "%v", r.Findings())
		})
	}
}

func TestLongWindowsNeedDeltaUpdates(t *testing.T) {
	r := &check.Report{}
	check.Media(r, "test", parse(t, r, edit(t, live(10, 61, 0), ",CAN-SKIP-UNTIL=12", "")))
	require.Equal(t, []string{"L60"}, broken(r))
}

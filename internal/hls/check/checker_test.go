package check_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

const (
	video = "http://origin/v/index.m3u8"
	other = "http://origin/w/index.m3u8"
)

// take is one answer of a tape, which a test may change before it is checked. A take without a playlist is left out.
type take struct {
	step int // of 0.5 s; four make a segment
	check.Snapshot
	text string
}

// play feeds a Checker with 24 steps of two renditions that are reloaded as players do, and returns the rules broken.
func play(t *testing.T, change func(*take)) *check.Report {
	t.Helper()
	r := &check.Report{}
	c := check.NewChecker(r)
	c.Declare(video, true)
	c.Declare(other, true)
	for step := range 24 {
		for i, playlist := range []string{video, other} {
			k := tapeTake(step, playlist)
			k.Arrived = k.Arrived.Add(time.Duration(i) * 20 * time.Millisecond)
			if change != nil {
				change(k)
			}
			if k.Body = []byte(k.text); k.text != "" {
				c.Add(k.Snapshot)
			}
		}
	}
	c.Finish()
	return r
}

func tapeTake(step int, playlist string) *take {
	first, open := 10+step/4, step%4
	about := map[string]string{video: "../w/index.m3u8", other: "../v/index.m3u8"}[playlist]
	last := hls.Position{MSN: int64(first + 8), Part: open - 1}
	if open == 0 {
		last = hls.Position{MSN: int64(first + 7), Part: 3}
	}
	k := &take{step: step, text: live(first, 8, open) + fmt.Sprintf("#EXT-X-RENDITION-REPORT:URI=%q,LAST-MSN=%d,LAST-PART=%d\n", about, last.MSN, last.Part)}
	k.Snapshot = check.Snapshot{Playlist: playlist, Status: 200, Sent: epoch.Add(time.Duration(step)*500*time.Millisecond - 490*time.Millisecond),
		Arrived: epoch.Add(time.Duration(step) * 500 * time.Millisecond)}
	if step > 0 {
		k.Query = check.Directives{Blocking: true, At: last}.Query()
	}
	return k
}

func (k *take) replace(old, new string) { k.text = strings.ReplaceAll(k.text, old, new) }

func TestAGoodTapeBreaksNothing(t *testing.T) {
	r := play(t, nil)
	require.Empty(t, r.Findings())
	for _, rule := range []string{"L09", "L10", "L14", "L16", "L17", "L18", "L25", "L37", "L38", "L39", "L40", "L41", "L42", "L82", "L85"} {
		require.Positive(t, result(r, rule).Checks, rule)
	}
}

func result(r *check.Report, rule string) check.Result {
	for _, res := range r.Results() {
		if res.Rule.ID == rule {
			return res
		}
	}
	return check.Result{}
}

func TestCheckerNamesTheRuleThatIsBroken(t *testing.T) {
	late := func(step int, d time.Duration) func(*take) { // from one step on, so that only one interval is too long
		return func(k *take) {
			if k.step >= step {
				k.Arrived, k.Sent = k.Arrived.Add(d), k.Sent.Add(d)
			}
		}
	}
	of := func(playlist string, f func(*take)) func(*take) {
		return func(k *take) {
			if k.Playlist == playlist {
				f(k)
			}
		}
	}
	tests := map[string]struct {
		rules  []string
		change func(*take)
	}{
		"another target duration than the other": {[]string{"L09"}, func(k *take) {
			k.replace("HOLD-BACK=6", "HOLD-BACK=9")
			k.replace("CAN-SKIP-UNTIL=12", "CAN-SKIP-UNTIL=18")
			if k.Playlist == other {
				k.replace("TARGETDURATION:2", "TARGETDURATION:3")
			}
		}},
		"another hold back than the other": {[]string{"L25"}, of(other, func(k *take) { k.replace("HOLD-BACK=6", "HOLD-BACK=8") })},
		"five segments":                    {[]string{"L16"}, func(k *take) { k.text = shortened(k, 5) }},
		"a part that is late":              {[]string{"L18"}, late(7, 400*time.Millisecond)},
		"a segment that is late":           {[]string{"L17", "L18", "L109"}, late(8, 1300*time.Millisecond)},
		"renditions out of step": {[]string{"L41"}, func(k *take) { // the reports say so
			if k.Playlist == video {
				k.text = withReport(k, k.step-2)
				return
			}
			late(0, 700*time.Millisecond)(k)
			k.text = withReport(k, k.step+1)
		}},
		"an answer that did not wait":     {[]string{"L42"}, of(video, func(k *take) { k.Query = at(k.step + 1) })},
		"no report of the other":          {[]string{"L38"}, of(video, func(k *take) { k.replace("#EXT-X-RENDITION-REPORT", "#X") })},
		"a report of a stranger":          {[]string{"L38", "L39"}, of(video, func(k *take) { k.replace("../w/", "../x/") })},
		"a report by an absolute URI":     {[]string{"L38", "L39"}, of(video, func(k *take) { k.replace("../w/", "http://origin/w/") })},
		"a report that is ahead":          {[]string{"L40"}, of(video, func(k *take) { k.text = withReport(k, k.step+2) })},
		"a report that is old":            {[]string{"L40"}, of(video, func(k *take) { k.text = withReport(k, k.step-3) })},
		"other boundaries than the other": {[]string{"L82"}, of(other, func(k *take) { k.replace(".000Z", ".030Z") })},
		"other discontinuity numbers":     {[]string{"L85"}, of(other, func(k *take) { k.replace("DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1") })},
		"a reload that was held too long": {[]string{"L50"}, of(video, func(k *take) { k.Sent = k.Sent.Add(-6 * time.Second) })},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := play(t, test.change)
			require.Equal(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

// at is the query for the position that one step lists last.
func at(step int) string {
	q := tapeTake(step, video).Query
	return q
}

// withReport is a take's playlist with the report of another step.
func withReport(k *take, step int) string {
	playlist, _, _ := strings.Cut(k.text, "#EXT-X-RENDITION-REPORT")
	if step < 0 {
		return k.text
	}
	_, report, _ := strings.Cut(tapeTake(step, k.Playlist).text, "#EXT-X-RENDITION-REPORT")
	return playlist + "#EXT-X-RENDITION-REPORT" + report
}

// shortened is a take's playlist with only the last n segments.
func shortened(k *take, n int) string {
	first, open := 10+k.step/4, k.step%4
	_, report, _ := strings.Cut(k.text, "#EXT-X-RENDITION-REPORT")
	return live(first+8-n, n, open) + "#EXT-X-RENDITION-REPORT" + report
}

func TestAReloadRefusedAfterThreeTargetDurationsIsKept(t *testing.T) {
	r := play(t, func(k *take) {
		if k.step == 9 && k.Playlist == video {
			k.Status, k.Sent = http.StatusServiceUnavailable, k.Sent.Add(-6*time.Second)
		}
	})
	require.Equal(t, 1, result(r, "L50").Checks)
	require.Zero(t, result(r, "L50").Broken)
}

func TestAnswersThatOvertakeEachOtherAreNoFault(t *testing.T) {
	r := &check.Report{}
	c := check.NewChecker(r)
	newer, older := tapeTake(5, video), tapeTake(4, video)
	newer.Body, older.Body = []byte(newer.text), []byte(older.text)
	older.Arrived = newer.Arrived.Add(time.Millisecond)
	c.Declare(other, true)
	c.Add(newer.Snapshot)
	c.Add(older.Snapshot)
	require.Empty(t, r.Findings())

	older.Sent, older.Query = newer.Arrived.Add(time.Millisecond), ""
	older.Arrived = older.Sent
	c.Add(older.Snapshot)
	require.Equal(t, []string{"L10"}, broken(r), "asked for after the newer one came")
}

func TestDeltaUpdates(t *testing.T) {
	tests := map[string]struct {
		rules    []string
		old, new string
	}{
		"without fault":         {[]string{}, "", ""},
		"skipping too much":     {[]string{"L55"}, "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:32.000Z\n#EXTINF:2.000,\ns16.m4s\n", "#EXT-X-SKIP:SKIPPED-SEGMENTS=7\n"},
		"losing a tag":          {[]string{"L56", "L14"}, "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:34.000Z\n", ""},
		"without being offered": {[]string{"L26", "L56", "L59"}, ",CAN-SKIP-UNTIL=12", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			c := check.NewChecker(r)
			add := func(query, text string) {
				c.Add(check.Snapshot{Playlist: video, Query: query, Sent: epoch, Arrived: epoch, Status: 200, Body: []byte(text)})
			}
			add("", live(10, 12, 2))
			add("_HLS_skip=YES", edit(t, delta(10, 12, 2), test.old, test.new))
			require.ElementsMatch(t, test.rules, broken(r), "%v", r.Findings())
			require.Positive(t, result(r, "L56").Checks)
		})
	}
}

func TestWaitingForASegmentAlone(t *testing.T) {
	for query, rules := range map[string][]string{"_HLS_msn=18": {}, "_HLS_msn=19": {"L43"}} {
		r := &check.Report{}
		check.NewChecker(r).Add(check.Snapshot{Playlist: video, Query: query, Status: 200, Body: []byte(live(10, 8, 1))})
		require.Equal(t, rules, broken(r), query)
	}
}

package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// epoch is the date-time of segment 0.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// live is a Media Playlist without fault: n complete segments of two seconds from number first on, and open parts of the
// next. Parts are listed for the last three segments.
func live(first, n, open int) string {
	var b strings.Builder
	head(&b, 6, first)
	for i := range n {
		segment(&b, first+i, i == 0, i >= n-3)
	}
	tail(&b, first+n, open)
	return b.String()
}

// delta is the same as a delta update that skips as much as it may.
func delta(first, n, open int) string {
	var b strings.Builder
	head(&b, 9, first)
	skip := n - 6
	fmt.Fprintf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", skip)
	for i := skip; i < n; i++ {
		segment(&b, first+i, false, i >= n-3)
	}
	tail(&b, first+n, open)
	return b.String()
}

func head(b *strings.Builder, version, first int) {
	fmt.Fprintf(b, `#EXTM3U
#EXT-X-VERSION:%d
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,HOLD-BACK=6,CAN-SKIP-UNTIL=12
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:%d
#EXT-X-DISCONTINUITY-SEQUENCE:0
`, version, first)
}

func segment(b *strings.Builder, msn int, mapped, parts bool) {
	if mapped {
		b.WriteString("#EXT-X-MAP:URI=\"init.mp4\"\n")
	}
	dateTime(b, msn)
	for i := range 4 {
		if parts {
			part(b, msn, i)
		}
	}
	fmt.Fprintf(b, "#EXTINF:2.000,\ns%d.m4s\n", msn)
}

func dateTime(b *strings.Builder, msn int) {
	b.WriteString("#EXT-X-PROGRAM-DATE-TIME:" + epoch.Add(time.Duration(msn)*2*time.Second).Format("2006-01-02T15:04:05.000Z07:00") + "\n")
}

func part(b *strings.Builder, msn, i int) {
	fmt.Fprintf(b, "#EXT-X-PART:DURATION=0.500,URI=\"s%d.%d.m4s\"%s\n", msn, i, map[bool]string{true: ",INDEPENDENT=YES"}[i == 0])
}

func tail(b *strings.Builder, msn, open int) {
	if open > 0 {
		dateTime(b, msn)
	}
	for i := range open {
		part(b, msn, i)
	}
	fmt.Fprintf(b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s%d.%d.m4s\"\n", msn, open)
}

// edit replaces text that must be there; the empty old text means that new is added at the end.
func edit(t *testing.T, text, old, new string) string {
	t.Helper()
	if old == "" {
		return text + new
	}
	require.Contains(t, text, old)
	return strings.ReplaceAll(text, old, new)
}

// broken are the rules that a report holds findings of.
func broken(r *check.Report) []string {
	rules := []string{}
	for _, f := range r.Findings() {
		if !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

func parse(t *testing.T, r *check.Report, text string) *hls.ParsedMedia {
	t.Helper()
	p, err := hls.ParseMedia([]byte(text))
	check.Grammar(r, "test", err)
	require.NotNil(t, p)
	return p
}

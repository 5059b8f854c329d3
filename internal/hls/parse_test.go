package hls_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return text
}

func TestParseMediaReadsEveryTag(t *testing.T) {
	p, err := hls.ParseMedia(golden(t, "parse_live.m3u8"))
	require.NoError(t, err)
	require.Equal(t, 6, p.Version)
	require.Equal(t, 2, p.TargetDuration)
	require.Equal(t, 500*time.Millisecond, p.PartTarget)
	require.Equal(t, &hls.ServerControl{CanBlockReload: true, PartHoldBack: 1500 * time.Millisecond, HoldBack: 6 * time.Second, CanSkipUntil: 12 * time.Second}, p.Control)
	require.Len(t, p.Segments, 3)

	first, gap, third := p.Segments[0], p.Segments[1], p.Segments[2]
	require.Equal(t, hls.ParsedSegment{Line: 11, MSN: 100, Epoch: 3, URI: "s100.m4s", Duration: 2 * time.Second, DateTimeText: "2026-03-01T12:00:00.000Z",
		DateTime: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Map: &hls.Map{URI: "init-1.mp4"}}, first)
	require.True(t, gap.Gap)
	require.Equal(t, "init-1.mp4", gap.Map.URI)
	require.EqualValues(t, 3, gap.Epoch)

	require.True(t, third.Discontinuity)
	require.EqualValues(t, 102, third.MSN)
	require.EqualValues(t, 4, third.Epoch)
	require.Equal(t, &hls.Map{URI: "init-2.mp4", ByteRange: &hls.ByteRange{Length: 720}}, third.Map)
	require.Equal(t, 2, strings.Count(third.Key, "METHOD="), "both keys apply")
	require.Equal(t, &hls.ByteRange{Length: 3000}, third.ByteRange)
	require.Equal(t, &hls.ByteRange{Length: 500, Offset: 1000}, third.Parts[1].ByteRange, "goes on where the part before ended")
	require.Equal(t, 500*time.Millisecond+1, third.Parts[2].Duration)
	require.True(t, third.Parts[0].Independent && third.Parts[3].Gap)

	require.Equal(t, []hls.ParsedPart{{Line: 32, URI: "s103.0.m4s", Duration: 500 * time.Millisecond, Independent: true}}, p.Open.Parts)
	require.EqualValues(t, 4, p.Open.Epoch)
	require.Equal(t, "s103.1.m4s", p.Hint().URI)
	require.Equal(t, &hls.ByteRange{Length: -1, Offset: 10}, p.Hints[1].ByteRange)
	require.Equal(t, []hls.ParsedReport{{Line: 35, URI: "../audio/index.m3u8", LastMSN: 103, LastPart: 0}, {Line: 36, URI: "../480p/index.m3u8", LastMSN: -1, LastPart: -1}}, p.Reports)
	require.Equal(t, "ad", p.DateRanges[0].ID)
	require.Equal(t, "spot", p.DateRanges[0].Attrs.Value("X-NAME"))
	require.Equal(t, "EXTM3U", p.Lines[0].Tag)
}

func TestPositions(t *testing.T) {
	p, err := hls.ParseMedia(golden(t, "parse_live.m3u8"))
	require.NoError(t, err)
	require.EqualValues(t, 102, p.LastMSN())
	require.Equal(t, hls.Position{MSN: 103, Part: 0}, p.Last())
	require.Equal(t, hls.Position{MSN: 103, Part: 1}, p.Next())
	for at, has := range map[hls.Position]bool{
		{MSN: 7}: true, {MSN: 101, Part: 9}: true, {MSN: 102, Part: 3}: true, {MSN: 103, Part: 0}: true,
		{MSN: 102, Part: 4}: true, // past the end: part 0 of the next, which is there
		{MSN: 103, Part: 1}: false, {MSN: 104}: false,
	} {
		require.Equal(t, has, p.Has(at), "%v", at)
	}
	require.Equal(t, "s101.m4s", p.Segment(101).URI)
	require.Nil(t, p.Segment(99))
	require.Nil(t, p.Segment(103))
}

func TestStartsAreCountedFromTheNearestDateTime(t *testing.T) {
	p, err := hls.ParseMedia([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXTINF:1,\nb.ts\n" +
		"#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:10Z\n#EXTINF:2,\nc.ts\n#EXTINF:2,\nd.ts\n"))
	require.NoError(t, err)
	var seconds []int
	for _, at := range p.Starts() {
		seconds = append(seconds, at.Second())
	}
	require.Equal(t, []int{7, 9, 10, 12, 14}, seconds)
}

// problem is the first offence that the reader finds.
func problem(t *testing.T, err error) hls.Problem {
	t.Helper()
	var problems hls.Problems
	require.True(t, errors.As(err, &problems), "%v", err)
	return problems[0]
}

func TestParseMediaRefuses(t *testing.T) {
	const head = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n"
	tests := map[string]struct {
		text string
		kind hls.ProblemKind
		line int
	}{
		"an empty playlist":                       {"", hls.BadEncoding, 1},
		"a byte order mark":                       {"\xEF\xBB\xBF" + head, hls.BadEncoding, 1},
		"a blank line before EXTM3U":              {"\n" + head, hls.BadEncoding, 1},
		"bytes that are not UTF-8":                {head + "#EXTINF:2,\nx\xff\n", hls.BadEncoding, 0},
		"a control character":                     {head + "#EXTINF:2,\nx\x07\n", hls.BadEncoding, 5},
		"a C1 control character":                  {head + "#EXTINF:2,\nx\u0085y\n", hls.BadEncoding, 5},
		"white space before a tag":                {head + " #EXTINF:2,\nx\n", hls.BadSyntax, 4},
		"EXTINF without a comma":                  {head + "#EXTINF:2\nx\n", hls.BadSyntax, 4},
		"EXTINF that is no number":                {head + "#EXTINF:two,\nx\n", hls.BadSyntax, 4},
		"EXTINF twice":                            {head + "#EXTINF:2,\n#EXTINF:2,\nx\n", hls.BadStructure, 5},
		"EXTINF without a URI":                    {head + "#EXTINF:2,\n", hls.BadStructure, 0},
		"a URI without EXTINF":                    {head + "x\n", hls.BadStructure, 4},
		"a fractional target duration":            {"#EXTM3U\n#EXT-X-TARGETDURATION:2.5\n", hls.BadSyntax, 2},
		"a negative sequence number":              {head + "#EXT-X-MEDIA-SEQUENCE:-1\n", hls.BadSyntax, 4},
		"a singleton tag twice":                   {head + "#EXT-X-VERSION:6\n", hls.BadStructure, 4},
		"a multivariant tag":                      {head + "#EXT-X-STREAM-INF:BANDWIDTH=1\nx\n", hls.BadStructure, 4},
		"a value after a bare tag":                {head + "#EXT-X-ENDLIST:1\n", hls.BadSyntax, 4},
		"a tag without its value":                 {head + "#EXT-X-MEDIA-SEQUENCE\n", hls.BadSyntax, 4},
		"an unknown playlist type":                {head + "#EXT-X-PLAYLIST-TYPE:LIVE\n", hls.BadSyntax, 4},
		"a part without a URI":                    {head + "#EXT-X-PART:DURATION=0.5\n", hls.MissingAttribute, 4},
		"a part with an unquoted URI":             {head + "#EXT-X-PART:DURATION=0.5,URI=x\n", hls.BadSyntax, 4},
		"a quoted duration":                       {head + "#EXT-X-PART:DURATION=\"0.5\",URI=\"x\"\n", hls.BadSyntax, 4},
		"a flag that is NO":                       {head + "#EXT-X-PART:DURATION=0.5,URI=\"x\",INDEPENDENT=NO\n", hls.BadSyntax, 4},
		"a part's range without a start":          {head + "#EXT-X-PART:DURATION=0.5,URI=\"x\",BYTERANGE=\"9\"\n", hls.BadStructure, 4},
		"a range without a start":                 {head + "#EXT-X-BYTERANGE:9\n#EXTINF:2,\nx\n", hls.BadStructure, 6},
		"white space in an attribute list":        {head + "#EXT-X-PART-INF: PART-TARGET=0.5\n", hls.BadSyntax, 4},
		"an attribute twice":                      {head + "#EXT-X-PART-INF:PART-TARGET=0.5,PART-TARGET=0.5\n", hls.BadSyntax, 4},
		"a comma at the end of an attribute list": {head + "#EXT-X-PART-INF:PART-TARGET=0.5,\n", hls.BadSyntax, 4},
		"a quote that is not closed":              {head + "#EXT-X-MAP:URI=\"x\n", hls.BadSyntax, 4},
		"a signed duration":                       {head + "#EXT-X-PART-INF:PART-TARGET=-0.5\n", hls.BadSyntax, 4},
		"a date that is none":                     {head + "#EXT-X-PROGRAM-DATE-TIME:yesterday\n", hls.BadSyntax, 4},
		"two dates for one segment":               {head + "#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00Z\n#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00Z\n", hls.BadStructure, 5},
		"a skip without its number":               {head + "#EXT-X-SKIP:SKIPPED-SEGMENTS=\"3\"\n", hls.BadSyntax, 4},
		"a hint without a type":                   {head + "#EXT-X-PRELOAD-HINT:URI=\"x\"\n", hls.MissingAttribute, 4},
		"too many attributes":                     {head + "#EXT-X-DATERANGE:ID=\"a\"" + manyAttributes(), hls.TooLarge, 4},
		"a line without end":                      {head + "#EXT-X-DATERANGE:" + strings.Repeat("x", 65<<10), hls.TooLarge, 4},
		"more than it takes":                      {head + strings.Repeat("#\n", 5<<20), hls.TooLarge, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := hls.ParseMedia([]byte(test.text))
			got := problem(t, err)
			require.Equal(t, test.kind, got.Kind, "%v", got)
			require.Equal(t, test.line, got.Line, "%v", got)
		})
	}
}

func manyAttributes() string {
	var b strings.Builder
	for i := range 70 {
		b.WriteString(",X-" + strings.Repeat("A", i+1) + "=1")
	}
	return b.String() + "\n"
}

func TestParseMediaStopsCountingProblems(t *testing.T) {
	_, err := hls.ParseMedia([]byte("#EXTM3U\n" + strings.Repeat("x\n", 100_000)))
	var problems hls.Problems
	require.True(t, errors.As(err, &problems))
	require.Len(t, problems, 100)
}

const multivariant = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio",CLOSED-CAPTIONS=NONE
720p/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,URI="720p/frames.m3u8"
`

func TestParseMultivariant(t *testing.T) {
	p, err := hls.ParseMultivariant([]byte(multivariant))
	require.NoError(t, err)
	require.True(t, p.IndependentSegments)
	require.Equal(t, []hls.ParsedVariant{{Line: 5, URI: "720p/index.m3u8", Bandwidth: 3000000, AverageBandwidth: 2500000, Codecs: "avc1.64001f,mp4a.40.2",
		Width: 1280, Height: 720, FrameRate: 29.97, Audio: "audio", ClosedCaptions: "NONE"}}, p.Variants)
	require.Equal(t, []hls.ParsedRendition{{Line: 4, Type: "AUDIO", GroupID: "audio", Name: "Main", Language: "en", URI: "audio/index.m3u8",
		Default: true, Autoselect: true, Channels: "2"}}, p.Media)
	require.Equal(t, "720p/frames.m3u8", p.IFrames[0].URI)
}

func TestParseMultivariantRefuses(t *testing.T) {
	const head = "#EXTM3U\n"
	tests := map[string]struct {
		text string
		kind hls.ProblemKind
		line int
	}{
		"a media tag":                {head + "#EXT-X-TARGETDURATION:2\n", hls.BadStructure, 2},
		"a variant without a URI":    {head + "#EXT-X-STREAM-INF:BANDWIDTH=1\n", hls.BadStructure, 2},
		"a tag before the URI":       {head + "#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-VERSION:6\nx\n", hls.BadStructure, 3},
		"a URI without a variant":    {head + "x\n", hls.BadStructure, 2},
		"no BANDWIDTH":               {head + "#EXT-X-STREAM-INF:CODECS=\"avc1\"\nx\n", hls.MissingAttribute, 2},
		"a resolution that is none":  {head + "#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=720p\nx\n", hls.BadSyntax, 2},
		"a default that is neither":  {head + "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",DEFAULT=TRUE\n", hls.BadSyntax, 2},
		"captions that are not NONE": {head + "#EXT-X-STREAM-INF:BANDWIDTH=1,CLOSED-CAPTIONS=cc\nx\n", hls.BadSyntax, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := hls.ParseMultivariant([]byte(test.text))
			got := problem(t, err)
			require.Equal(t, test.kind, got.Kind, "%v", got)
			require.Equal(t, test.line, got.Line, "%v", got)
		})
	}
}

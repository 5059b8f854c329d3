package check_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls/check"
)

func header(pairs ...string) http.Header {
	h := http.Header{"Access-Control-Allow-Origin": {"*"}, "Access-Control-Expose-Headers": {"Date, Age, Content-Length"}}
	for i := 0; i < len(pairs); i += 2 {
		if h.Del(pairs[i]); pairs[i+1] != "" {
			h.Set(pairs[i], pairs[i+1])
		}
	}
	return h
}

func TestHeaders(t *testing.T) {
	const list, m4s, mpegurl = "/live/index.m3u8", "/live/s1.m4s", "application/vnd.apple.mpegurl"
	tests := map[string]struct {
		rules  []string
		where  string
		kind   check.Kind
		status int
		header http.Header
	}{
		"a plain playlist":                    {nil, list, check.Playlist, 200, header("Cache-Control", "max-age=1", "Content-Type", mpegurl)},
		"a playlist named by its type":        {nil, "/live/index", check.Playlist, 200, header("Cache-Control", "max-age=1", "Content-Type", mpegurl+"; charset=utf-8")},
		"a playlist named by nothing":         {[]string{"L02"}, "/live/index", check.Playlist, 200, header("Cache-Control", "max-age=1", "Content-Type", "text/plain")},
		"a plain playlist kept for long":      {[]string{"L98"}, list, check.Playlist, 200, header("Cache-Control", "max-age=12")},
		"a playlist not kept":                 {[]string{"L98"}, list, check.Playlist, 200, header("Cache-Control", "no-cache")},
		"a reload":                            {nil, list, check.Reload, 200, header("Cache-Control", "public, max-age=12")},
		"a reload kept for a second":          {[]string{"L98"}, list, check.Reload, 200, header("Cache-Control", "max-age=1")},
		"a reload without a lifetime":         {[]string{"L98"}, list, check.Reload, 200, header()},
		"a part":                              {nil, m4s, check.Part, 200, header("Cache-Control", "max-age=60, immutable", "Content-Type", "video/mp4")},
		"a part kept for a second":            {[]string{"L99"}, m4s, check.Part, 200, header("Cache-Control", "max-age=1", "Content-Type", "video/mp4")},
		"a segment of no type":                {[]string{"L101"}, m4s, check.Segment, 200, header("Cache-Control", "max-age=60", "Content-Type", "application/octet-stream")},
		"a part that browsers must not read":  {[]string{"L100"}, m4s, check.Part, 200, header("Cache-Control", "max-age=60", "Content-Type", "audio/mp4", "Access-Control-Allow-Origin", "")},
		"headers that browsers must not read": {[]string{"L107"}, m4s, check.Part, 200, header("Cache-Control", "max-age=60", "Content-Type", "audio/mp4", "Access-Control-Expose-Headers", "")},
		"a missing segment":                   {nil, m4s, check.Segment, 404, header("Cache-Control", "max-age=1")},
		"a missing segment kept for long":     {[]string{"L106"}, m4s, check.Segment, 404, header("Cache-Control", "max-age=8")},
		"a missing segment without lifetime":  {[]string{"L106"}, m4s, check.Segment, 404, header()},
		"a refused reload kept for 4 TD":      {nil, list, check.Reload, 400, header("Cache-Control", "max-age=8")},
		"a refusal that browsers cannot read": {[]string{"L107"}, list, check.Reload, 400, header("Cache-Control", "max-age=1", "Access-Control-Allow-Origin", "")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			check.Headers(r, test.where, test.kind, test.status, test.header, 2*time.Second)
			require.ElementsMatch(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

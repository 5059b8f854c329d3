package live_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/hls/check"
	"github.com/stagecast/stagecast/internal/hls/check/live"
)

// test runs the client against a handler for some time of a fake clock.
func test(t *testing.T, d time.Duration, handler http.Handler) (r *check.Report) {
	t.Helper()
	var err error
	r, err = live.Run(context.Background(), live.Config{URL: "https://origin/live/index.m3u8", Duration: d, Client: &http.Client{Transport: inProcess{handler}}})
	require.NoError(t, err)
	return r
}

func broken(r *check.Report) []string {
	rules := []string{}
	for _, f := range r.Findings() {
		if !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

func unreached(r *check.Report) (rules []string) {
	for _, res := range r.Results() {
		if res.Checks == 0 {
			rules = append(rules, res.Rule.ID)
		}
	}
	return rules
}

func TestAGoodServerBreaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := test(t, time.Minute, newServer(t))
		require.Empty(t, r.Findings())
		require.Equal(t, []string{"L50", "L60", "L69", "L108", "L109", "L110", "L111", "L112"}, unreached(r), "what this server gives no cause for")
	})
}

func TestAStreamThatEndsIsFollowedToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.ends = s.now() + 42
		start := time.Now()
		r := test(t, time.Hour, s)
		require.Empty(t, r.Findings())
		require.Equal(t, 21*time.Second, time.Since(start), "it waits for nothing after the end")
		require.Positive(t, result(r, "L66").Checks)
	})
}

func TestALostSegmentIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.gap = s.now()/perParent + 3
		r := test(t, 30*time.Second, s)
		require.Empty(t, r.Findings())
	})
}

func result(r *check.Report, rule string) check.Result {
	for _, res := range r.Results() {
		if res.Rule.ID == rule {
			return res
		}
	}
	return check.Result{}
}

func TestASourceThatStallsIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		from := s.now() + 21
		s.now = func() int64 { // eight seconds in which nothing is published, and then all of it
			if n := published(time.Now()); n < from || n >= from+16 {
				return n
			}
			return from
		}
		r := test(t, 30*time.Second, s)
		for _, rule := range []string{"L17", "L18", "L50"} {
			require.Contains(t, broken(r), rule)
		}
	})
}

func TestAServerThatDoesNotBlockIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.rewrite = func(_ *http.Request, text string) string {
			return strings.Replace(text, "CAN-BLOCK-RELOAD=YES,", "", 1)
		}
		r := test(t, 20*time.Second, s)
		require.Equal(t, []string{"L34"}, broken(r), "%v", r.Findings())
		require.Positive(t, result(r, "L66").Checks)
	})
}

func TestASingleMediaPlaylist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.rewrite = func(_ *http.Request, text string) string {
			list, _, _ := strings.Cut(text, "#EXT-X-RENDITION-REPORT")
			return list
		}
		r, err := live.Run(context.Background(), live.Config{URL: "https://origin/live/720p/index.m3u8?token=x", Duration: 20 * time.Second, Client: &http.Client{Transport: inProcess{s}}})
		require.NoError(t, err)
		require.Empty(t, r.Findings())
		require.Positive(t, result(r, "L66").Checks)
	})
}

func TestWhatCannotBeTested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, u := range []string{"https://origin/live/none/none.m3u8", "https://origin/live/720p/init.mp4", "https://origin/%zz", "gopher://origin/"} {
			_, err := live.Run(context.Background(), live.Config{URL: u, Client: &http.Client{Transport: inProcess{newServer(t)}}})
			require.Error(t, err, u)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := live.Run(ctx, live.Config{URL: "https://origin/live/index.m3u8", Duration: time.Hour, Client: &http.Client{Transport: inProcess{newServer(t)}}})
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

// TestOverSockets runs against real connections. How long things take there is not asserted.
func TestOverSockets(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/2 over TLS": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
		"HTTP/1.1":        (*httptest.Server).Start,
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			s := httptest.NewUnstartedServer(newServer(t))
			start(s)
			defer s.Close()
			r, err := live.Run(context.Background(), live.Config{URL: s.URL + "/live/index.m3u8", Duration: 2 * time.Second, Client: s.Client(),
				Slack: time.Minute, Prompt: time.Minute})
			require.NoError(t, err)
			require.Positive(t, result(r, "L42").Checks)
			require.Positive(t, result(r, "L71").Checks)
			require.Empty(t, r.Findings(check.Must, check.AppleMust))
			require.Equal(t, s.TLS != nil, result(r, "L96").Checks > 0)
		})
	}
}

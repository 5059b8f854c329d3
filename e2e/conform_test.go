//go:build e2e

package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls/check"
	"github.com/stagecast/stagecast/internal/hls/check/live"
)

// oneRung is the rule that a stream of a single video rendition cannot keep.
const oneRung = "L95"

// conform follows a stream with a strict client for as long as it is told, and fails the test where a MUST is broken that
// is not one of the excused.
func conform(ctx context.Context, t *testing.T, url string, long time.Duration, excused ...string) {
	t.Helper()
	// What "at once" means is generous here: this machine runs encoders, server and clients on a core or two.
	report, err := live.Run(ctx, live.Config{URL: url, Duration: long, Slack: 3 * time.Second, Prompt: 3 * time.Second})
	if !assert.NoError(t, err) {
		return
	}
	checks := 0
	for _, res := range report.Results() {
		checks += res.Checks
	}
	assert.Positive(t, checks)
	for _, f := range report.Findings(check.Must, check.AppleMust) {
		if !slices.Contains(excused, f.Rule) {
			assert.Fail(t, "a MUST is broken", "%s", f)
		}
	}
	for _, f := range report.Findings(check.Should, check.Ops) {
		t.Logf("a SHOULD is not kept: %s", f)
	}
}

// 24 s are what the checker needs: every probe has had its turn.
const conformTime = 24 * time.Second

func TestLadderConforms(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.publish(liveKey, programme{size: "854x480"})
	s.awaitLive("live")
	assert.Greater(t, len(s.multivariant("live").Variants), 1, "a ladder has rungs")
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime)
	s.stop()
}

func TestPassedOnSourceConforms(t *testing.T) {
	t.Parallel()
	s := start(t, "--ladder", "off")
	s.publish(liveKey, programme{size: "640x360", bframes: 2})
	s.awaitLive("live")
	assert.Len(t, s.multivariant("live").Variants, 1)
	conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung)
	s.stop()
}

// TestFrameRatesConform has one stream for each rate that is not a whole number, at the same time.
func TestFrameRatesConform(t *testing.T) {
	t.Parallel()
	s := start(t)
	sources := map[string]struct {
		key, rate string
		fps       float64
	}{
		"live":  {liveKey, "24000/1001", 23.976},
		"other": {otherKey, "30000/1001", 29.970},
		"third": {thirdKey, "60000/1001", 59.940},
	}
	for _, src := range sources {
		s.publish(src.key, programme{rate: src.rate})
	}
	t.Run("all", func(t *testing.T) { // returns when its parallel parts have
		for stream, src := range sources {
			t.Run(strings.ReplaceAll(src.rate, "/", "÷"), func(t *testing.T) {
				t.Parallel()
				await(t, stream+" is live", func() bool { return s.state(stream) == "live" })
				p := s.multivariant(stream)
				require.NotNil(t, p)
				for _, v := range p.Variants {
					assert.InDelta(t, src.fps, v.FrameRate, 0.001)
				}
				conform(t.Context(), t, s.url("/"+stream+"/index.m3u8"), conformTime, oneRung)
			})
		}
	})
	s.stop()
}

// TestOneKindOfMedia has one stream of sound alone and one of pictures alone.
func TestOneKindOfMedia(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.publish(liveKey, programme{noVideo: true})
	s.publish(otherKey, programme{noAudio: true})
	t.Run("all", func(t *testing.T) {
		t.Run("sound", func(t *testing.T) {
			t.Parallel()
			await(t, "it is live", func() bool { return s.state("live") == "live" })
			for _, v := range s.multivariant("live").Variants {
				assert.NotContains(t, v.Codecs, "avc1")
			}
			conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung)
		})
		t.Run("pictures", func(t *testing.T) {
			t.Parallel()
			await(t, "it is live", func() bool { return s.state("other") == "live" })
			for _, v := range s.multivariant("other").Variants {
				assert.NotContains(t, v.Codecs, "mp4a")
			}
			conform(t.Context(), t, s.url("/other/index.m3u8"), conformTime, oneRung)
		})
	})
	s.stop()
}

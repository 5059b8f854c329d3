package check_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls/check"
)

func TestReportGroupsByLevel(t *testing.T) {
	r := &check.Report{}
	r.Expect("L01", true, "a", "")
	for range 20 {
		r.Expect("L06", false, "/live/index.m3u8", "version %d", 9)
	}
	require.True(t, r.Conforms(), "a SHOULD is no reason to fail")
	require.Len(t, r.Findings(), 5, "the first ones are kept")
	r.Expect("L16", false, "b", "five segments")
	require.False(t, r.Conforms())

	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	require.Contains(t, b.String(), "MUST: 1 kept, 0 broken,")
	require.Contains(t, b.String(), "A-MUST: 0 kept, 1 broken,")
	require.Contains(t, b.String(), "BROKEN    20 of 20")
	require.Contains(t, b.String(), "/live/index.m3u8: version 9")
}

func TestEveryRuleHasASource(t *testing.T) {
	seen := make(map[string]bool)
	for _, rule := range check.Rules {
		require.False(t, seen[rule.ID], rule.ID)
		seen[rule.ID] = true
		require.NotEmpty(t, rule.Text, rule.ID)
		require.NotEmpty(t, rule.Source, rule.ID)
		require.NotEqual(t, "unknown", rule.Level.String(), rule.ID)
	}
	require.Len(t, seen, 114)
}

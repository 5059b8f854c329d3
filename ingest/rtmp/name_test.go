package rtmp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

func TestStreamKeys(t *testing.T) {
	for _, c := range [][2]string{
		{"live", "KEY"}, {"live/", "KEY"}, {"/live/", "/KEY/"}, {"live/KEY", ""}, {"live/KEY/", "/"}, {"live//", "KEY"},
		{"live", "KEY?clientConfigId=1"}, {"live", "KEY?x=y/../z"}, {"live?x=y", "KEY"}, {"live/KEY?x=y", ""}, {"live", "KEY?"},
	} {
		key, err := streamKey(c[0], c[1])
		require.NoError(t, err, "%q", c)
		require.Equal(t, "KEY", key, "%q", c)
	}
	key, err := streamKey("live", "a-Z_0.9~")
	require.NoError(t, err)
	require.Equal(t, "a-Z_0.9~", key)
}

func TestNamesThatAreRefused(t *testing.T) {
	cases := map[[2]string]ingest.Reason{
		{"", "KEY"}:          ingest.ReasonBadName,
		{"app", "KEY"}:       ingest.ReasonBadName,
		{"Live", "KEY"}:      ingest.ReasonBadName,
		{"../live", "KEY"}:   ingest.ReasonBadName,
		{"live/..", "KEY"}:   ingest.ReasonBadName,
		{"live", "../KEY"}:   ingest.ReasonBadName,
		{"live", ".."}:       ingest.ReasonBadName,
		{"live", "."}:        ingest.ReasonBadName,
		{"live", "a/b"}:      ingest.ReasonBadName,
		{"live", "a//b"}:     ingest.ReasonBadName,
		{"live/KEY", "KEY"}:  ingest.ReasonBadName,
		{"live", "%2fKEY"}:   ingest.ReasonBadName,
		{"live", "K\x00EY"}:  ingest.ReasonBadName,
		{"live", `K\EY`}:     ingest.ReasonBadName,
		{"live", "K EY"}:     ingest.ReasonBadName,
		{"live", "KÉY"}:      ingest.ReasonBadName,
		{"live", "\xff\xfe"}: ingest.ReasonBadName,
		{"live", strings.Repeat("k", ingest.MaxKeySize+1)}: ingest.ReasonBadName,
		{"live", strings.Repeat("k", 10240)}:               ingest.ReasonBadName,
		{"live" + strings.Repeat("/", 10240), "KEY"}:       ingest.ReasonBadName,
		{"live", "KEY?" + strings.Repeat("x", 10240)}:      ingest.ReasonBadName,
		{"live", ""}:       ingest.ReasonWrongKey,
		{"live/", "/"}:     ingest.ReasonWrongKey,
		{"live", "?KEY"}:   ingest.ReasonWrongKey,
		{"live", "/?x=y/"}: ingest.ReasonWrongKey,
	}
	for c, reason := range cases {
		_, err := streamKey(c[0], c[1])
		require.Error(t, err, "%.40q", c)
		require.Equal(t, reason, ingest.ReasonOf(err), "%.40q", c)
		require.NotContains(t, err.Error(), "KEY")
	}
}

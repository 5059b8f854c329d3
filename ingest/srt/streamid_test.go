package srt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

func TestStreamID(t *testing.T) {
	for id, want := range map[string][2]string{
		"KEY-1":                                          {"", "KEY-1"},
		"live/KEY-1":                                     {"", "KEY-1"},
		"/live/KEY-1?x=y&z=1":                            {"", "KEY-1"},
		"publish:live:KEY-1":                             {"live", "KEY-1"},
		"publish:KEY-1":                                  {"", "KEY-1"},
		"publish:live:KEY-1?clientConfigId=1":            {"live", "KEY-1"},
		"#!::m=publish,r=live,s=KEY-1":                   {"live", "KEY-1"},
		"#!::m=publish,u=live,s=KEY-1":                   {"live", "KEY-1"},
		"#!::u=bob,r=live,s=KEY-1":                       {"live", "KEY-1"},
		"#!::u=live,r=KEY-1":                             {"live", "KEY-1"},
		"#!::h=host.example,r=live/KEY-1":                {"", "KEY-1"},
		"#!::h=host,r=live/KEY-1?a=b,m=publish":          {"", "KEY-1"},
		"h=host.example,r=live/KEY-1":                    {"", "KEY-1"},
		"%23%21%3A%3Am%3Dpublish%2Cr%3Dlive%2Cs%3DKEY-1": {"live", "KEY-1"},
		"#!::r=KEY-1,t=stream,x=y":                       {"", "KEY-1"},
	} {
		stream, key, err := parseStreamID(id)
		require.NoError(t, err, id)
		require.Equal(t, want, [2]string{stream, key}, id)
	}
	for id, reason := range map[string]ingest.Reason{
		"":                              ingest.ReasonWrongKey,
		"?x=y":                          ingest.ReasonWrongKey,
		"#!::m=publish":                 ingest.ReasonWrongKey,
		"publish:":                      ingest.ReasonWrongKey,
		"#!::m=request,r=live,s=secret": ingest.ReasonNotPublishing,
		"read:live:secret":              ingest.ReasonNotPublishing,
		"#!::m=secret,r=live":           ingest.ReasonBadName,
		"#!::t=file,r=secret":           ingest.ReasonUnsupported,
		"secret key":                    ingest.ReasonBadName,
		"publish:a:b:secret":            ingest.ReasonBadName,
		"secret%zz":                     ingest.ReasonBadName,
		"..":                            ingest.ReasonBadName,
		"secret\x00":                    ingest.ReasonBadName,
		strings.Repeat("x", 513):        ingest.ReasonBadName,
	} {
		_, _, err := parseStreamID(id)
		require.Equal(t, reason, ingest.ReasonOf(err), id)
		require.NotContains(t, err.Error(), "secret")
	}
}

// What callers are told; 1000 and up are the protocol's own codes, 1400 and up those of access control.
func TestRejectionCodes(t *testing.T) {
	for reason, code := range map[ingest.Reason]int{
		ingest.ReasonWrongKey: 1401, ingest.ReasonWrongSecret: 1010, ingest.ReasonBadName: 1400, ingest.ReasonNotPublishing: 1405,
		ingest.ReasonUnsupported: 1415, ingest.ReasonTooMany: 1402, ingest.ReasonBadHandshake: 1008, ingest.ReasonShutdown: 1503,
		ingest.ReasonInternal: 1500, ingest.ReasonNotAllowed: 1403, ingest.ReasonAuthUnavailable: 1503,
	} {
		require.EqualValues(t, code, rejection(&ingest.Error{Reason: reason}), reason)
	}
}

func FuzzStreamID(f *testing.F) {
	f.Add("#!::m=publish,r=live,s=KEY-1")
	f.Add("publish:live:KEY-1?x=y")
	f.Add("h=,r=//,s=?=")
	f.Fuzz(func(t *testing.T, id string) {
		stream, key, err := parseStreamID(id)
		if err == nil {
			require.True(t, ingest.IsKey(key))
			require.True(t, stream == "" || ingest.IsKey(stream))
			require.LessOrEqual(t, len(key), len(id))
		}
	})
}

func TestPassphrases(t *testing.T) {
	p, err := ParsePassphrases("ten letters and more,other=another secret 1")
	require.NoError(t, err)
	require.Equal(t, "ten letters and more", p.forStream("live"))
	require.Equal(t, "another secret 1", p.forStream("other"))
	p, err = ParsePassphrases("")
	require.NoError(t, err)
	require.Empty(t, p.forStream("live"))
	for _, bad := range []string{"short", "secret secret,secret secret", "live=short", "=secret secret", "a b=secret secret", strings.Repeat("s", 80), "secret\nsecret"} {
		_, err := ParsePassphrases(bad)
		require.ErrorIs(t, err, ErrPassphrases, bad)
	}
}

package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/auth"
)

func TestKeySaysWhichStream(t *testing.T) {
	keys := auth.NewKeys(auth.Streams{{Stream: "live", Text: "first-key"}, {Stream: "other", Text: "second-key"}})
	for _, c := range []struct{ stream, key, want string }{
		{"", "first-key", "live"}, {"other", "second-key", "other"}, {"live", "second-key", ""}, {"", "", ""}, {"live", "first-kez", ""},
	} {
		got, err := keys.Authorize(context.Background(), ingest.Request{Stream: c.stream, Key: c.key})
		require.Equal(t, c.want, got, "%+v", c)
		if c.want == "" {
			require.Equal(t, ingest.ReasonWrongKey, ingest.ReasonOf(err))
		}
	}
}

func TestAKeyCanBeProvedWithoutBeingSent(t *testing.T) {
	keys := auth.NewKeys(auth.Streams{{Stream: "live", Text: "first-key"}, {Stream: "other", Text: "second-key"}})
	knows := func(want string) func(string) bool { return func(key string) bool { return key == want } }
	got, err := keys.Authorize(context.Background(), ingest.Request{Stream: "other", Proves: knows("second-key")})
	require.NoError(t, err)
	require.Equal(t, "other", got)
	for _, r := range []ingest.Request{
		{Stream: "live", Proves: knows("second-key")}, {Stream: "none", Proves: knows("first-key")}, {Proves: knows("first-key")},
	} {
		_, err = keys.Authorize(context.Background(), r)
		require.Equal(t, ingest.ReasonWrongKey, ingest.ReasonOf(err), r.Stream)
	}
}

func TestStreamsAreReadStrictlyAndKeysStayOutOfErrors(t *testing.T) {
	streams, err := auth.ParseStreams("live=abcd, two=efgh-1")
	require.NoError(t, err)
	require.Equal(t, auth.Streams{{Stream: "live", Text: "abcd"}, {Stream: "two", Text: "efgh-1"}}, streams)
	for _, bad := range []string{"live", "live=", "li ve=abcd", "../x=abcd", "assets=abcd", "live=sec ret", "live=abc",
		"live=abcd@tomorrow", "live=abcd@", "live=abcd,two=abcd"} {
		_, err := auth.ParseStreams(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "sec ret")
	}
}

func TestKeysAreRotatedWithAnOverlap(t *testing.T) {
	day := func(d int) string { return time.Now().AddDate(0, 0, d).UTC().Format(time.DateOnly) }
	streams, err := auth.ParseStreams("live=older@" + day(-1) + ",live=old-one@" + time.Now().Add(time.Hour).Format(time.RFC3339) + ",live=new-one,two=efgh")
	require.NoError(t, err)
	require.Equal(t, []string{"live", "two"}, streams.Names())
	require.Equal(t, "new-one", streams.Key("live"), "what encoders are told to use from now on")
	require.Empty(t, streams.Key("three"))
	keys := auth.NewKeys(streams)
	for key, want := range map[string]ingest.Reason{
		"older": ingest.ReasonKeyExpired, "old-one": ingest.ReasonUnpublished, "new-one": ingest.ReasonUnpublished, "efgh": ingest.ReasonWrongKey,
	} {
		_, err := keys.Authorize(context.Background(), ingest.Request{Stream: "live", Key: key})
		require.Equal(t, want, ingest.ReasonOf(err), key)
	}
}

func TestFreshDirectoryGetsOneStreamThatIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := auth.KeptStreams(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"live"}, first.Names())
	again, err := auth.KeptStreams(dir)
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(filepath.Join(dir, "streams"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestOnlyTheOperatorGetsThrough(t *testing.T) {
	h := auth.Operator("token", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for header, want := range map[string]int{"": 401, "Bearer": 401, "Bearer wrong": 401, "Basic token": 401, "Bearer token": 204} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, header)
	}
}

// A stream's second encoder has a key of its own, which is not what the first is told to use.
func TestKeyOfTheBackup(t *testing.T) {
	streams, err := auth.ParseStreams("live=first-key,live/backup=second-key,two=efgh")
	require.NoError(t, err)
	require.Equal(t, []string{"live", "two"}, streams.Names())
	require.Equal(t, "first-key", streams.Key("live"))
	require.Equal(t, "second-key", streams.Backup("live"))
	require.Empty(t, streams.Backup("two"))
	keys := auth.NewKeys(streams)
	for key, want := range map[string]string{"first-key": "live", "second-key": "live" + ingest.BackupSuffix} {
		for _, stream := range []string{"", "live"} {
			got, err := keys.Authorize(context.Background(), ingest.Request{Stream: stream, Key: key})
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	got, err := keys.Authorize(context.Background(), ingest.Request{Stream: "live", Proves: func(key string) bool { return key == "second-key" }})
	require.NoError(t, err)
	require.Equal(t, "live"+ingest.BackupSuffix, got)
	for _, bad := range []string{"live/backup=second-key", "live=first-key,live/other=second-key", "live=first-key,live/backup=first-key"} {
		_, err := auth.ParseStreams(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "first-key")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "streams"), []byte("live/backup=second-key\nlive=first-key\n"), 0o600))
	kept, err := auth.KeptStreams(dir)
	require.NoError(t, err)
	require.Equal(t, "second-key", kept.Backup("live"))
}

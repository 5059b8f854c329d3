// Package storetest is what every store.Store must do, and a store that fails as disks do.
package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/origin/store"
)

// Run checks the contract on the stores that open makes, one for each part.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"grows part by part": grows, "starts over": startsOver, "names": names, "not there": notThere, "removal": removal,
		"list": list, "ranges": ranges, "many at once": manyAtOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var key = store.Key{Stream: "live", Rendition: "720p", Name: "883-abc.mp4"}

// Read is a range of an object.
func Read(s store.Store, k store.Key, offset, length int64) ([]byte, error) {
	r, err := s.Open(k, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func want(t *testing.T, s store.Store, k store.Key, offset int64, text string) {
	t.Helper()
	got, err := Read(s, k, offset, int64(len(text)))
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func grows(t *testing.T, s store.Store) {
	require.NoError(t, s.Append(key, 0, []byte("one "), []byte("two ")))
	want(t, s, key, 0, "one two ")
	require.NoError(t, s.Append(key, 8, []byte("three")))
	require.NoError(t, s.Sync(context.Background()))
	want(t, s, key, 0, "one two three")
	want(t, s, key, 6, "o thr")
	require.ErrorIs(t, s.Append(key, 14, []byte("x")), store.ErrHole)
	_, err := s.Open(key, 0, 14)
	require.ErrorIs(t, err, store.ErrNotFound, "more than there is")
}

func startsOver(t *testing.T, s store.Store) {
	require.ErrorIs(t, s.Append(key, 4, []byte("x")), store.ErrHole, "an object begins at its beginning")
	require.NoError(t, s.Append(key, 0, []byte("first")))
	require.NoError(t, s.Remove(key))
	require.NoError(t, s.Append(key, 0, []byte("2nd")))
	require.NoError(t, s.Sync(context.Background()))
	want(t, s, key, 0, "2nd")
	_, err := s.Open(key, 0, 5)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func names(t *testing.T, s store.Store) {
	for _, k := range []store.Key{
		{}, {Stream: "live"}, {Name: "a"}, {Stream: "..", Name: "a"}, {Stream: "live", Name: ".lock"}, {Stream: "live", Name: "../../a"},
		{Stream: "live", Rendition: "a/b", Name: "a"}, {Stream: "live", Rendition: "..", Name: "a"}, {Stream: `a\b`, Name: "a"},
		{Stream: "a\x00", Name: "a"}, {Stream: "live", Name: strings.Repeat("a", 201)},
	} {
		require.ErrorIs(t, s.Append(k, 0, []byte("x")), store.ErrName, "%q", k)
		require.ErrorIs(t, s.Remove(k), store.ErrName, "%q", k)
		_, err := s.Open(k, 0, 0)
		require.Error(t, err, "%q", k)
	}
	wide := store.Key{Stream: "live", Name: strings.Repeat("a", 200)}
	require.NoError(t, s.Append(wide, 0, []byte("x")))
	want(t, s, wide, 0, "x")
}

func notThere(t *testing.T, s store.Store) {
	_, err := s.Open(key, 0, 0)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, s.Remove(key))
	require.NoError(t, s.Sync(context.Background()))
}

func removal(t *testing.T, s store.Store) {
	require.NoError(t, s.Append(key, 0, []byte("still read")))
	require.NoError(t, s.Sync(context.Background()))
	r, err := s.Open(key, 0, 10)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, s.Remove(key))
	_, err = s.Open(key, 0, 10)
	require.ErrorIs(t, err, store.ErrNotFound)
	got, err := io.ReadAll(r)
	require.NoError(t, err, "who reads it goes on")
	require.Equal(t, "still read", string(got))
}

func list(t *testing.T, s store.Store) {
	all := map[store.Key]int64{}
	for i, k := range []store.Key{key, {Stream: "live", Name: "journal"}, {Stream: "other", Rendition: "720p", Name: key.Name}} {
		require.NoError(t, s.Append(k, 0, bytes.Repeat([]byte("x"), i+1)))
		all[k] = int64(i + 1)
	}
	gone := store.Key{Stream: "live", Rendition: "audio", Name: "1.m4a"}
	require.NoError(t, s.Append(gone, 0, []byte("x")))
	require.NoError(t, s.Remove(gone))
	require.NoError(t, s.Sync(context.Background()))
	infos, err := s.List()
	require.NoError(t, err)
	got := map[store.Key]int64{}
	for _, i := range infos {
		got[i.Key] = i.Size
	}
	require.Equal(t, all, got)
}

func ranges(t *testing.T, s store.Store) {
	require.NoError(t, s.Append(key, 0, []byte("0123"), []byte("4567"), []byte("89")))
	require.NoError(t, s.Sync(context.Background()))
	r, err := s.Open(key, 1, 8)
	require.NoError(t, err)
	defer r.Close()
	end, err := r.Seek(0, io.SeekEnd)
	require.NoError(t, err)
	require.Equal(t, int64(8), end)
	_, err = r.Seek(2, io.SeekStart)
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := r.CopyTo(&out, 3)
	require.NoError(t, err)
	require.Equal(t, int64(3), n)
	require.Equal(t, "345", out.String())
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "678", string(rest))
	_, err = r.Seek(-1, io.SeekStart)
	require.Error(t, err)
	n, err = r.CopyTo(&out, 3)
	require.NoError(t, err)
	require.Zero(t, n, "at the end")
}

func manyAtOnce(t *testing.T, s store.Store) {
	const writers, parts = 8, 20
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			k := store.Key{Stream: "live", Rendition: fmt.Sprint(w), Name: "1"}
			for i := range int64(parts) {
				if err := s.Append(k, 3*i, fmt.Appendf(nil, "%03d", i)); err != nil {
					t.Errorf("%s: %v", k, err)
				}
				if got, err := Read(s, k, 3*i, 3); err != nil || string(got) != fmt.Sprintf("%03d", i) {
					t.Errorf("%s: %q, %v", k, got, err)
				}
			}
			if err := s.Sync(context.Background()); err != nil {
				t.Errorf("sync: %v", err)
			}
		})
	}
	all.Wait()
	infos, err := s.List()
	require.NoError(t, err)
	require.Len(t, infos, writers)
}

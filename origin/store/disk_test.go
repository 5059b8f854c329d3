package store_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/origin/store/storetest"
)

var segment = store.Key{Stream: "live", Rendition: "720p", Name: "883-abc.mp4"}

func TestDiskKnowsWhatIsThereWhenItIsOpened(t *testing.T) {
	dir := t.TempDir()
	journal := store.Key{Stream: "live", Name: "journal.1"}
	d := openDisk(t, store.DiskConfig{Directory: dir})
	require.NoError(t, d.Append(segment, 0, []byte("media")))
	require.NoError(t, d.Append(journal, 0, []byte("record")))
	_, err := store.OpenDisk(store.DiskConfig{Directory: dir})
	require.ErrorContains(t, err, "another server", "one process at a time")
	d.Close()

	d = openDisk(t, store.DiskConfig{Directory: dir})
	infos, err := d.List()
	require.NoError(t, err)
	require.ElementsMatch(t, []store.Info{{Key: segment, Size: 5}, {Key: journal, Size: 6}}, infos)
	require.Equal(t, int64(11), d.Used())
	got, err := storetest.Read(d, segment, 0, 5)
	require.NoError(t, err)
	require.Equal(t, "media", string(got))
	require.NoError(t, d.Append(segment, 5, []byte(" goes on")))
}

// A write that was cut short leaves bytes that the next one replaces.
func TestDiskCutsATornTail(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, store.DiskConfig{Directory: dir})
	require.NoError(t, d.Append(segment, 0, []byte("whole and torn")))
	require.NoError(t, d.Append(segment, 6, []byte("well")))
	got, err := os.ReadFile(filepath.Join(dir, "live", "720p", "883-abc.mp4"))
	require.NoError(t, err)
	require.Equal(t, "whole well", string(got))
	require.Equal(t, int64(10), d.Used())
}

func TestDiskKeepsItsCap(t *testing.T) {
	d := openDisk(t, store.DiskConfig{Cap: 10})
	require.NoError(t, d.Append(segment, 0, []byte("12345678")))
	other := store.Key{Stream: "live", Rendition: "720p", Name: "884-abc.mp4"}
	require.ErrorIs(t, d.Append(other, 0, []byte("123")), store.ErrFull)
	require.ErrorIs(t, d.Append(segment, 8, []byte("123")), store.ErrFull)
	require.NoError(t, d.Append(other, 0, []byte("12")))
	require.NoError(t, d.Remove(segment))
	require.Equal(t, int64(2), d.Used())
	require.NoError(t, d.Append(other, 2, []byte("12345678")))
}

// A link that somebody has put there leads nowhere.
func TestDiskStaysInItsDirectory(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	d := openDisk(t, store.DiskConfig{Directory: dir})
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "live")))
	require.Error(t, d.Append(segment, 0, []byte("x")))
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// source is a connection that notes what it is given to copy from.
type source struct {
	bytes.Buffer
	from io.Reader
}

func (s *source) ReadFrom(r io.Reader) (int64, error) {
	s.from = r
	return s.Buffer.ReadFrom(r)
}

// The kernel copies from the file to the connection only where it is told of the file itself.
func TestDiskHandsTheFileToTheConnection(t *testing.T) {
	d := openDisk(t, store.DiskConfig{})
	require.NoError(t, d.Append(segment, 0, []byte("0123456789")))
	r, err := d.Open(segment, 2, 6)
	require.NoError(t, err)
	defer r.Close()
	var to source
	n, err := r.CopyTo(&to, 4)
	require.NoError(t, err)
	require.Equal(t, int64(4), n)
	require.Equal(t, "2345", to.String())
	limited, ok := to.from.(*io.LimitedReader)
	require.True(t, ok, "%T", to.from)
	require.IsType(t, &os.File{}, limited.R)
	_, ok = any(&net.TCPConn{}).(io.ReaderFrom)
	require.True(t, ok)
}

// BenchmarkAppend is a part of 3 Mb/s and half a second, with and without Sync.
func BenchmarkAppend(b *testing.B) {
	part := make([]byte, 3_000_000/8/2)
	for name, sync := range map[string]bool{"kept by the kernel": false, "synced": true} {
		b.Run(name, func(b *testing.B) {
			d := openDisk(b, store.DiskConfig{Sync: sync})
			b.SetBytes(int64(len(part)))
			for i := 0; b.Loop(); i++ {
				if i%4 == 0 {
					require.NoError(b, d.Remove(segment))
				}
				require.NoError(b, d.Append(segment, int64(i%4*len(part)), part))
			}
		})
	}
}

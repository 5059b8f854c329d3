package origin_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/origin/store/storetest"
	"github.com/stagecast/stagecast/packager"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// house is an Origin on a disk, fed by hand, that can lose its power.
type house struct {
	t         testing.TB
	directory string
	window    time.Duration
	size      int64
	disk      *store.Disk
	faulty    *storetest.Faulty
	tiers     *store.Tiered
	o         *origin.Origin
	logs      bytes.Buffer
	stop      func()

	segments []*hls.Segment
	parts    []hls.Part
	chunks   [][]byte
	next     int64
	disc     int64
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, directory: t.TempDir(), window: time.Minute, next: 100, disc: 7}
	h.build()
	h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Header: &packager.Object{Name: "init-h.mp4", Chunks: [][]byte{[]byte("header")}}})
	return h
}

// build is what a server does when it starts.
func (h *house) build() {
	var err error
	h.disk, err = store.OpenDisk(store.DiskConfig{Directory: h.directory, Cap: h.size})
	require.NoError(h.t, err)
	h.faulty = &storetest.Faulty{Store: h.disk}
	h.tiers, err = store.NewTiered(store.TieredConfig{}, h.faulty, quiet)
	require.NoError(h.t, err)
	h.o = origin.New(origin.Config{Window: h.window, Tiers: h.tiers, Disk: h.size}, slog.New(slog.NewTextHandler(&h.logs, nil)))
	require.NoError(h.t, h.o.Restore())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.tiers.Run(ctx) }()
	h.stop = func() {
		cancel()
		require.NoError(h.t, <-done)
		h.disk.Close()
	}
}

// crash ends the server as kill -9 does: nothing reaches the disk any more. It returns what the next one finds.
func (h *house) crash() *packager.Past {
	h.die()
	h.build()
	return h.o.Past("live")
}

func (h *house) die() {
	h.faulty.Fail(syscall.EIO, nil)
	h.stop()
}

func (h *house) presentation(s packager.State) packager.Presentation {
	return packager.Presentation{
		Stream: "live", State: s, Token: "t", Generation: 5, PartTarget: 500 * time.Millisecond, Target: 2 * time.Second, Profile: packager.Low,
		Multivariant: &hls.MultivariantPlaylist{Variants: []hls.Variant{{URI: "720p/index.m3u8", Bandwidth: 1, Codecs: []string{"avc1.64001f"}}}},
		Renditions:   []packager.Rendition{{Track: media.Track{ID: 1, Rendition: "720p", Codec: media.H264, Config: []byte{1}}, Codec: "avc1.64001f", Peak: 12}},
	}
}

func (h *house) playlist() *hls.MediaPlaylist {
	if len(h.segments) == 0 {
		return nil
	}
	p := &hls.MediaPlaylist{
		TargetDuration: 2, PartTarget: 500 * time.Millisecond, PartHoldBack: 1500 * time.Millisecond, HoldBack: 6 * time.Second, CanSkipUntil: 12 * time.Second,
		MediaSequence: h.next - int64(len(h.segments)), DiscontinuitySequence: h.disc, Segments: h.segments[:len(h.segments):len(h.segments)],
		PreloadHint: fmt.Sprintf("%d.%d-t.mp4", h.next, len(h.parts)),
	}
	if len(h.parts) > 0 {
		p.Open, p.OpenHead = h.parts[:len(h.parts):len(h.parts)], h.head()
	}
	return p
}

// epoch is when a bubble begins, and not on a millisecond.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 123456789, time.UTC)

func (h *house) head() *hls.Segment {
	return &hls.Segment{URI: fmt.Sprintf("%d-t.mp4", h.next), Map: "init-h.mp4", ProgramDateTime: epoch.Add(time.Duration(h.next-100) * 2 * time.Second), Discontinuity: h.next%10 == 0}
}

// part puts the next part of the open segment.
func (h *house) part() {
	name := fmt.Sprintf("%d.%d-t.mp4", h.next, len(h.parts))
	h.parts = append(h.parts, hls.Part{URI: name, Duration: 500 * time.Millisecond, Independent: len(h.parts) == 0})
	h.chunks = append(h.chunks, []byte("bytes of "+name+";"))
	h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Lag: 33 * time.Millisecond, Playlist: h.playlist(),
		Part: &packager.Object{Name: name, Parent: h.head().URI, Chunks: h.chunks[len(h.chunks)-1:]}})
}

// segment puts what is left of the open segment and closes it.
func (h *house) segment() {
	for len(h.parts) < 4 {
		h.part()
	}
	s := h.head()
	s.Duration, s.Parts = 2*time.Second, h.parts
	h.segments = append(h.segments, s)
	object := &packager.Object{Name: s.URI, Chunks: h.chunks}
	h.next, h.parts, h.chunks = h.next+1, nil, nil
	if len(h.segments) > int(h.window/(2*time.Second)) {
		if h.segments[0].Discontinuity {
			h.disc++
		}
		h.segments = h.segments[1:]
	}
	h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Lag: 33 * time.Millisecond, Segment: object, Playlist: h.playlist()})
	if len(h.segments) == 1 {
		h.o.Present(h.presentation(packager.Live))
	}
}

// resume closes the open segment with what it has, as a packager does.
func (h *house) resume() {
	if len(h.parts) > 0 {
		s := h.head()
		s.Duration, s.Parts = time.Duration(len(h.parts))*500*time.Millisecond, h.parts
		h.segments = append(h.segments, s)
		h.next, h.parts, h.chunks = h.next+1, nil, nil
	}
	h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: h.playlist()})
}

// play is n segments in real time.
func (h *house) play(n int) {
	for range n {
		h.segment()
		time.Sleep(2 * time.Second)
	}
}

func (h *house) get(path string) (int, string) {
	w := httptest.NewRecorder()
	h.o.ServeHTTP(w, httptest.NewRequestWithContext(h.t.Context(), "GET", path, nil))
	return w.Code, w.Body.String()
}

// served checks that all that a playlist lists can be fetched, and is what it was.
func (h *house) served(p *hls.MediaPlaylist, parts int) {
	h.t.Helper()
	all := p.Segments
	if p.OpenHead != nil {
		open := *p.OpenHead
		open.Parts = p.Open
		all = append(all[:len(all):len(all)], &open)
	}
	for i, s := range all {
		var whole strings.Builder
		for _, q := range s.Parts {
			whole.WriteString("bytes of " + q.URI + ";")
			if i < len(all)-parts {
				continue // nothing lists the parts of segments as old as this
			}
			code, body := h.get("/live/720p/" + q.URI)
			require.Equal(h.t, 200, code, q.URI)
			require.Equal(h.t, "bytes of "+q.URI+";", body)
		}
		code, body := h.get("/live/720p/" + s.URI)
		require.Equal(h.t, 200, code, s.URI)
		if len(s.Parts) > 0 {
			require.Equal(h.t, whole.String(), body)
		}
		require.NotEmpty(h.t, body)
	}
	code, body := h.get("/live/720p/init-h.mp4")
	require.Equal(h.t, 200, code)
	require.Equal(h.t, "header", body)
}

func TestWhatWasListedIsThereAfterACrash(t *testing.T) {
	for _, parts := range []int{0, 1, 3} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			h.play(95) // the window has gone round, and more than once
			for range parts {
				h.part()
			}
			before := h.playlist()
			past := h.crash()
			defer h.stop()
			require.NotNil(t, past)
			want := h.presentation(packager.Live)
			want.Multivariant = nil
			require.Equal(t, want, past.Presentation)
			got := past.Renditions["720p"]
			require.Equal(t, 33*time.Millisecond, got.Lag)
			require.Equal(t, int64(len(bytes.Join(h.chunks, nil))), got.Open)
			h.served(got.Playlist, 4)
			before.PreloadHint = "" // the packager says
			for _, p := range []*hls.MediaPlaylist{before, got.Playlist} {
				for i, s := range p.Segments {
					if i < len(p.Segments)-3 { // nobody lists their parts
						c := *s
						c.Parts = nil
						p.Segments[i] = &c
					}
				}
			}
			require.Equal(t, string(before.AppendTo(nil)), string(got.Playlist.AppendTo(nil)))
			require.Len(t, got.Sizes, len(before.Segments))
			code, _ := h.get(fmt.Sprintf("/live/720p/%d-t.mp4", before.MediaSequence-5))
			require.Equal(t, 200, code, "what has been removed is still there")
		})
	}
}

// Everything is written down again and again: what a crash finds does not depend on when the journal was begun.
func TestCrashAfterCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for round := range 30 {
			h.play(3 + round%4)
			for range round % 4 {
				h.part()
			}
			past := h.crash()
			require.NotNil(t, past, "round %d", round)
			got := past.Renditions["720p"].Playlist
			require.Equal(t, h.next, got.MediaSequence+int64(len(got.Segments)), "round %d", round)
			require.Len(t, got.Open, len(h.parts))
			h.served(got, 4)
			h.resume()
		}
		h.stop()
	})
}

func TestNothingIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(1500)
		files := func() (n int) {
			_ = filepath.WalkDir(h.directory, func(_ string, e fs.DirEntry, _ error) error {
				if e != nil && !e.IsDir() {
					n++
				}
				return nil
			})
			return n
		}
		held := files()
		h.play(1500)
		require.InDelta(t, held, files(), 1)
		journals, err := filepath.Glob(filepath.Join(h.directory, "live", "journal.*"))
		require.NoError(t, err)
		require.Len(t, journals, 1)
		require.NotEqual(t, "journal.1", filepath.Base(journals[0]), "it does not grow without end")
		h.die()
		h.build()
		h.o.Abandon() // nobody goes on with it
		code, body := h.get("/live/720p/index.m3u8")
		require.Equal(t, 200, code)
		require.Contains(t, body, "#EXT-X-ENDLIST")
		time.Sleep(3 * time.Minute)
		h.stop()
		require.LessOrEqual(t, files(), 2, "the lock and a journal")
		h.build()
		require.NotNil(t, h.o.Past("live"), "its numbers are never used again")
		require.NotContains(t, h.logs.String(), "lost", "it was let go")
		h.stop()
	})
}

// damage changes a file of the newest segments as a loss of power may leave it.
func (h *house) damage(name string, how func([]byte) []byte) {
	path := filepath.Join(h.directory, "live", "720p", name)
	b, err := os.ReadFile(path)
	require.NoError(h.t, err)
	require.NoError(h.t, os.WriteFile(path, how(b), 0o644))
}

func TestTornMediaAreFoundAndAreGaps(t *testing.T) {
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	zero := func(b []byte) []byte { return append(make([]byte, len(b)/2), b[len(b)/2:]...) }
	for name, how := range map[string]func([]byte) []byte{"cut": cut, "zeros": zero} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				h.play(20)
				h.part()
				h.part()
				h.faulty.Fail(syscall.EIO, nil)
				h.stop()
				h.damage(fmt.Sprintf("%d-t.mp4", h.next-2), how)
				h.damage(fmt.Sprintf("%d-t.mp4", h.next), how)
				h.build()
				defer h.stop()
				got := h.o.Past("live").Renditions["720p"].Playlist
				for i, s := range got.Segments {
					require.Equal(t, i == len(got.Segments)-2, s.Gap, s.URI)
				}
				code, _ := h.get(fmt.Sprintf("/live/720p/%d-t.mp4", h.next-2))
				require.Equal(t, 404, code)
				require.Contains(t, h.logs.String(), "lost")
				require.Len(t, got.Open, map[string]int{"cut": 1, "zeros": 0}[name], "the parts before the torn one")
			})
		})
	}
}

func TestTornJournalIsReadAsFarAsItIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(5)
		h.faulty.Fail(syscall.EIO, nil)
		h.stop()
		path := filepath.Join(h.directory, "live", "journal.1")
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		for cut := len(whole); cut > 0; cut -= 97 {
			require.NoError(t, os.WriteFile(path, whole[:cut], 0o644))
			d, err := store.OpenDisk(store.DiskConfig{Directory: h.directory})
			require.NoError(t, err)
			keeps := &kept{Disk: d}
			tiers, err := store.NewTiered(store.TieredConfig{}, keeps, quiet)
			require.NoError(t, err)
			o := origin.New(origin.Config{Tiers: tiers}, quiet)
			require.NoError(t, o.Restore())
			if past := o.Past("live"); past != nil {
				for _, s := range past.Renditions["720p"].Playlist.Segments {
					require.False(t, s.Gap, "what the journal tells of is there")
				}
			}
			d.Close()
		}
		require.NoError(t, os.WriteFile(path, whole, 0o644))
		h.build()
		h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: h.playlist()})
		h.play(2)
		require.Len(t, h.crash().Renditions["720p"].Playlist.Segments, 7, "it goes on behind what was good")
		h.stop()
	})
}

// A crash while a journal is begun leaves the one before it.
func TestJournalThatHadOnlyBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(10)
		h.die()
		path := filepath.Join(h.directory, "live", "journal.")
		whole, err := os.ReadFile(path + "1")
		require.NoError(t, err)
		begun := bytes.Replace(whole[:bytes.IndexByte(whole, '\n')], []byte(`"`), []byte(`"state":7,"`), 1)
		require.NoError(t, os.WriteFile(path+"9", begun, 0o644))
		h.build()
		require.NotNil(t, h.o.Past("live"))
		h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: h.playlist()})
		h.play(2)
		got := h.crash().Renditions["720p"].Playlist
		require.Equal(t, h.next, got.MediaSequence+int64(len(got.Segments)))
		h.served(got, 1)
		journals, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		require.Equal(t, []string{path + "10"}, journals)
		h.stop()
	})
}

// wire is a ResponseWriter that notes what it is given to copy from, as a connection is.
type wire struct {
	*httptest.ResponseRecorder
	from any
}

func (w *wire) ReadFrom(r io.Reader) (int64, error) {
	w.from = r.(*io.LimitedReader).R
	return io.Copy(w.ResponseRecorder.Body, r)
}

// The kernel copies from file to connection, whole or in part.
func TestWhatIsOnDiskGoesToTheConnectionWithoutACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(20)
		h.part()
		h.crash()
		defer h.stop()
		for _, name := range []string{"105-t.mp4", "119.2-t.mp4", "120.0-t.mp4"} {
			for _, ranged := range []bool{false, true} {
				req := httptest.NewRequestWithContext(t.Context(), "GET", "/live/720p/"+name, nil)
				want := "bytes of " + name + ";"
				if name == "105-t.mp4" {
					want = "bytes of 105.0-t.mp4;bytes of 105.1-t.mp4;bytes of 105.2-t.mp4;bytes of 105.3-t.mp4;"
				}
				if ranged {
					req.Header.Set("Range", "bytes=3-11")
					want = want[3:12]
				}
				w := &wire{ResponseRecorder: httptest.NewRecorder()}
				h.o.ServeHTTP(w, req)
				require.Equal(t, want, w.Body.String())
				require.IsType(t, &os.File{}, w.from, "%s, in part: %v", name, ranged)
			}
		}
	})
}

// Whoever asks for the next part while the server starts gets it when it is there, and not what was listed before it.
func TestReloadWhileTheServerStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(10)
		h.part()
		h.crash()
		defer h.stop()
		h.o.Present(h.presentation(packager.Reconnecting))
		got := make(chan string, 1)
		go func() {
			_, body := h.get(fmt.Sprintf("/live/720p/index.m3u8?_HLS_msn=%d&_HLS_part=1", h.next))
			got <- body
		}()
		synctest.Wait()
		h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Playlist: h.playlist()})
		synctest.Wait()
		require.Empty(t, got)
		h.resume()
		h.part() // a part beyond the last is the first of the next segment
		require.Contains(t, <-got, fmt.Sprintf("\n%d-t.mp4", h.next-1))
	})
}

// kept removes nothing.
type kept struct{ *store.Disk }

func (kept) Remove(store.Key) error { return nil }

func TestDiskThatHangsDelaysTheLiveEdgeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(10)
		release := h.faulty.Hang()
		began := time.Now()
		h.part()
		require.Equal(t, 250*time.Millisecond, time.Since(began))
		for range 30 {
			began = time.Now()
			h.segment()
			require.Zero(t, time.Since(began))
			h.served(h.playlist(), 1)
			time.Sleep(2 * time.Second)
		}
		require.NotEmpty(t, h.o.Disk().Problem)
		require.Positive(t, h.o.Disk().Waiting)
		release()
		time.Sleep(15 * time.Second)
		require.Empty(t, h.o.Disk().Problem)
		require.Zero(t, h.o.Disk().Waiting)
		got := h.crash().Renditions["720p"].Playlist
		require.Equal(t, h.next, got.MediaSequence+int64(len(got.Segments)), "all of it has reached the disk in the end")
		h.served(got, 1)
		h.stop()
	})
}

func TestFullDiskIsSurvivedAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(10)
		h.faulty.Fail(syscall.ENOSPC, nil)
		h.play(40)
		h.served(h.playlist(), 1)
		require.Contains(t, h.o.Disk().Problem, "no space left")
		h.faulty.Fail(nil, nil)
		time.Sleep(15 * time.Second)
		require.Empty(t, h.o.Disk().Problem)
		got := h.crash().Renditions["720p"].Playlist
		require.Equal(t, h.next, got.MediaSequence+int64(len(got.Segments)))
		h.served(got, 1)
		h.stop()
	})
}

// A journal that the disk fails is begun anew.
func TestJournalThatIsLostIsBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.play(10)
		h.faulty.Fail(syscall.EIO, func(k store.Key) bool { return k.Name == "journal.1" })
		h.play(10)
		got := h.crash().Renditions["720p"].Playlist
		require.Equal(t, h.next, got.MediaSequence+int64(len(got.Segments)))
		h.served(got, 1)
		h.stop()
	})
}

func TestDiskCapIsKeptAndWhatIsListedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, directory: t.TempDir(), window: 20 * time.Second, next: 100, size: 8 << 10}
		h.build()
		h.o.Put(packager.Update{Stream: "live", Rendition: "720p", Kind: media.Video, Header: &packager.Object{Name: "init-h.mp4", Chunks: [][]byte{[]byte("header")}}})
		for range 100 {
			h.segment()
			require.LessOrEqual(t, h.disk.Used(), h.size)
			if len(h.segments) > 5 {
				h.served(h.playlist(), 1)
			}
			time.Sleep(2 * time.Second)
		}
		h.stop()
	})
}

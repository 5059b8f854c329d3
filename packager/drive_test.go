package packager_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// stage is a Packager with its publications and its sink, on a fake clock.
type stage struct {
	t       *testing.T
	hub     *hub.Hub
	sink    *sink
	stop    context.CancelFunc
	done    chan error
	aligned bool
	rate    media.Rational
	gop     int64 // pictures between key frames of a source that is passed on

	pub     *hub.Publication
	k       int64 // the next picture's lattice point
	samples int64 // the next sound's first sample
}

// sink keeps all that it is given, and checks every playlist against the rules as a client that sees each would.
type sink struct {
	t       *testing.T
	mu      sync.Mutex // guards what follows
	report  *check.Report
	checker *check.Checker
	objects map[string][]byte
	updates map[string][]packager.Update
	states  []packager.State
	last    packager.Presentation
	names   []string // of renditions, as they were declared
	life    int      // how many updates are taken, and no more; 0: all
}

// declare tells of a rendition that the stream has from now on.
func (s *sink) declare(rendition string, video bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.names, rendition) {
		s.names = append(s.names, rendition)
		s.checker.Declare("http://host/live/"+rendition+"/index.m3u8", video)
	}
}

func (s *sink) Put(u packager.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead(1) {
		return
	}
	for _, o := range []*packager.Object{u.Header, u.Part, u.Segment} {
		if o == nil {
			continue
		}
		var all []byte
		for _, c := range o.Chunks {
			all = append(all, c...)
		}
		if was, again := s.objects[u.Rendition+"/"+o.Name]; again && !bytes.Equal(was, all) {
			s.t.Errorf("the name %s is used twice", o.Name) // no FailNow: this goroutine holds the Packager's lock
		}
		s.objects[u.Rendition+"/"+o.Name] = all
	}
	s.updates[u.Rendition] = append(s.updates[u.Rendition], u)
	if u.Playlist == nil {
		return
	}
	now := time.Now()
	text := u.Playlist.AppendTo(nil)
	parsed, err := hls.ParseMedia(text)
	if err != nil {
		s.t.Error(err)
		return
	}
	// A client that waits for each part is told of it when it is there: what comes late is seen.
	wait := check.Directives{Blocking: true, At: parsed.Last()}
	s.checker.Add(check.Snapshot{
		Playlist: "http://host/live/" + u.Rendition + "/index.m3u8", Query: wait.Query(), Sent: now, Arrived: now, Status: 200, Body: text,
	})
}

// dead reports that a server which had a number of updates to live is no more.
func (s *sink) dead(updates int) bool {
	if s.life > 1 {
		s.life -= updates
		return false
	}
	return s.life == 1
}

func (s *sink) Present(p packager.Presentation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead(0) {
		return
	}
	s.last = p
	if n := len(s.states); n == 0 || s.states[n-1] != p.State {
		s.states = append(s.states, p.State)
	}
}

// state, of and object read what the packager's goroutines write.
func (s *sink) state() packager.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.State
}

func (s *sink) of(rendition string) []packager.Update {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]packager.Update(nil), s.updates[rendition]...)
}

func (s *sink) object(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[name]
}

// presented is how the stream was presented last.
func (s *sink) presented() packager.Presentation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// all are the objects by rendition and name.
func (s *sink) all() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.objects)
}

// start runs f with a Packager on a fake clock.
func start(t *testing.T, c packager.Config, aligned bool, rate media.Rational, f func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, hub: hub.New(), aligned: aligned, rate: rate, gop: 2 * rate.Num / rate.Den, done: make(chan error, 1)}
		s.sink = &sink{t: t, report: &check.Report{}, objects: map[string][]byte{}, updates: map[string][]packager.Update{}}
		s.sink.checker = check.NewChecker(s.sink.report)
		if !aligned {
			c.Stage = hub.Source
		}
		ctx, cancel := context.WithCancel(context.Background())
		s.stop = cancel
		p := packager.New(c, "live", s.hub, s.sink, slog.New(slog.NewTextHandler(io.Discard, nil)))
		go func() { s.done <- p.Run(ctx) }()
		defer func() { // also when f fails, which ends this goroutine
			s.stop()
			if err := <-s.done; err != nil {
				t.Error(err)
			}
		}()
		f(s)
	})
}

// second runs one more Packager on the same publications, which puts into o, until the returned function is called.
func (s *stage) second(o *sink) (stop func()) {
	o.checker = check.NewChecker(&check.Report{})
	c := packager.Config{Stage: hub.Ladder}
	if !s.aligned {
		c.Stage = hub.Source
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := packager.New(c, "live", s.hub, o, slog.New(slog.NewTextHandler(io.Discard, nil)))
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		synctest.Wait()
		cancel()
		require.NoError(s.t, <-done)
	}
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// publish begins a publication whose media starts now.
func (s *stage) publish() {
	video := media.Track{ID: 1, Rendition: "720p", Codec: media.H264, FrameRate: s.rate, Aligned: s.aligned, Bitrate: 1e6,
		Config: unhex(s.t, "0164000dffe100186764000dacd941419f9f011000003e90000ea608f142996001000668ebe3cb22c0fdf8f800")}
	audio := media.Track{ID: 2, Rendition: "audio", Codec: media.AAC, Aligned: s.aligned, Bitrate: 128e3, Config: unhex(s.t, "119056e500")}
	s.sink.declare("720p", true)
	s.sink.declare("audio", false)
	require.NoError(s.t, cmaf.Complete(&video))
	require.NoError(s.t, cmaf.Complete(&audio))
	video.FrameRate = s.rate
	stageOf := hub.Ladder
	if !s.aligned {
		stageOf = hub.Source
	}
	now := media.Ticks(time.Now(), media.VideoClockRate)
	s.k = media.Lattice{Rate: s.rate}.Index(now)
	s.samples = media.Rescale(now, media.VideoClockRate, 48000) / 1024 * 1024
	var err error
	s.pub, err = s.hub.Publish(hub.Key{Stream: "live", Stage: stageOf}, time.Now().UnixMilli(), []media.Track{video, audio})
	require.NoError(s.t, err)
	synctest.Wait()
}

// play sends media in real time for d.
func (s *stage) play(d time.Duration) {
	l := media.Lattice{Rate: s.rate}
	first := s.k
	for end := time.Now().Add(d); time.Now().Before(end); s.k++ {
		at := l.Ticks(s.k)
		time.Sleep(time.Until(media.Time(at, media.VideoClockRate)))
		random := s.k == first || media.Slot(at, 180000) > media.Slot(l.Ticks(s.k-1), 180000)
		if !s.aligned {
			random = (s.k-first)%s.gop == 0
		}
		nal := byte(0x41)
		if random {
			nal = 0x65
		}
		s.pub.Write(media.AccessUnit{Track: 1, DTS: at, PTS: at, Duration: l.Ticks(s.k+1) - at, RandomAccess: random,
			Payload: []byte{0, 0, 0, 4, nal, byte(s.k), byte(s.k >> 8), 1}})
		for ; s.samples*90000/48000 < at; s.samples += 1024 {
			s.pub.Write(media.AccessUnit{Track: 2, DTS: s.samples, PTS: s.samples, Duration: 1024, RandomAccess: true, Payload: []byte{1, 2, 3}})
		}
		synctest.Wait()
	}
}

// broken are the rules that were found broken, but for those that a test expects.
func (s *stage) broken(except ...string) (out []string) {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.checker.Finish()
	skip := map[string]bool{}
	for _, e := range except {
		skip[e] = true
	}
	for _, f := range s.sink.report.Findings() {
		if !skip[f.Rule] {
			out = append(out, f.Rule+" "+f.Where+": "+f.Detail)
		}
	}
	return out
}

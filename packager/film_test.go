package packager_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// Decoder configurations as ffmpeg's encoders make them: two of H.264 that differ in a parameter set, and one of AAC.
const (
	avcC      = "0164000dffe100186764000dacd941419f9f011000003e90000ea608f142996001000668ebe3cb22c0fdf8f800"
	otherAvcC = "0164000dffe100186764000dacd941419f9f011000003e90000ea608f142996001000668ebe3cb22c1fdf8f800"
	asc       = "119056e500"
)

// film is what an encoder sends: it is told by the index of each picture since the publication began.
type film struct {
	videos   []string                       // renditions of the picture; 720p alone when nil
	rate     media.Rational                 // 30 when unknown
	aligned  bool                           // key frames at the multiples of two seconds; else where key says
	key      func(i int64) bool             // every two seconds when nil
	offset   func(i int64) int64            // PTS−DTS in pictures; none when nil
	open     bool                           // units do not say their duration
	late     time.Duration                  // every unit arrives that much after its time
	silent   bool                           // there is no sound
	missing  func(time.Time) bool           // pictures that never come
	quiet    func(time.Time) bool           // sound that never comes
	ahead    time.Duration                  // by how much the sound is sent before its picture
	rung     func(u *media.AccessUnit) bool // changes a unit of a picture that is not the first, and says whether it is sent
	rungs1st bool                           // the first picture comes after the others
	config   string                         // avcC when empty
	language string
}

// every makes a key frame of every nth picture.
func every(n int64) func(int64) bool { return func(i int64) bool { return i%n == 0 } }

// showing is one publication of a film.
type showing struct {
	film
	s       *stage
	pub     *hub.Publication
	lattice media.Lattice
	first   int64 // lattice point of the first picture
	i       int64
	samples int64
}

// show publishes f, whose media starts now.
func (s *stage) show(f film) *showing {
	if f.videos == nil {
		f.videos = []string{"720p"}
	}
	if !f.rate.Known() {
		f.rate = media.Rational{Num: 30, Den: 1}
	}
	if f.key == nil {
		f.key = every((2*f.rate.Num + f.rate.Den/2) / f.rate.Den)
	}
	if f.config == "" {
		f.config = avcC
	}
	var tracks []media.Track
	for i, name := range f.videos {
		t := media.Track{ID: i + 1, Rendition: name, Codec: media.H264, Aligned: f.aligned, Bitrate: 1e6 << i, Config: unhex(s.t, f.config)}
		require.NoError(s.t, cmaf.Complete(&t))
		t.FrameRate = f.rate
		s.sink.declare(name, true)
		tracks = append(tracks, t)
	}
	if !f.silent {
		t := media.Track{ID: 9, Rendition: "audio", Codec: media.AAC, Aligned: f.aligned, Bitrate: 128e3, Language: "und", Config: unhex(s.t, asc)}
		require.NoError(s.t, cmaf.Complete(&t))
		s.sink.declare("audio", false)
		tracks = append(tracks, t)
	}
	key := hub.Key{Stream: "live", Stage: hub.Source}
	if f.aligned {
		key.Stage = hub.Ladder
	}
	now := media.Ticks(time.Now(), media.VideoClockRate)
	w := &showing{film: f, s: s, lattice: media.Lattice{Rate: f.rate}}
	w.first = w.lattice.Index(now) + 1 // media of a stream never go back
	w.samples = max(s.samples, (media.Rescale(w.lattice.Ticks(w.first), media.VideoClockRate, 48000)+1023)/1024*1024)
	var err error
	w.pub, err = s.hub.Publish(key, time.Now().UnixMilli(), tracks)
	require.NoError(s.t, err)
	synctest.Wait()
	return w
}

// play sends the film in real time for d.
func (w *showing) play(d time.Duration) {
	for end := time.Now().Add(d - w.late); ; w.i++ {
		at := w.lattice.Ticks(w.first + w.i)
		if !media.Time(at, media.VideoClockRate).Before(end) {
			return
		}
		time.Sleep(time.Until(media.Time(at, media.VideoClockRate).Add(w.late)))
		w.picture(at)
		for ; !w.silent && w.samples*90000/48000 < at+media.Rescale(int64(w.ahead), 1e9, 90000); w.samples += 1024 {
			w.s.samples = w.samples + 1024
			if w.quiet != nil && w.quiet(media.Time(w.samples, 48000)) {
				continue
			}
			w.write(media.AccessUnit{Track: 9, DTS: w.samples, PTS: w.samples, Duration: 1024, RandomAccess: true, Payload: []byte{1, byte(w.samples >> 10), 3}})
		}
		synctest.Wait()
	}
}

func (w *showing) picture(at int64) {
	if w.missing != nil && w.missing(media.Time(at, media.VideoClockRate)) {
		return
	}
	k := w.first + w.i
	random := w.key(w.i)
	if w.aligned {
		random = w.i == 0 || media.Slot(at, 180000) > media.Slot(w.lattice.Ticks(k-1), 180000)
	}
	nal := byte(0x41)
	if random {
		nal = 0x65
	}
	u := media.AccessUnit{DTS: at, PTS: at, Duration: w.lattice.Ticks(k+1) - at, RandomAccess: random, Payload: []byte{0, 0, 0, 4, nal, byte(k), byte(k >> 8), 1}}
	if w.offset != nil {
		u.PTS = w.lattice.Ticks(k + w.offset(w.i))
	}
	for n := range w.videos {
		u := u
		if u.Track = n + 1; w.rungs1st {
			u.Track = len(w.videos) - n
		}
		if u.Track == 1 || w.rung == nil || w.rung(&u) {
			w.write(u)
		}
	}
}

func (w *showing) write(u media.AccessUnit) {
	if w.open {
		u.Duration = 0
	}
	w.pub.Write(u)
}

// stop ends the publication.
func (w *showing) stop(reason error) {
	w.pub.Close(reason)
	synctest.Wait()
}

// on runs f with a Packager of c for the films' kind.
func on(t *testing.T, c packager.Config, aligned bool, f func(*stage)) {
	t.Helper()
	start(t, c, aligned, media.Rational{Num: 30, Den: 1}, f)
}

// newest is a rendition's newest playlist, as text.
func (s *stage) newest(rendition string) string {
	synctest.Wait()
	updates := s.sink.of(rendition)
	for i := len(updates) - 1; i >= 0; i-- {
		if p := updates[i].Playlist; p != nil {
			return string(p.AppendTo(nil))
		}
	}
	return fmt.Sprintf("no playlist of %s", rendition)
}

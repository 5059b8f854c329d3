package ingest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// pictureWait is how long, in ticks of media.VideoClockRate, sound alone may come in before a described picture is no
// longer waited for.
const pictureWait = 3 * media.VideoClockRate

// maxOffset bounds PTS−DTS, in ticks of media.VideoClockRate: more than any order of pictures needs, and too little for a
// broken encoder to carry a stream off into the future.
const maxOffset = 5 * media.VideoClockRate

// Session is one admitted broadcaster. Its methods are for one goroutine, except Done, Cause, Stream and Link.
type Session struct {
	gate      *Gate
	request   Request // without its key
	stream    string
	role      Role
	programme *programme
	began     time.Time

	kept  kept  // the programme's
	shift int64 // the programme's: by how much what goes out is later, in ticks of media.VideoClockRate

	described []media.Track
	rungs     rungs
	tracks    []media.Track // pictures, best first, and sound; replaced as a whole, never written to
	line      timeline
	cadences  map[int]cadence
	floor     int64        // where the stream's media ended before this session, in ticks of media.VideoClockRate
	needsRAP  map[int]bool // tracks whose pictures are dropped until one can be decoded
	firstWire int64        // wire time of the first sound that came while a picture was waited for
	waited    bool         // firstWire is set

	done  chan struct{}
	mu    sync.Mutex // guards cause and ended
	cause error
	ended bool

	meter meter
}

// Stream is the name of the stream that the session publishes.
func (s *Session) Stream() string { return s.stream }

// Describe says what tracks follow, in any order, with IDs of the caller's choice that are above zero: one picture or the
// same one in several sizes, which become renditions as they come, and sound, of which the first is taken. Only ID, Codec,
// Config, and what the wire itself declares (FrameRate, Bitrate, Language) need be set; the rest is read from Config. It may
// be called again when a decoder configuration changes or a track joins; with nothing changed that is a no-op. The error is
// an *Error with ReasonBadMedia, ReasonUnsupported or ReasonNeedsLadder.
func (s *Session) Describe(tracks []media.Track) error {
	complete := make([]media.Track, len(tracks))
	for i, t := range tracks {
		if t.Kind() == 0 || trackOf(complete[:i], t.ID) != nil {
			return Errorf(ReasonUnsupported, "a second track of one ID, or an unknown codec: %q", t.Codec)
		}
		if s.gate.config.PassedOn && !t.Codec.Playable() {
			return Errorf(ReasonNeedsLadder, "%s sound, and the ladder is off", t.Codec)
		}
		if err := cmaf.Complete(&t); err != nil {
			return &Error{Reason: ReasonBadMedia, Err: err}
		}
		complete[i] = t
	}
	if len(complete) == 0 {
		return Errorf(ReasonBadMedia, "no tracks")
	}
	if sameTracks(s.described, complete) {
		return nil
	}
	s.described = complete
	s.rungs.describe(complete, s.line.anchored)
	if s.line.anchored && sameTracks(mainTracks(s.tracks), mainTracks(s.rungs.tracks())) {
		s.rungs.changed = true // the leader goes on, and the others with its next key frame
		s.meter.note(s.rungs.warnings())
		return nil
	}
	s.putOn(s.rungs.tracks())
	return nil
}

// putOn makes tracks those of the session from the next unit on, which begins a publication of its own.
func (s *Session) putOn(tracks []media.Track) {
	s.schedule(tracks)
	s.tracks = tracks
	s.needsRAP = make(map[int]bool)
	for i := range tracks {
		if tracks[i].Kind() == media.Video {
			s.needsRAP[tracks[i].ID] = true
		}
	}
	s.meter.describe(tracks)
	s.meter.note(s.rungs.warnings())
}

// mainTracks are the best picture and the sound.
func mainTracks(tracks []media.Track) (out []media.Track) {
	for i := range tracks {
		if i == 0 || tracks[i].Kind() == media.Audio {
			out = append(out, tracks[i])
		}
	}
	return out
}

// schedule gives each track a cadence, which begins where its own has ended, or that of a track of its kind. Pictures are all
// on the best one's lattice: a rung of half the frame rate has every second point.
func (s *Session) schedule(tracks []media.Track) {
	ends, kinds := make(map[int]int64), make(map[media.Kind]int64)
	for i := range s.tracks {
		t := &s.tracks[i]
		ends[t.ID] = s.cadences[t.ID].end()
		kinds[t.Kind()] = ends[t.ID]
	}
	s.cadences = make(map[int]cadence)
	for i := range tracks {
		t := tracks[i]
		if t.Kind() == media.Video {
			t.FrameRate = tracks[0].FrameRate
		}
		end, known := ends[t.ID]
		if !known {
			end = kinds[t.Kind()]
		}
		c := newCadence(&t)
		c.start(max(s.floor, end))
		s.cadences[t.ID] = c
	}
}

func sameTracks(a, b []media.Track) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameTrack(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

// Write takes one unit of a described track, and publishes it where the session is on air. Units of other tracks are
// counted and dropped; those of pictures and sounds that are not taken are neither.
// The error is an *Error and ends the session: the caller closes the connection and calls End with it.
func (s *Session) Write(u Unit) error {
	if len(u.Payload) > 0 && s.rungs.see(u) {
		if tracks := s.rungs.tracks(); !sameTracks(s.tracks, tracks) {
			s.putOn(tracks)
		}
	}
	t := trackOf(s.tracks, u.Track)
	if t == nil && trackOf(s.described, u.Track) != nil || !s.rungs.takes(u.Track) {
		return nil
	}
	if t == nil || len(u.Payload) == 0 {
		s.meter.drop(s.gate.now())
		return nil
	}
	video := t.Kind() == media.Video
	if s.skips(t, u) {
		s.meter.drop(s.gate.now())
		return nil
	}
	now := s.gate.now()
	offset := media.Rescale(u.Offset, s.request.Clock.Rate, media.VideoClockRate)
	offset = min(max(offset, -maxOffset), maxOffset)
	if !s.line.anchored {
		s.anchor(t, u.DTS, offset, now)
	}
	unit := media.AccessUnit{Track: u.Track, RandomAccess: !video || u.RandomAccess, Payload: u.Payload}
	s.stamp(&unit, s.line.at(u.Track, u.DTS, now), offset)
	s.meter.unit(t, &unit, now, s.line.jumps)
	if video && u.RandomAccess {
		s.meter.selfReport(t, &unit, now)
	}
	return s.programme.write(s, t, unit, now)
}

// skips reports whether a unit cannot be used yet: a picture before the first that can be decoded, or sound before the
// first picture of a session that has one.
func (s *Session) skips(t *media.Track, u Unit) bool {
	if t.Kind() == media.Video {
		if s.needsRAP[t.ID] && !u.RandomAccess {
			return true
		}
		delete(s.needsRAP, t.ID)
		return false
	}
	if len(s.needsRAP) == 0 || s.line.anchored {
		return false
	}
	if !s.waited {
		s.waited, s.firstWire = true, u.DTS
	}
	came := s.request.Clock.since(u.DTS, s.firstWire)
	return media.Rescale(max(came, -came), s.request.Clock.Rate, media.VideoClockRate) < pictureWait
}

// stamp gives a unit its times.
func (s *Session) stamp(u *media.AccessUnit, dts, offset int64) {
	c := s.cadences[u.Track]
	l, onLattice := c.(*frameLattice)
	if onLattice && u.Track == s.tracks[0].ID && s.line.tracks[u.Track].fresh { // the other tracks move with it, or their offset would change
		by := l.off(dts)
		s.line.shift(by)
		dts += by
	}
	c.stamp(u, dts, offset)
	s.line.expect(u.Track, c.step())
	if onLattice && l.wrong() {
		s.cadences[u.Track] = &freeRunning{least: l.promised, exactly: true}
		s.meter.wrongFrameRate()
	}
}

// anchor puts the first unit at the time of its arrival, and after all that the stream has sent before. A picture of a
// constant rate goes onto the nearest point of its lattice, and the other track with it.
func (s *Session) anchor(t *media.Track, dts, offset int64, now time.Time) {
	s.floor = s.programme.sent()
	at := max(media.Ticks(now, media.VideoClockRate)-offset, s.floor)
	if t.FrameRate.Known() {
		l := media.Lattice{Rate: t.FrameRate}
		at = l.Ticks(l.Index(at) + 1)
	}
	s.line.anchor(dts, at)
	for _, c := range s.cadences {
		c.start(s.floor)
	}
}

// Done is closed when the Gate wants the session to end: taken over, ended by the API, or shutting down. The caller then
// closes the connection and calls End with Cause.
func (s *Session) Done() <-chan struct{} { return s.done }

// Cause is why Done was closed: an *Error.
func (s *Session) Cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// stop asks the adapter to end the session.
func (s *Session) stop(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = &Error{Reason: reason}
		close(s.done)
	}
}

// End closes the session and enters it into the journal. nil means that the broadcaster said goodbye; any other error
// is the reason of the loss, and the stream waits for the encoder to come back. Where the session was on air and the
// stream's other encoder is there, that goes on air. Only the first call counts.
func (s *Session) End(err error) {
	s.mu.Lock()
	again := s.ended
	s.ended = true
	s.mu.Unlock()
	if again {
		return
	}
	s.programme.leave(s, err, s.gate.now())
	s.gate.left(s, err)
}

// closeReason is what the readers of the stream see.
func closeReason(err error) error {
	switch ReasonOf(err) {
	case ReasonEnded:
		return hub.ErrOver
	case ReasonUnpublished:
		return hub.ErrEnded
	case ReasonReplaced:
		return hub.ErrReplaced
	}
	if errors.Is(err, hub.ErrEnded) {
		return hub.ErrEnded
	}
	return fmt.Errorf("%w: %s", hub.ErrLost, ReasonOf(err))
}

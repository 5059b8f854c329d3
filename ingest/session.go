package ingest

import (
	"bytes"
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

// Session is one admitted broadcaster. Its methods are for one goroutine, except Done, Cause and Stream.
type Session struct {
	gate    *Gate
	request Request // without its key
	stream  string
	began   time.Time

	tracks    []media.Track
	line      timeline
	cadences  map[int]cadence
	pub       *hub.Publication // nil until the first unit is on the timeline
	needsRAP  bool             // pictures are dropped until one can be decoded
	firstWire int64            // wire time of the first sound that came while a picture was waited for
	waited    bool             // firstWire is set

	done  chan struct{}
	mu    sync.Mutex // guards cause and ended
	cause error
	ended bool

	meter meter
}

// Stream is the name of the stream that the session publishes.
func (s *Session) Stream() string { return s.stream }

// Describe says what tracks follow: at most one picture and one sound, in any order, with IDs of the caller's choice.
// Only ID, Codec, Config, and what the wire itself declares (FrameRate, Bitrate, Language) need be set; the rest is read
// from Config. It may be called again when a decoder configuration changes or a track joins; with nothing changed that is
// a no-op. The error is an *Error with ReasonBadMedia or ReasonUnsupported.
func (s *Session) Describe(tracks []media.Track) error {
	complete := make([]media.Track, len(tracks))
	kinds := make(map[media.Kind]bool)
	for i, t := range tracks {
		if t.Kind() == 0 || kinds[t.Kind()] {
			return Errorf(ReasonUnsupported, "a second track of its kind, or an unknown codec: %q", t.Codec)
		}
		kinds[t.Kind()] = true
		if err := cmaf.Complete(&t); err != nil {
			return &Error{Reason: ReasonBadMedia, Err: err}
		}
		if t.Rendition = "audio"; t.Kind() == media.Video {
			t.Rendition = "source"
		}
		complete[i] = t
	}
	if len(complete) == 0 {
		return Errorf(ReasonBadMedia, "no tracks")
	}
	if sameTracks(s.tracks, complete) {
		return nil
	}
	s.tracks = complete
	s.cadences = make(map[int]cadence)
	for i := range complete {
		s.cadences[complete[i].ID] = newCadence(&complete[i])
	}
	s.needsRAP = kinds[media.Video]
	s.pub = nil // the next unit publishes anew, and that replaces the old publication
	s.meter.describe(complete)
	return nil
}

func sameTracks(a, b []media.Track) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Codec != b[i].Codec || !bytes.Equal(a[i].Config, b[i].Config) {
			return false
		}
	}
	return true
}

// Write publishes one unit of a described track. Units of other tracks are counted and dropped.
// The error is an *Error and ends the session: the caller closes the connection and calls End with it.
func (s *Session) Write(u Unit) error {
	t := trackOf(s.tracks, u.Track)
	if t == nil || len(u.Payload) == 0 {
		s.meter.drop()
		return nil
	}
	video := t.Kind() == media.Video
	if s.skips(t, u) {
		s.meter.drop()
		return nil
	}
	now := s.gate.now()
	if !s.line.anchored {
		s.anchor(t, u, now)
	}
	dts := s.line.at(u.Track, u.DTS, now)
	unit := media.AccessUnit{Track: u.Track, RandomAccess: !video || u.RandomAccess, Payload: u.Payload}
	c := s.cadences[u.Track]
	c.stamp(&unit, dts, media.Rescale(u.Offset, s.request.Clock.Rate, media.VideoClockRate))
	s.line.expect(u.Track, c.next())
	if l, ok := c.(*frameLattice); ok && l.wrong() {
		s.cadences[u.Track] = &freeRunning{last: l.promised - 1}
		s.meter.wrongFrameRate()
	}
	if s.pub == nil {
		if err := s.publish(unit.PTS, t.ClockRate); err != nil {
			return err
		}
	}
	s.meter.unit(t, &unit, now, s.line.jumps)
	s.pub.Write(unit)
	return nil
}

// skips reports whether a unit cannot be used yet: a picture before the first that can be decoded, or sound before the
// first picture of a session that has one.
func (s *Session) skips(t *media.Track, u Unit) bool {
	if t.Kind() == media.Video {
		if s.needsRAP && !u.RandomAccess {
			return true
		}
		s.needsRAP = false
		return false
	}
	if !s.needsRAP || s.line.anchored {
		return false
	}
	if !s.waited {
		s.waited, s.firstWire = true, u.DTS
	}
	return media.Rescale(u.DTS-s.firstWire, s.request.Clock.Rate, media.VideoClockRate) < pictureWait
}

// anchor puts the first unit at the time of its arrival, and that after all that the stream has sent before. A picture of
// a constant rate goes onto the nearest point of its lattice, and the other track with it.
func (s *Session) anchor(t *media.Track, u Unit, now time.Time) {
	offset := media.Rescale(u.Offset, s.request.Clock.Rate, media.VideoClockRate)
	at := max(media.Ticks(now, media.VideoClockRate), s.gate.sent(s.stream)) - offset
	if t.FrameRate.Known() {
		l := media.Lattice{Rate: t.FrameRate}
		at = l.Ticks(l.Index(at) + 1)
	}
	s.line.anchor(u.DTS, at)
}

// publish opens the publication with the first unit, and takes the stream over from whoever had it.
func (s *Session) publish(pts, rate int64) error {
	pub, err := s.gate.publish(s, media.Time(pts, rate))
	if err != nil {
		return err
	}
	s.pub = pub
	return nil
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
// is the reason of the loss, and the stream waits for the encoder to come back. Only the first call counts.
func (s *Session) End(err error) {
	s.mu.Lock()
	again := s.ended
	s.ended = true
	s.mu.Unlock()
	if again {
		return
	}
	if s.pub != nil {
		s.pub.Close(closeReason(err))
	}
	s.gate.left(s, err)
}

// closeReason is what the readers of the stream see.
func closeReason(err error) error {
	switch ReasonOf(err) {
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

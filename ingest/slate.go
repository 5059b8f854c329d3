package ingest

import (
	"context"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Slate makes what viewers see of a stream while none of its encoders is there.
type Slate interface {
	// Make encodes a loop whose picture has the size and rate of the tracks', and whose sound is silence of their kind. It
	// takes a while, until ctx ends at most, and is safe for concurrent use.
	Make(ctx context.Context, tracks []media.Track) (*Loop, error)
}

// Loop is what a slate shows over and over. It is not written to any more.
type Loop struct {
	Tracks   []media.Track // as for Session.Describe
	Pictures []Unit        // in ticks of media.VideoClockRate from 0; the first can be decoded
	Length   int64         // of the pictures, in the same ticks
	Sound    []Unit        // payloads alone, one frame each; none where the stream has no sound
}

// settleTime is how long an input must have been on air before a slate is made for it: a start has better things to do.
const settleTime = 3 * time.Second

// slateState is what a programme knows of its slate.
type slateState struct {
	loop    *Loop
	of      []media.Track // what it was made for
	wanted  bool          // it should be on air
	reason  SwitchReason
	since   time.Time
	session *Session // it is on air, or about to be
	show    *slateShow
}

// ready reports whether there is a loop that can follow on a publication.
func (s *slateState) ready(pass bool, pub *hub.Publication) bool {
	if s.loop == nil || pub == nil || !alike(s.of, pub.Tracks) && !alike(s.loop.Tracks, pub.Tracks) {
		return false
	}
	if !pass {
		return true
	}
	if several(pub.Tracks) { // one size in place of several would end the others' playlists
		return false
	}
	for i := range s.loop.Tracks { // players do not take another codec in the middle
		t := &s.loop.Tracks[i]
		if is := ofKind(pub.Tracks, t.Kind()); is == nil || is.Codec != t.Codec {
			return false
		}
	}
	return true
}

// alike reports whether one slate serves for both. It is made for the best picture.
func alike(a, b []media.Track) bool {
	a, b = mainTracks(a), mainTracks(b)
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	for i := range a {
		t := ofKind(b, a[i].Kind())
		if t == nil || t.Codec != a[i].Codec || t.Width != a[i].Width || t.Height != a[i].Height || t.FrameRate != a[i].FrameRate ||
			t.SampleRate != a[i].SampleRate || t.Channels != a[i].Channels {
			return false
		}
	}
	return true
}

// holdForSlate keeps what goes out open for the slate, where there is one. p.mu is held.
func (p *programme) holdForSlate(reason SwitchReason, now time.Time) bool {
	if !p.slate.ready(p.pass, p.out.pub) || !p.out.isOpen() {
		return false
	}
	if !p.slate.wanted {
		p.slate.wanted, p.slate.reason, p.slate.since = true, reason, now
	}
	return true
}

// leaveSlate takes the slate off the air for an input. p.mu is held.
func (p *programme) leaveSlate(to *Session) {
	if to != nil && to == p.slate.session {
		return
	}
	delete(p.inputs, SlateOut)
	p.slate.wanted, p.slate.session, p.slate.show = false, nil, nil
}

// missing are the tracks that a slate should be made for; nil where there is nothing to do.
func (p *programme) missing(now time.Time) []media.Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onAir == nil || !p.onAir.role.encoder() || !p.out.isOpen() || now.Sub(p.onAir.began) < settleTime {
		return nil
	}
	tracks := mainTracks(p.onAir.kept.tracks)
	if !hasVideo(tracks) || alike(p.slate.of, tracks) {
		return nil
	}
	return tracks
}

// made takes the loop that was made for tracks; nil where there can be none, so that it is not asked for again.
func (p *programme) made(tracks []media.Track, loop *Loop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slate.session == nil { // else the one that is shown stays
		p.slate.of, p.slate.loop = tracks, loop
	}
}

// show sends what is due of the slate, and ends the broadcast with its grace. It is called by one goroutine.
func (p *programme) show(g *Gate, now time.Time) {
	show := p.due(g, now)
	if show == nil {
		return
	}
	if err := show.until(now); err != nil {
		p.log.Error("slate", "err", err)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over()
	}
}

func (p *programme) due(g *Gate, now time.Time) *slateShow {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.slate.wanted {
		return nil
	}
	if now.Sub(p.slate.since) >= p.max {
		p.log.Info("nobody came back", "grace", p.max)
		p.over()
		return nil
	}
	if p.slate.show == nil {
		if p.slate.loop == nil {
			return nil
		}
		s := &Session{
			gate: g, programme: p, role: SlateOut, stream: p.stream, began: now, done: make(chan struct{}),
			request: Request{Protocol: string(SlateOut), Stream: p.stream, Clock: WireClock{Rate: media.VideoClockRate, Bits: 33}},
		}
		s.line.wire = s.request.Clock
		p.slate.session = s
		p.slate.show = &slateShow{session: s, loop: p.slate.loop, began: now}
	}
	return p.slate.show
}

// slateShow plays a loop in real time through a session of its own.
type slateShow struct {
	session  *Session
	loop     *Loop
	began    time.Time
	pictures int64 // so far
	frames   int64 // of sound
	sound    int64 // where the next frame stands, in ticks of the sound's clock
}

// until sends all that stands before now.
func (s *slateShow) until(now time.Time) error {
	if err := s.session.Describe(s.loop.Tracks); err != nil {
		return err
	}
	end := int64(now.Sub(s.began).Seconds() * media.VideoClockRate)
	for {
		n := int64(len(s.loop.Pictures))
		u := s.loop.Pictures[s.pictures%n]
		u.DTS += s.pictures / n * s.loop.Length
		if u.DTS > end {
			return nil
		}
		if err := s.accompany(u.DTS); err != nil {
			return err
		}
		if err := s.write(u); err != nil {
			return err
		}
		s.pictures++
	}
}

// accompany sends the sound that stands before a time.
func (s *slateShow) accompany(before int64) error {
	t := ofKind(s.session.tracks, media.Audio)
	if t == nil || len(s.loop.Sound) == 0 {
		return nil
	}
	for {
		u := s.loop.Sound[s.frames%int64(len(s.loop.Sound))]
		if u.DTS = media.Rescale(s.sound, t.ClockRate, media.VideoClockRate); u.DTS >= before {
			return nil
		}
		s.sound += audioLength(t.Codec, u.Payload)
		s.frames++
		if err := s.write(u); err != nil {
			return err
		}
	}
}

// write sends a unit, unless an encoder has come.
func (s *slateShow) write(u Unit) error {
	u.DTS &= 1<<33 - 1
	if err := s.session.Write(u); err != nil && s.session.Cause() == nil {
		return err
	}
	return nil
}

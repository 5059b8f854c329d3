package ingest

import (
	"log/slog"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// programme is what goes out of one stream, from whichever of its inputs is on air. Each input puts its units on the one
// timeline by itself; here those of one are chosen, and where another takes its place the line goes on. It is safe for
// concurrent use.
//
// An input goes on air at a random access point. Where the ladder decodes what goes out, that is the last one it has sent:
// the decoder is given all since then at once, and shows the newest. Where players decode it, it is the next one, with a
// publication of its own; the input before is on air until then.
type programme struct {
	stream string
	hub    *hub.Hub
	log    *slog.Logger
	pass   bool // players decode what goes out
	max    time.Duration

	mu       sync.Mutex // guards everything below, and the field kept of sessions
	inputs   map[Role]*Session
	onAir    *Session
	gone     Role     // was on air last and has ended
	waiting  *Session // goes on air with its next random access point
	because  SwitchReason
	cutAt    *change // the switch whose first picture is still to come
	last     Change
	out      outlet
	id       int64 // of the newest publication
	choice   selector
	switches map[SwitchReason]int64
	slate    slateState
}

// change is a switch that is being made.
type change struct {
	from, to Role
	reason   SwitchReason
	at       time.Time
}

// Change is a switch that was made.
type Change struct {
	From   Role         `json:"from,omitempty"`
	To     Role         `json:"to"`
	Reason SwitchReason `json:"reason"`
	At     time.Time    `json:"at"`
	HoleMs float64      `json:"holeMs"` // of the programme's time, in which viewers see the last picture before it
}

func newProgramme(stream string, h *hub.Hub, c Config, log *slog.Logger) *programme {
	return &programme{
		stream: stream, hub: h, log: log.With("stream", stream), pass: c.PassedOn, max: c.Grace,
		inputs: make(map[Role]*Session), switches: make(map[SwitchReason]int64),
	}
}

// sent is where the media that the stream has published so far ends, in ticks of media.VideoClockRate.
func (p *programme) sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.end()
}

// write takes a unit of an input, on the input's timeline. The error is an *Error: the session has been told to end.
func (p *programme) write(s *Session, t *media.Track, u media.AccessUnit, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	hold := !p.passes(s.tracks) || p.onAir != s // a player is never shown again what has been on air
	fresh := s.kept.add(s.tracks, t, u, hold, now)
	switch {
	case p.inputs[s.role] != s:
		return p.join(s, u, now)
	case p.onAir == s && fresh:
		return p.publish(s, s.tracks, []media.AccessUnit{u}, now)
	case p.onAir == s:
		p.emit(s, t, u, now)
	case !u.RandomAccess || !leads(s.tracks, t):
	case p.waiting == s:
		return p.enter(s, now)
	case p.onAir == nil && p.waiting == nil && !p.out.isOpen(): // it was silent when the broadcast ended
		return p.publish(s, s.tracks, []media.AccessUnit{u}, now)
	}
	return nil
}

// passes reports whether players decode what an input of these tracks sends.
func (p *programme) passes(tracks []media.Track) bool { return p.pass || several(tracks) }

// join takes an input in with its first unit. An older one of the same role has to go; on air it is followed at once.
func (p *programme) join(s *Session, u media.AccessUnit, now time.Time) error {
	if err := s.Cause(); err != nil {
		return err
	}
	if s.role == SlateOut && p.slate.session != s {
		return nil // an encoder has come
	}
	old := p.inputs[s.role]
	p.inputs[s.role] = s
	if old != nil {
		old.stop(ReasonReplaced)
	}
	if p.waiting != nil && p.waiting == old {
		p.waiting = nil
	}
	switch {
	case s.role == SlateOut:
		return p.change(s, p.slate.reason, now)
	case p.onAir == nil && p.out.isOpen(), p.onAir != nil && p.onAir.role == SlateOut:
		return p.change(s, SwitchReturn, now)
	case p.onAir == nil || p.onAir == old:
		p.waiting = nil
		return p.publish(s, s.tracks, []media.AccessUnit{u}, now)
	}
	p.log.Info("input stands by", "input", string(s.role), "protocol", s.request.Protocol)
	return nil
}

// publish opens the next publication, with units of an input that goes on air or whose tracks have changed.
func (p *programme) publish(s *Session, tracks []media.Track, units []media.AccessUnit, now time.Time) error {
	if err := s.Cause(); err != nil {
		return err
	}
	first := &units[0]
	start := media.Time(first.PTS, trackOf(tracks, first.Track).ClockRate)
	id := max(start.UnixMilli(), p.id+1)
	pub, err := p.hub.Publish(hub.Key{Stream: p.stream, Stage: hub.Source}, id, tracks)
	if err != nil {
		return &Error{Reason: ReasonInternal, Err: err}
	}
	p.out.open(pub)
	p.id, p.onAir = id, s
	for i := range tracks {
		p.log.Info("track published", "protocol", s.request.Protocol, "track", describe(&tracks[i]))
	}
	for _, u := range units {
		p.emit(s, trackOf(tracks, u.Track), u, now)
	}
	return nil
}

// emit sends a unit of the input on air.
func (p *programme) emit(s *Session, t *media.Track, u media.AccessUnit, now time.Time) {
	by := media.Rescale(s.shift, media.VideoClockRate, t.ClockRate)
	u.DTS, u.PTS = u.DTS+by, u.PTS+by
	first := p.out.write(t, u)
	if c := p.cutAt; c != nil && first && p.out.leads().begun {
		p.cutAt = nil
		e := p.out.leads()
		p.last = Change{From: c.from, To: c.to, Reason: c.reason, At: c.at, HoleMs: round(1000 * media.Seconds(e.hole, e.rate))}
		p.log.Info("input switched", "from", string(c.from), "to", string(c.to), "reason", string(c.reason),
			"hole_ms", p.last.HoleMs, "took_ms", now.Sub(c.at).Milliseconds())
	}
}

// change puts another input on air, now or at its next random access point.
func (p *programme) change(to *Session, reason SwitchReason, now time.Time) error {
	if p.waiting == to {
		return nil
	}
	p.waiting, p.because = to, reason
	pass := p.passes(to.kept.tracks)
	if len(to.kept.from(p.out.end(), pass)) > 0 {
		return p.enter(to, now)
	}
	if pass && p.onAir == nil && p.out.isOpen() {
		p.out.pub.Close(hub.ErrReplaced) // until then, a gap
	}
	return nil
}

// enter puts an input on air with what is kept of it.
func (p *programme) enter(s *Session, now time.Time) error {
	c := &change{to: s.role, reason: p.because, at: now}
	old := p.onAir
	if c.from = p.gone; old != nil {
		c.from = old.role
	}
	p.waiting, p.cutAt = nil, c
	units := p.align(s)
	p.choice.switched(now)
	p.switches[c.reason]++
	p.leaveSlate(s)
	if p.passes(s.kept.tracks) || !p.out.takes(s.kept.tracks) {
		return p.publish(s, s.kept.tracks, units, now)
	}
	p.out.splice(s.kept.tracks)
	p.onAir = s
	for _, u := range units {
		p.emit(s, trackOf(s.kept.tracks, u.Track), u, now)
	}
	return nil
}

// smallLag is what an input may stand behind the programme, in ticks of media.VideoClockRate, and be waited for.
const smallLag = media.VideoClockRate / 4

// align moves an input that stands behind the programme, as what it sends next would be of a time that is over, and returns
// the units with which it goes on.
func (p *programme) align(s *Session) []media.AccessUnit {
	s.shift = 0
	pass := p.passes(s.kept.tracks)
	end := p.out.end()
	if units := s.kept.from(end, pass); pass && len(units) > 0 {
		return units
	}
	lag := end - s.kept.end
	if pass { // its newest random access point has just come
		first := &s.kept.units[s.kept.newest]
		lag = end - media.Rescale(first.PTS, trackOf(s.kept.tracks, first.Track).ClockRate, media.VideoClockRate)
	}
	if pass || lag > smallLag {
		p.shift(s, lag)
	}
	if pass {
		return s.kept.units[s.kept.newest:]
	}
	return s.kept.from(end-s.shift, false)
}

// shift makes what an input sends later by a time, in whole frames.
func (p *programme) shift(s *Session, lag int64) {
	t := ofKind(s.kept.tracks, media.Video)
	if s.shift = lag; t != nil && t.FrameRate.Known() { // whole frames
		l := media.Lattice{Rate: t.FrameRate}
		k := l.Index(lag)
		if l.Ticks(k) < lag {
			k++
		}
		s.shift = l.Ticks(k)
	}
}

// leave takes an input out that has ended.
func (p *programme) leave(s *Session, err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inputs[s.role] == s {
		delete(p.inputs, s.role)
	}
	counted := p.onAir == s || p.onAir == nil && p.waiting == s && p.out.isOpen()
	if p.waiting == s {
		p.waiting = nil
	}
	if !counted {
		return
	}
	p.onAir, p.gone = nil, s.role
	if reason := ReasonOf(err); reason != ReasonShutdown {
		if to, why := p.choose(now); to.encoder() {
			p.log.Warn("input lost", "input", string(s.role), "reason", string(reason), "next", string(to))
			if p.change(p.inputs[to], why, now) == nil {
				return
			}
		}
		if reason != ReasonUnpublished && reason != ReasonEnded && p.holdForSlate(SwitchLost, now) {
			p.log.Warn("encoder lost, the slate is shown", "reason", string(reason), "grace", p.max)
			return
		}
	}
	if p.out.pub != nil {
		p.out.pub.Close(closeReason(err))
	}
}

// choose asks the selector.
func (p *programme) choose(now time.Time) (Role, SwitchReason) {
	in := make(map[Role]state)
	for r, s := range p.inputs {
		if r.encoder() && s.Cause() == nil {
			in[r] = state{quiet: now.Sub(s.kept.arrived), score: s.meter.score(now)}
		}
	}
	if p.slate.ready(p.pass, p.out.pub) && p.out.isOpen() {
		in[SlateOut] = state{}
	}
	return p.choice.choose(now, p.role(), in)
}

// role of the input on air; empty where there is none.
func (p *programme) role() Role {
	if p.onAir == nil {
		return ""
	}
	return p.onAir.role
}

// tick looks whether another input should be on air.
func (p *programme) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onAir == nil && (!p.out.isOpen() || p.waiting != nil) {
		return
	}
	to, reason := p.choose(now)
	switch {
	case to == p.role():
		p.slate.wanted = p.slate.wanted && p.slate.session == p.onAir
		if p.onAir != nil && p.because != SwitchDrill {
			p.waiting = nil
		}
	case to == SlateOut:
		p.holdForSlate(reason, now)
	default:
		_ = p.change(p.inputs[to], reason, now) // an input that has to end cannot be chosen
	}
}

// drill puts the given input on air because the operator wants it; the other one where none is given.
func (p *programme) drill(to Role, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onAir == nil {
		return ErrNoStream
	}
	if to == "" {
		to = p.onAir.role.other()
	}
	s := p.inputs[to]
	if s == nil || s == p.onAir || !to.encoder() || s.Cause() != nil || now.Sub(s.kept.arrived) >= quietTime {
		return ErrNoInput
	}
	p.choice.pinned = ""
	if err := p.change(s, SwitchDrill, now); err != nil {
		return ErrNoInput
	}
	return nil
}

// pin keeps an input on air for as long as it sends; none where role is empty.
func (p *programme) pin(role Role) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.choice.pinned = role
}

// end ends the broadcast for good, and every session of it.
func (p *programme) end() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.out.isOpen() && len(p.inputs) == 0 {
		return ErrNoStream
	}
	for r, s := range p.inputs {
		s.stop(ReasonEnded)
		delete(p.inputs, r)
	}
	p.over()
	return nil
}

// over closes what goes out, and nobody is waited for.
func (p *programme) over() {
	p.onAir, p.waiting, p.cutAt = nil, nil, nil
	p.leaveSlate(nil)
	if p.out.pub != nil {
		p.out.pub.Close(hub.ErrOver)
	}
}

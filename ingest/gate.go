// Package ingest is the door that every broadcaster comes through, whatever the protocol: authorise, admit, publish,
// announce. A protocol's own package turns wire bytes into Units and knows nothing of what follows.
//
// It owns the one timeline: whatever a broadcaster's timestamps do, what leaves a Session is on it.
package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sort"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Authorizer decides who may publish what. It is called for each attempt and must not block for long.
type Authorizer interface {
	// Authorize returns the name of the stream that the request may publish. The error is an *Error.
	Authorize(ctx context.Context, r Request) (stream string, err error)
}

// Config of a Gate. The zero value has the defaults.
type Config struct {
	MaxSessions int // sessions at a time; 1000 when zero

	// PassedOn says that sources go to the players as they come, so that a codec which those do not take is refused.
	PassedOn bool
}

// Gate admits sessions. It is safe for concurrent use.
type Gate struct {
	auth Authorizer
	hub  *hub.Hub
	log  *slog.Logger
	max  int
	pass bool
	now  func() time.Time

	mu       sync.Mutex // guards everything below
	sessions map[*Session]struct{}
	onAir    map[string]*Session // the session whose publication a stream has now
	ids      map[string]int64    // the last publication ID of each stream
	ends     map[string]int64    // where each stream's media ended, in ticks of media.VideoClockRate
	closed   bool
	journal  journal
}

// NewGate makes a Gate that publishes into h.
func NewGate(c Config, auth Authorizer, h *hub.Hub, log *slog.Logger) *Gate {
	if c.MaxSessions == 0 {
		c.MaxSessions = 1000
	}
	return &Gate{
		auth: auth, hub: h, log: log, max: c.MaxSessions, pass: c.PassedOn, now: time.Now,
		sessions: make(map[*Session]struct{}), onAir: make(map[string]*Session),
		ids: make(map[string]int64), ends: make(map[string]int64),
		journal: newJournal(),
	}
}

// Open authorises and admits a broadcaster. An earlier session of the same stream goes on until this one has sent media
// that can be decoded, and then ends with ReasonReplaced.
//
// The error is an *Error; a refusal has been entered into the journal by then. The caller must End the Session.
func (g *Gate) Open(ctx context.Context, r Request) (*Session, error) {
	stream, err := g.auth.Authorize(ctx, r)
	check := r.Check
	r.Key, r.Proves, r.Check = "", nil, nil
	if err != nil {
		g.Refuse(r, err)
		return nil, err
	}
	r.Stream = stream
	if check != nil {
		if err := check(stream); err != nil {
			g.Refuse(r, err)
			return nil, err
		}
	}
	s := &Session{gate: g, request: r, stream: stream, began: g.now(), done: make(chan struct{})}
	s.line.wire, s.rungs.wire = r.Clock, r.Clock
	if err := g.admit(s); err != nil {
		g.Refuse(r, err)
		return nil, err
	}
	g.log.Info("session admitted", "stream", stream, "protocol", r.Protocol, "remote", r.Remote, "agent", r.Agent)
	return s, nil
}

func (g *Gate) admit(s *Session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return &Error{Reason: ReasonShutdown}
	}
	if len(g.sessions) >= g.max {
		return Errorf(ReasonTooMany, "%d sessions are open, the limit", g.max)
	}
	g.sessions[s] = struct{}{}
	return nil
}

// Refuse enters into the journal an attempt that failed before it came to Open: a bad handshake, a broken message.
// It also counts and logs it.
func (g *Gate) Refuse(r Request, err error) {
	reason := ReasonOf(err)
	g.log.Warn("attempt refused", "protocol", r.Protocol, "remote", r.Remote, "agent", r.Agent, "reason", string(reason), "detail", detail(err))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.journal.add(Attempt{
		At: g.now(), Protocol: r.Protocol, Stream: r.Stream, Remote: r.Remote, Agent: r.Agent,
		Reason: reason, Detail: detail(err), Fix: FixOf(err),
	})
}

// detail is the text behind an error's Reason.
func detail(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	} else if e != nil || err == nil {
		return ""
	}
	return err.Error()
}

// sent is where the media that a stream has published so far ends, in ticks of media.VideoClockRate.
func (g *Gate) sent(stream string) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	end := g.ends[stream]
	if s := g.onAir[stream]; s != nil {
		end = max(end, s.meter.end())
	}
	return end
}

// publish opens the next publication of a session's stream, whose media starts at start, and asks the session that was on
// air to end. A session that has itself been asked to gets its cause instead: it must not take the stream back.
func (g *Gate) publish(s *Session, start time.Time) (*hub.Publication, error) {
	pub, err := g.putOnAir(s, start)
	if err != nil {
		return nil, err
	}
	for i := range s.tracks {
		g.log.Info("track published", "stream", s.stream, "protocol", s.request.Protocol, "track", describe(&s.tracks[i]))
	}
	return pub, nil
}

// putOnAir does all under the lock: of two sessions that come at once, the one that stays on air must also be the newest in
// the hub. Neither the hub nor a session calls back.
func (g *Gate) putOnAir(s *Session, start time.Time) (*hub.Publication, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := s.Cause(); err != nil {
		return nil, err
	}
	id := max(start.UnixMilli(), g.ids[s.stream]+1)
	pub, err := g.hub.Publish(hub.Key{Stream: s.stream, Stage: hub.Source}, id, s.tracks)
	if err != nil {
		return nil, &Error{Reason: ReasonInternal, Err: err}
	}
	if old := g.onAir[s.stream]; old != nil && old != s {
		old.stop(ReasonReplaced)
	}
	g.ids[s.stream], g.onAir[s.stream] = id, s
	return pub, nil
}

// left takes a session that has ended off the books.
func (g *Gate) left(s *Session, err error) {
	reason := ReasonOf(err)
	lasted := g.now().Sub(s.began)
	totals := s.meter.totals()
	g.log.Info("session ended", "stream", s.stream, "protocol", s.request.Protocol, "remote", s.request.Remote,
		"reason", string(reason), "detail", detail(err), "seconds", lasted.Seconds(), "bytes", totals.bytes, "dropped", totals.dropped)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s)
	g.ends[s.stream] = max(g.ends[s.stream], s.meter.end())
	if g.onAir[s.stream] == s {
		delete(g.onAir, s.stream)
	}
	g.journal.add(Attempt{
		At: g.now(), Protocol: s.request.Protocol, Stream: s.stream, Remote: s.request.Remote, Agent: s.request.Agent,
		Admitted: true, Lasted: lasted, Seconds: lasted.Seconds(), Reason: reason, Detail: detail(err), Fix: FixOf(err),
	})
}

// Close ends every session with ReasonShutdown and admits no more. It does not wait for the adapters to let go.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	open := make([]*Session, 0, len(g.sessions))
	for s := range g.sessions {
		open = append(open, s)
	}
	g.mu.Unlock()
	for _, s := range open {
		s.stop(ReasonShutdown)
	}
}

// Attempts is the journal: the last sessions that ended and requests that were refused, newest first.
func (g *Gate) Attempts() []Attempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.journal.newestFirst()
}

// Inputs describes the sessions that are on air, by the name of their stream.
func (g *Gate) Inputs() []Input {
	g.mu.Lock()
	defer g.mu.Unlock()
	inputs := make([]Input, 0, len(g.onAir))
	for _, s := range g.onAir {
		inputs = append(inputs, s.meter.input(s, g.now()))
	}
	sort.Slice(inputs, func(i, j int) bool { return inputs[i].Stream < inputs[j].Stream })
	return inputs
}

func describe(t *media.Track) string {
	if t.Kind() == media.Video {
		return string(t.Codec) + " " + itoa(t.Width) + "x" + itoa(t.Height) + " " + t.FrameRate.String() + " fps"
	}
	return string(t.Codec) + " " + itoa(t.SampleRate) + " Hz " + itoa(t.Channels) + " ch"
}

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
	// Authorize returns the name of the stream that the request may publish, with BackupSuffix behind it where it is to be
	// the stream's second encoder. The error is an *Error.
	Authorize(ctx context.Context, r Request) (stream string, err error)
}

// Config of a Gate. The zero value has the defaults.
type Config struct {
	MaxSessions int // sessions at a time; 1000 when zero

	// PassedOn says that sources go to the players as they come, so that a codec which those do not take is refused.
	PassedOn bool

	Slate Slate         // what viewers see while no encoder is there; nil: nothing, and they are told that there is a gap
	Grace time.Duration // for which the slate is shown; 60 s when zero
}

// Gate admits sessions. It is safe for concurrent use.
type Gate struct {
	config Config
	auth   Authorizer
	hub    *hub.Hub
	log    *slog.Logger
	now    func() time.Time

	mu         sync.Mutex // guards everything below
	sessions   map[*Session]struct{}
	programmes map[string]*programme
	closed     bool
	journal    journal
}

// NewGate makes a Gate that publishes into h.
func NewGate(c Config, auth Authorizer, h *hub.Hub, log *slog.Logger) *Gate {
	if c.MaxSessions == 0 {
		c.MaxSessions = 1000
	}
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	return &Gate{
		config: c, auth: auth, hub: h, log: log, now: time.Now,
		sessions: make(map[*Session]struct{}), programmes: make(map[string]*programme), journal: newJournal(),
	}
}

// Open authorises and admits a broadcaster. An earlier session of the same stream and Role goes on until this one has sent
// media that can be decoded, and then ends with ReasonReplaced. One of the other Role stays: see Switch.
//
// The error is an *Error; a refusal has been entered into the journal by then. The caller must End the Session.
func (g *Gate) Open(ctx context.Context, r Request) (*Session, error) {
	answer, err := g.auth.Authorize(ctx, r)
	check := r.Check
	r.Key, r.Proves, r.Check = "", nil, nil
	if err != nil {
		g.Refuse(r, err)
		return nil, err
	}
	stream, role := roleOf(answer)
	r.Stream = stream
	if check != nil {
		if err := check(stream); err != nil {
			g.Refuse(r, err)
			return nil, err
		}
	}
	s := &Session{gate: g, request: r, stream: stream, role: role, began: g.now(), done: make(chan struct{})}
	s.line.wire, s.rungs.wire = r.Clock, r.Clock
	if err := g.admit(s); err != nil {
		g.Refuse(r, err)
		return nil, err
	}
	g.log.Info("session admitted", "stream", stream, "input", string(role), "protocol", r.Protocol, "remote", r.Remote, "agent", r.Agent)
	return s, nil
}

func (g *Gate) admit(s *Session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return &Error{Reason: ReasonShutdown}
	}
	if len(g.sessions) >= g.config.MaxSessions {
		return Errorf(ReasonTooMany, "%d sessions are open, the limit", g.config.MaxSessions)
	}
	g.sessions[s] = struct{}{}
	if s.programme = g.programmes[s.stream]; s.programme == nil {
		s.programme = newProgramme(s.stream, g.hub, g.config, g.log)
		g.programmes[s.stream] = s.programme
	}
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

// left takes a session that has ended off the books.
func (g *Gate) left(s *Session, err error) {
	reason := ReasonOf(err)
	lasted := g.now().Sub(s.began)
	totals := s.meter.totals()
	g.log.Info("session ended", "stream", s.stream, "input", string(s.role), "protocol", s.request.Protocol, "remote", s.request.Remote,
		"reason", string(reason), "detail", detail(err), "seconds", lasted.Seconds(), "bytes", totals.bytes, "dropped", totals.dropped)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s)
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

// all are the programmes by the name of their stream.
func (g *Gate) all() []*programme {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*programme, 0, len(g.programmes))
	for _, p := range g.programmes {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].stream < out[j].stream })
	return out
}

// Inputs describes the sessions that are on air, by the name of their stream.
func (g *Gate) Inputs() []Input {
	inputs := []Input{}
	for _, s := range g.Statuses() {
		for _, in := range s.Inputs {
			if in.OnAir {
				inputs = append(inputs, in)
			}
		}
	}
	return inputs
}

func describe(t *media.Track) string {
	if t.Kind() == media.Video {
		return string(t.Codec) + " " + itoa(t.Width) + "x" + itoa(t.Height) + " " + t.FrameRate.String() + " fps"
	}
	return string(t.Codec) + " " + itoa(t.SampleRate) + " Hz " + itoa(t.Channels) + " ch"
}

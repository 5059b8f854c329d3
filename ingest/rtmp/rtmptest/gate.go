package rtmptest

import (
	"context"
	"sync"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// Key is the only key that a Gate admits.
const Key = "k3y_of-the.stream~1"

// Gate admits whoever has Key, and keeps all that passes. The zero value is ready.
type Gate struct {
	mu       sync.Mutex // guards everything below
	requests []ingest.Request
	refusals []error
	sessions []*Session
	changed  chan struct{} // closed at the next change
}

// Open admits a request with Key.
func (g *Gate) Open(_ context.Context, r ingest.Request) (*Session, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.change()
	g.requests = append(g.requests, r)
	if r.Key != Key {
		err := ingest.Errorf(ingest.ReasonWrongKey, "no stream has this key")
		g.refusals = append(g.refusals, err)
		return nil, err
	}
	s := &Session{gate: g, done: make(chan struct{})}
	g.sessions = append(g.sessions, s)
	return s, nil
}

// Refuse keeps the error.
func (g *Gate) Refuse(r ingest.Request, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.change()
	g.requests = append(g.requests, r)
	g.refusals = append(g.refusals, err)
}

func (g *Gate) change() { // g.mu is held
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// Wait blocks until ready reports true of what has been kept so far, or ctx ends.
func (g *Gate) Wait(ctx context.Context, ready func(Log) bool) (Log, error) {
	for {
		g.mu.Lock()
		log := Log{Requests: g.requests, Refusals: g.refusals}
		for _, s := range g.sessions {
			log.Sessions = append(log.Sessions, s.record)
		}
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		if ready(log) {
			return log, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return log, ctx.Err()
		}
	}
}

// Stop asks the session to end, as a takeover does.
func (g *Gate) Stop(session int, cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[session]
	s.cause = cause
	close(s.done)
}

// Log is what a Gate has seen.
type Log struct {
	Requests []ingest.Request
	Refusals []error
	Sessions []Record
}

// Record is what one session was given.
type Record struct {
	Descriptions [][]media.Track
	Units        []ingest.Unit
	Described    []int // how many descriptions came before each unit
	Ended        bool
	Err          error // of End
}

// Track is the last description of the track with the given ID; nil where there is none.
func (r Record) Track(id int) *media.Track {
	if len(r.Descriptions) == 0 {
		return nil
	}
	last := r.Descriptions[len(r.Descriptions)-1]
	for i := range last {
		if last[i].ID == id {
			return &last[i]
		}
	}
	return nil
}

// Of is the units of one track.
func (r Record) Of(track int) []ingest.Unit {
	var units []ingest.Unit
	for _, u := range r.Units {
		if u.Track == track {
			units = append(units, u)
		}
	}
	return units
}

// Session keeps what it is given. All is guarded by its gate's lock.
type Session struct {
	gate   *Gate
	record Record
	done   chan struct{}
	cause  error
}

// Stream is a name.
func (s *Session) Stream() string { return "stream" }

// Describe keeps the tracks.
func (s *Session) Describe(tracks []media.Track) error {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	defer s.gate.change()
	s.record.Descriptions = append(s.record.Descriptions, tracks)
	return nil
}

// Write keeps the unit.
func (s *Session) Write(u ingest.Unit) error {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	defer s.gate.change()
	s.record.Units = append(s.record.Units, u)
	s.record.Described = append(s.record.Described, len(s.record.Descriptions))
	return nil
}

// Link is not kept.
func (*Session) Link(ingest.Link) {}

// Done is closed by Stop.
func (s *Session) Done() <-chan struct{} { return s.done }

// Cause is what Stop was given.
func (s *Session) Cause() error {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.cause
}

// End keeps the reason.
func (s *Session) End(err error) {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	defer s.gate.change()
	s.record.Ended, s.record.Err = true, err
}

// Package pull fetches streams from elsewhere, for as long as the server runs: it connects, opens a session as any encoder
// does, and after an end tries again, ever more slowly.
//
// It owns the loop and the rule of what may be connected to. How a protocol is spoken is its Source's.
package pull

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// Source is where a stream is fetched from. It holds the secrets of the place; nothing of those may be in an error or a log.
type Source interface {
	// Protocol is the log field and metric label: "srt-pull" of what calls a place over SRT.
	Protocol() string
	// Fetch connects, to nothing that Control or Resolve refuses, admits itself once the other end has answered, feeds the
	// session until either ends, and ends it. It returns the same error as it ended the session with, an *ingest.Error; nil
	// where the other end said goodbye.
	Fetch(ctx context.Context, admit Admit, log *slog.Logger) error
}

// Admit opens the session of a source whose other end is remote. Protocol, stream and key need not be set.
type Admit func(ctx context.Context, r ingest.Request) (*ingest.Session, error)

// Pull is one stream to be fetched.
type Pull struct {
	Stream string // as it is published
	Key    string // of the stream, as an encoder would send it
	From   string // where Source is, as people may see it: "rtsp://camera", without secrets
	Source Source
}

// The waits between attempts: doubled from the first to the last, and from the first again after a session that lasted. A
// quarter more or less is left to chance, so that cameras behind one switch do not all come back at once. What has been
// refused will hardly become better by itself, and some cameras lock out who asks too often.
const (
	firstWait   = time.Second
	lastWait    = 30 * time.Second
	refusedWait = 5 * time.Minute
	lasted      = 10 * time.Second
)

// errTaken leaves the stream to the encoder that publishes it.
var errTaken = &ingest.Error{Reason: ingest.ReasonReplaced, Err: errors.New("an encoder publishes the stream")}

// attempt is one connection to a Source.
type attempt struct {
	pull    *Pull
	gate    *ingest.Gate
	session *ingest.Session // nil before it is admitted
	asked   bool            // the gate was asked: whatever comes of it is in the journal
	began   time.Time       // the session
}

// Run fetches until ctx ends, and returns nil then. It waits while an encoder publishes the stream. Of attempts that fail
// alike in a row, the journal has the first.
func (p *Pull) Run(ctx context.Context, gate *ingest.Gate, log *slog.Logger) error {
	log = log.With("stream", p.Stream, "protocol", p.Source.Protocol(), "from", p.From)
	wait, reported := firstWait, ingest.Reason("")
	for ctx.Err() == nil {
		if p.taken(gate) {
			wire.Sleep(ctx, firstWait)
			continue
		}
		a := &attempt{pull: p, gate: gate}
		err := a.fetch(ctx, log)
		if ctx.Err() != nil {
			break
		}
		reason := ingest.ReasonOf(err)
		switch {
		case a.asked:
			reported = ""
		case reason != reported:
			gate.Refuse(ingest.Request{Protocol: p.Source.Protocol(), Stream: p.Stream, Remote: p.From}, err)
			reported = reason
		}
		switch {
		case a.session != nil && time.Since(a.began) >= lasted:
			wait = firstWait
		case reason == ingest.ReasonRefused:
			wait = refusedWait
		}
		log.Debug("pull ended", "reason", string(reason), "again", wait)
		wire.Sleep(ctx, wait*3/4+rand.N(wait/2))
		wait = min(2*wait, lastWait)
	}
	return nil
}

// taken reports whether somebody publishes the stream as its primary. A backup goes on beside a pull.
func (p *Pull) taken(gate *ingest.Gate) bool {
	for _, s := range gate.Statuses() {
		for _, in := range s.Inputs {
			if s.Stream == p.Stream && in.Role == ingest.Primary {
				return true
			}
		}
	}
	return false
}

// fetch is the attempt. One bad source never takes the node, and leaves no session behind.
func (a *attempt) fetch(ctx context.Context, log *slog.Logger) (err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("panic", "panic", r, "stack", string(debug.Stack()))
			err = ingest.Errorf(ingest.ReasonInternal, "panic of a %s source", a.pull.Source.Protocol())
			if a.session != nil {
				a.session.End(err)
			}
		}
	}()
	return a.pull.Source.Fetch(ctx, a.admit, log)
}

// admit is the Admit of the attempt. An encoder may have come since it began.
func (a *attempt) admit(ctx context.Context, r ingest.Request) (*ingest.Session, error) {
	if a.pull.taken(a.gate) {
		return nil, errTaken
	}
	r.Protocol, r.Stream, r.Key, r.Pulled = a.pull.Source.Protocol(), a.pull.Stream, a.pull.Key, true
	a.asked, a.began = true, time.Now()
	s, err := a.gate.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	a.session = s
	return s, nil
}

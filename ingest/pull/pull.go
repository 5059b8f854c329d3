// Package pull fetches streams from elsewhere, for as long as the server runs: it connects, opens a session as any encoder
// does, and after an end tries again, ever more slowly.
//
// It owns the loop and the rule of what may be connected to. How a protocol is spoken is its Source's.
package pull

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// Source is where a stream is fetched from. It holds the secrets of the place; nothing of those may be in an error.
type Source interface {
	// Protocol is the log field and metric label.
	Protocol() string
	// Fetch connects, admits itself once the other end has answered, feeds the session until either ends, and ends it.
	// It returns the same error as it ended the session with, an *ingest.Error; nil where the other end said goodbye.
	Fetch(ctx context.Context, admit Admit, log *slog.Logger) error
}

// Admit opens the session of a source whose other end is remote. Protocol, stream and key need not be set.
type Admit func(ctx context.Context, r ingest.Request) (*ingest.Session, error)

// Pull is one stream to be fetched.
type Pull struct {
	Stream string // as it is published
	Key    string // of the stream, as an encoder would send it
	Source Source
}

// The waits between attempts: doubled from the first to the last, and from the first again after a session that lasted.
// What has been refused will hardly become better by itself.
const (
	firstWait   = time.Second
	lastWait    = 30 * time.Second
	refusedWait = 5 * time.Minute
	lasted      = 30 * time.Second
	spread      = 16 // the part of a wait that chance adds, so that not all cameras of a switch are asked at once
)

// Run fetches until ctx ends, and returns nil then. Of attempts that fail alike in a row, the journal has the first.
func (p *Pull) Run(ctx context.Context, gate *ingest.Gate, log *slog.Logger) error {
	log = log.With("stream", p.Stream, "protocol", p.Source.Protocol())
	wait, reported := firstWait, ingest.Reason("")
	for ctx.Err() == nil {
		if onAir(gate, p.Stream) { // somebody publishes it: not to be taken away
			sleep(ctx, lastWait)
			continue
		}
		began := time.Now()
		opened := false
		admit := func(ctx context.Context, r ingest.Request) (*ingest.Session, error) {
			opened = true // whatever comes of it is in the journal
			r.Protocol, r.Stream, r.Key = p.Source.Protocol(), p.Stream, p.Key
			return gate.Open(ctx, r)
		}
		err := p.fetch(ctx, admit, log)
		if ctx.Err() != nil {
			break
		}
		reason := ingest.ReasonOf(err)
		if !opened && reason != reported {
			gate.Refuse(ingest.Request{Protocol: p.Source.Protocol(), Stream: p.Stream}, err)
			reported = reason
		}
		if opened {
			reported = ""
		}
		switch {
		case opened && time.Since(began) >= lasted:
			wait = firstWait
		case reason == ingest.ReasonRefused:
			wait = refusedWait
		}
		log.Debug("pull ended", "reason", string(reason), "again", wait)
		sleep(ctx, wait+rand.N(wait/spread))
		wait = min(2*wait, lastWait)
	}
	return nil
}

func onAir(gate *ingest.Gate, stream string) bool {
	for _, in := range gate.Inputs() {
		if in.Stream == stream {
			return true
		}
	}
	return false
}

// fetch is one attempt: one bad source never takes the node.
func (p *Pull) fetch(ctx context.Context, admit Admit, log *slog.Logger) (err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("panic", "panic", r, "stack", string(debug.Stack()))
			err = ingest.Errorf(ingest.ReasonInternal, "%s", fmt.Sprintf("panic of a %s source", p.Source.Protocol()))
		}
	}()
	return p.Source.Fetch(ctx, admit, log)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

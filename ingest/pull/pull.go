// Package pull takes streams from where they are, such as cameras, instead of waiting for them to come: it connects to the
// URLs that the operator has configured, and connects again for as long as the server runs.
//
// It owns when to connect and where to; how a scheme is spoken is the matter of its Source. What is pulled comes in through
// the Gate like every other session, under the protocol "SCHEME-pull".
package pull

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// Source speaks one or more schemes. It is safe for concurrent use.
type Source interface {
	// Pull connects to u, opens a session once it knows what there is, and writes to it until ctx ends, the session is to
	// end, or the source does. It Ends the session that it has opened, and returns why, as an *ingest.Error; never nil.
	//
	// Connections must be made by d, or with its Control: it refuses addresses that no source may have. open takes a
	// request in which only Clock, and what the source calls itself, is set. Nothing that is returned or logged may hold the
	// user information of u.
	Pull(ctx context.Context, u *url.URL, d *net.Dialer, open func(context.Context, ingest.Request) (*ingest.Session, error)) error
}

// Config of a Puller.
type Config struct {
	Pulls   []Pull
	Keys    map[string]string // of the streams: a pull is admitted by the key of its own
	Sources map[string]Source // by scheme

	// The time before the next attempt doubles from MinWait to MaxWait; 1 s and 30 s when zero. A quarter of it is left to
	// chance, so that cameras behind one switch do not all come back at once.
	MinWait, MaxWait time.Duration
}

// The bounds that no setting moves.
const (
	connectTimeout = 10 * time.Second
	settled        = 10 * time.Second // a session that lasted longer has made the next attempt a first one
	repeatEvery    = 10 * time.Minute // for the same failure to be entered into the journal again
)

// Pull is one source of one stream.
type Pull struct {
	Stream string
	URL    *url.URL // may hold a password: not to be logged
}

// ErrPulls says what a list of pulls must look like.
var ErrPulls = errors.New("pulls are STREAM=URL, separated by commas")

// Parse reads "door=rtsp://user:password@camera/stream,…". Its errors never hold a URL.
func Parse(list string) ([]Pull, error) {
	var pulls []Pull
	seen := make(map[string]bool)
	for _, entry := range strings.Split(list, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		stream, address, ok := strings.Cut(entry, "=")
		if !ok || stream == "" {
			return nil, ErrPulls
		}
		if seen[stream] {
			return nil, fmt.Errorf("stream %q is pulled twice", stream)
		}
		seen[stream] = true
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Hostname() == "" {
			return nil, fmt.Errorf("the URL of stream %q cannot be read: %w", stream, ErrPulls)
		}
		pulls = append(pulls, Pull{stream, u})
	}
	return pulls, nil
}

// Puller pulls all that is configured.
type Puller struct {
	cfg  Config
	gate *ingest.Gate
	log  *slog.Logger
}

// New makes a Puller. The error names the stream whose scheme nobody speaks, or that has no key.
func New(c Config, gate *ingest.Gate, log *slog.Logger) (*Puller, error) {
	if c.MinWait == 0 {
		c.MinWait = time.Second
	}
	if c.MaxWait == 0 {
		c.MaxWait = 30 * time.Second
	}
	for _, p := range c.Pulls {
		if c.Sources[p.URL.Scheme] == nil {
			return nil, fmt.Errorf("pull: stream %q: %q is no scheme that can be pulled", p.Stream, p.URL.Scheme)
		}
		if c.Keys[p.Stream] == "" {
			return nil, fmt.Errorf("pull: there is no stream %q", p.Stream)
		}
	}
	return &Puller{cfg: c, gate: gate, log: log}, nil
}

// Run pulls until ctx ends, and returns nil once all has ended.
func (p *Puller) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for _, one := range p.cfg.Pulls {
		running.Go(func() { p.keep(ctx, one) })
	}
	return nil
}

// keep pulls one source again and again.
func (p *Puller) keep(ctx context.Context, one Pull) {
	log := p.log.With("protocol", protocol(one), "stream", one.Stream, "remote", one.URL.Host)
	wait := p.cfg.MinWait
	var failures refusals
	for ctx.Err() == nil {
		if !p.onAir(one.Stream) {
			began := time.Now()
			opened, err := p.once(ctx, one)
			if ctx.Err() != nil {
				return
			}
			if opened && time.Since(began) > settled {
				wait = p.cfg.MinWait
			}
			if !opened && failures.isNew(ingest.ReasonOf(err), time.Now()) {
				p.gate.Refuse(request(one), err)
			}
			if opened {
				failures = refusals{}
			}
			log.Debug("pull ended", "reason", string(ingest.ReasonOf(err)), "retry", wait)
		}
		sleep(ctx, wait*3/4+rand.N(wait/2))
		wait = min(2*wait, p.cfg.MaxWait)
	}
}

// once is one attempt. It reports whether a session was opened or refused by the gate, which has entered it into the journal.
func (p *Puller) once(ctx context.Context, one Pull) (opened bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			p.log.Error("panic", "stream", one.Stream, "panic", v)
			err = &ingest.Error{Reason: ingest.ReasonInternal}
		}
	}()
	d := &net.Dialer{Timeout: connectTimeout, Control: Control}
	return opened, p.cfg.Sources[one.URL.Scheme].Pull(ctx, one.URL, d, func(ctx context.Context, r ingest.Request) (*ingest.Session, error) {
		opened = true
		own := request(one)
		own.Key, own.Clock, own.Agent = p.cfg.Keys[one.Stream], r.Clock, r.Agent
		return p.gate.Open(ctx, own)
	})
}

// onAir reports whether somebody publishes the stream: a broadcaster who does is not taken the stream away from.
func (p *Puller) onAir(stream string) bool {
	for _, in := range p.gate.Inputs() {
		if in.Stream == stream {
			return true
		}
	}
	return false
}

func protocol(p Pull) string { return p.URL.Scheme + "-pull" }

func request(p Pull) ingest.Request {
	return ingest.Request{Protocol: protocol(p), Stream: p.Stream, Remote: p.URL.Host}
}

// refusals keeps a source that is away for days from filling the journal.
type refusals struct {
	reason ingest.Reason
	at     time.Time
}

func (r *refusals) isNew(reason ingest.Reason, now time.Time) bool {
	if r.reason == reason && now.Sub(r.at) < repeatEvery {
		return false
	}
	r.reason, r.at = reason, now
	return true
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

package whip

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"math"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// Server takes encoders in. It is an http.Handler for /whip and all below it, and safe for concurrent use.
type Server struct {
	cfg     Config
	gate    *ingest.Gate
	log     *slog.Logger
	metrics *metrics
	limiter *wire.Limiter // of sessions that have sent no media yet
	flood   wire.Throttle // for refusals that cost a peer nothing

	engine   atomic.Pointer[engine] // nil while Run does not
	admitted chan *peer
	stopped  chan struct{} // closed once no more are taken from admitted

	mu    sync.Mutex // guards peers
	peers map[string]*peer
}

// New makes a Server that admits its encoders at gate. It answers requests as soon as Run has begun.
func New(cfg Config, gate *ingest.Gate, logger *slog.Logger) *Server {
	cfg = cfg.withDefaults()
	return &Server{
		cfg: cfg, gate: gate, log: logger.With("protocol", protocol), metrics: newMetrics(), limiter: wire.NewLimiter(math.MaxInt, cfg.MaxWaiting),
		admitted: make(chan *peer), stopped: make(chan struct{}), peers: make(map[string]*peer),
	}
}

// Collector of the server's metrics.
func (s *Server) Collector() prometheus.Collector { return s.metrics }

// Run serves until ctx ends. It returns nil then, once every session has ended and the ports are closed. Call it once.
func (s *Server) Run(ctx context.Context) error {
	e, err := newEngine(s.cfg, s.log)
	if err != nil {
		return err
	}
	s.log.Info("listening", "address", s.cfg.Ports.udp.LocalAddr().String())
	s.engine.Store(e)
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer e.close()
	defer running.Wait()
	defer cancel()
	defer close(s.stopped)
	for {
		select {
		case <-ctx.Done():
			s.engine.Store(nil)
			return nil
		case p := <-s.admitted:
			running.Go(func() { s.serve(ctx, p) })
		}
	}
}

// serve is the whole life of one session after its answer.
func (s *Server) serve(ctx context.Context, p *peer) {
	s.metrics.sessions.Inc()
	defer s.metrics.sessions.Dec()
	defer s.forget(p)
	pprof.Do(ctx, pprof.Labels("part", protocol, "stream", p.session.Stream()), p.run)
}

func (s *Server) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p.id)
}

// find is the session of an ID; nil where there is none.
func (s *Server) find(id string) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peers[id]
}

// open admits and answers an encoder, and has its session run. The error is an *ingest.Error, and in the journal.
func (s *Server) open(ctx context.Context, r ingest.Request, text []byte) (p *peer, answer string, err error) {
	e := s.engine.Load()
	if e == nil {
		return nil, "", s.refuse(r, &ingest.Error{Reason: ingest.ReasonShutdown})
	}
	waiting, err := s.limiter.Enter(r.Remote)
	if err != nil {
		return nil, "", s.refuse(r, err)
	}
	settled := sync.OnceFunc(waiting.Leave)
	session, err := s.gate.Open(ctx, r)
	if err != nil {
		settled()
		s.metrics.refuse(err)
		return nil, "", err
	}
	if p, answer, err = s.connect(ctx, e, session, text); err != nil {
		settled()
		session.End(err)
		s.metrics.refuse(err)
		return nil, "", err
	}
	p.settled, p.key = settled, sha256.Sum256([]byte(r.Key))
	p.log = s.log.With("stream", session.Stream(), "remote", r.Remote)
	s.mu.Lock()
	s.peers[p.id] = p
	s.mu.Unlock()
	select {
	case s.admitted <- p:
		return p, answer, nil
	case <-s.stopped:
	}
	s.forget(p)
	p.close()
	settled()
	err = &ingest.Error{Reason: ingest.ReasonShutdown}
	session.End(err)
	return nil, "", err
}

// connect makes the connection that an offer asks for.
func (s *Server) connect(ctx context.Context, e *engine, session *ingest.Session, text []byte) (*peer, string, error) {
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	o, err := newOffer(text)
	if err != nil {
		return nil, "", err
	}
	at, err := e.place(ctx)
	if err != nil {
		return nil, "", err
	}
	pc, err := e.connection(o)
	if err != nil {
		return nil, "", ingest.Errorf(ingest.ReasonBadMessage, "the offer cannot be answered: %s", wire.Printable(err.Error()))
	}
	p := &peer{
		server: s, id: newSecret(), session: session, offer: o, place: at, pc: pc, log: s.log,
		tracks: make(chan arrival, maxLayers+1), events: make(chan event, maxEvents), changed: make(chan struct{}, 1),
		goodbye: make(chan struct{}), fragments: bucket{rate: patchRate, burst: patchBurst},
	}
	p.listen()
	answer, err := at.negotiate(ctx, pc, o.text)
	if err != nil {
		p.close()
		return nil, "", err
	}
	ufrag, pwd := credentialsOf(o.text)
	p.ice = credentials{ufrag, pwd, newSecret()}
	return p, answer, nil
}

// refuse enters a refusal into the journal, of a flood of them one a second, and returns it.
func (s *Server) refuse(r ingest.Request, err error) error {
	s.metrics.refuse(err)
	if s.flood.Allow(time.Now()) {
		r.Key = ""
		s.gate.Refuse(r, err)
	}
	return err
}

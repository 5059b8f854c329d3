package srt

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/mpegts"
)

// Server takes callers in on one UDP port.
type Server struct {
	cfg       Config
	gate      *ingest.Gate
	log       *slog.Logger
	metrics   *metrics
	farewells farewells
	waiting   chan struct{} // a place for each caller that is being decided on
	open      atomic.Int64  // connections
	flood     time.Time     // until when no more refusals of whole connections are written down
	listener  gosrt.Listener
}

// Listen opens the port. Nothing is taken in before Run, which must be called, or Close.
func Listen(cfg Config, gate *ingest.Gate, logger *slog.Logger) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, gate: gate, log: logger.With("protocol", protocol), metrics: newMetrics(),
		waiting: make(chan struct{}, cfg.MaxWaiting),
	}
	at, err := net.ResolveUDPAddr("udp", cfg.Address) // gosrt takes numbers alone
	if err != nil {
		return nil, fmt.Errorf("srt: %w", err)
	}
	address := at.String()
	if at.IP == nil {
		address = ":" + strconv.Itoa(at.Port)
	}
	c := gosrt.DefaultConfig()
	c.ReceiverLatency, c.PeerLatency = cfg.Latency, cfg.Latency
	c.PeerIdleTimeout = peerTimeout
	c.Logger = &s.farewells
	c.ListenerControl = s.tune
	if s.listener, err = gosrt.Listen("srt", address, c); err != nil {
		return nil, fmt.Errorf("srt: %w", err)
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close gives the port back when Run will not be called.
func (s *Server) Close() { s.listener.Close() }

// Collector of the server's metrics.
func (s *Server) Collector() prometheus.Collector { return s.metrics }

// Run serves until ctx ends. It returns nil then, once every connection has ended; an error where the port breaks.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("listening", "address", s.Addr().String())
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		<-ctx.Done()
		s.listener.Close()
	})
	for {
		req, err := s.accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("srt: %w", err)
		case req != nil:
			s.admit(ctx, &running, req)
		}
	}
}

// accept waits for a caller whose handshake is complete. It returns neither where that breaks the protocol.
func (s *Server) accept() (req gosrt.ConnRequest, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.malformed.Inc()
			s.log.Debug("handshake", "panic", p)
			req, err = nil, nil
		}
	}()
	return s.listener.Accept2()
}

// admit finds a place for a caller, or sends it away.
func (s *Server) admit(ctx context.Context, running *sync.WaitGroup, req gosrt.ConnRequest) {
	var err error
	if n := s.open.Load(); n >= int64(s.cfg.MaxConnections) {
		err = ingest.Errorf(ingest.ReasonTooMany, "%d connections are open, the limit", n)
	} else {
		select {
		case s.waiting <- struct{}{}:
			s.open.Add(1)
			running.Go(func() {
				defer s.open.Add(-1)
				s.serve(ctx, req)
			})
			return
		default:
			err = ingest.Errorf(ingest.ReasonTooMany, "%d callers are being decided on, the limit", s.cfg.MaxWaiting)
		}
	}
	req.Reject(rejection(err))
	s.metrics.refuse(err)
	if now := time.Now(); now.After(s.flood) {
		s.flood = now.Add(time.Second)
		s.gate.Refuse(s.request(req), err)
	}
}

// request is what is known of a caller before its streamid is read.
func (s *Server) request(req gosrt.ConnRequest) ingest.Request {
	return ingest.Request{Protocol: protocol, Remote: req.RemoteAddr().String(), Clock: mpegts.Clock}
}

// serve is the whole life of one caller.
func (s *Server) serve(ctx context.Context, req gosrt.ConnRequest) {
	log := s.log.With("remote", req.RemoteAddr().String())
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	session, err := s.decide(ctx, req)
	<-s.waiting
	if err != nil {
		req.Reject(rejection(err))
		s.metrics.refuse(err)
		return
	}
	goodbye := s.farewells.watch(req.SocketId())
	defer s.farewells.forget(req.SocketId())
	conn, err := req.Accept()
	if err != nil {
		session.End(&ingest.Error{Reason: ingest.ReasonBadHandshake, Err: err})
		return
	}
	s.metrics.connections.Inc()
	defer s.metrics.connections.Dec()
	pprof.Do(ctx, pprof.Labels("part", protocol, "stream", session.Stream()), func(ctx context.Context) {
		_ = newReceiver(conn, session, goodbye, s.cfg.MediaTimeout, s.metrics.received, log).run(ctx) // the journal has it
	})
}

// decide opens a session for a caller. The error is an *ingest.Error, which the journal has.
func (s *Server) decide(ctx context.Context, req gosrt.ConnRequest) (*ingest.Session, error) {
	r := s.request(req)
	err := checkVersion(req)
	if err == nil {
		r.Stream, r.Key, err = parseStreamID(req.StreamId())
	}
	if err != nil {
		s.gate.Refuse(r, err)
		return nil, err
	}
	r.Check = func(stream string) error { return s.cfg.Passphrases.unlock(req, stream) }
	return s.gate.Open(ctx, r)
}

// checkVersion refuses the old handshake, which has no streamid.
func checkVersion(req gosrt.ConnRequest) error {
	const current = 5
	if v := req.Version(); v != current {
		return ingest.Errorf(ingest.ReasonBadHandshake, "version %d of the handshake", v)
	}
	return nil
}

// rejection is what a caller is told (SRT, table 7; Access control, Rejection Codes).
func rejection(err error) gosrt.RejectionReason {
	switch ingest.ReasonOf(err) {
	case ingest.ReasonWrongKey, ingest.ReasonKeyExpired:
		return gosrt.REJX_UNAUTHORIZED
	case ingest.ReasonNotAllowed:
		return gosrt.REJX_FORBIDDEN
	case ingest.ReasonWrongSecret:
		return gosrt.REJ_BADSECRET
	case ingest.ReasonBadName:
		return gosrt.REJX_BAD_REQUEST
	case ingest.ReasonNotPublishing:
		return gosrt.REJX_BAD_MODE
	case ingest.ReasonUnsupported:
		return gosrt.REJX_NOTSUP_MEDIA
	case ingest.ReasonTooMany, ingest.ReasonTooManyAttempts:
		return gosrt.REJX_OVERLOAD
	case ingest.ReasonBadHandshake:
		return gosrt.REJ_VERSION
	case ingest.ReasonShutdown, ingest.ReasonAuthUnavailable:
		return gosrt.REJX_DOWN
	}
	return gosrt.REJX_ISE
}

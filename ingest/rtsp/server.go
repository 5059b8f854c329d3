package rtsp

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// Server takes encoders in on one port.
type Server struct {
	cfg     Config
	gate    wire.Door
	log     *slog.Logger
	metrics *wire.Metrics
	limiter *wire.Limiter
	serial  atomic.Uint64 // of connections
	flood   wire.Throttle // for refusals of whole connections, which cost a peer nothing
}

// New makes a Server that admits its encoders at gate, an *ingest.Gate.
func New[S wire.Session](cfg Config, gate wire.Gate[S], logger *slog.Logger) *Server {
	cfg = cfg.withDefaults()
	if cfg.TLS != nil {
		cfg.UDP = nil // what TLS keeps secret does not go in the open beside it
	}
	return &Server{
		cfg:     cfg,
		gate:    wire.DoorOf(gate),
		log:     logger.With("protocol", cfg.protocol()),
		metrics: wire.NewMetrics("rtsp", cfg.protocol()),
		limiter: wire.NewLimiter(cfg.MaxConnections, cfg.MaxWaiting),
	}
}

// Collector of the server's metrics, labelled with its protocol.
func (s *Server) Collector() prometheus.Collector { return s.metrics }

// Run listens and serves until ctx ends. It returns nil then, once every connection has ended; an error where the port
// cannot be had or the listener was closed by someone else.
func (s *Server) Run(ctx context.Context) error {
	l := s.cfg.Listener
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Address); err != nil {
			return fmt.Errorf("rtsp: %w", err)
		}
	}
	s.log.Info("listening", "address", l.Addr().String())

	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		<-ctx.Done()
		l.Close()
	})
	if u := s.cfg.UDP; u != nil {
		s.log.Info("listening", "address", u.rtp.LocalAddr().String(), "network", "udp")
		running.Go(u.run)
		running.Go(func() {
			<-ctx.Done()
			u.Close()
		})
	}
	err := wire.Accept(ctx, l, s.log, func(nc net.Conn) {
		if place := s.admit(nc); place != nil {
			running.Go(func() { s.serve(ctx, nc, place) })
		}
	})
	if err != nil {
		return fmt.Errorf("rtsp: %w", err)
	}
	return nil
}

// request is what is known of a connection before its first byte.
func (s *Server) request(nc net.Conn) ingest.Request {
	return ingest.Request{Protocol: s.cfg.protocol(), Remote: nc.RemoteAddr().String(), Clock: wireClock}
}

// admit finds a place for a connection, or closes it.
func (s *Server) admit(nc net.Conn) *wire.Place {
	p, err := s.limiter.Enter(nc.RemoteAddr().String())
	if err == nil {
		return p
	}
	nc.Close()
	s.metrics.Refuse(err)
	if s.flood.Allow(time.Now()) {
		s.gate.Refuse(s.request(nc), err)
	}
	return nil
}

// serve is the whole life of one connection.
func (s *Server) serve(ctx context.Context, nc net.Conn, p *wire.Place) {
	defer p.Leave()
	defer nc.Close()
	s.metrics.Connections.Inc()
	defer s.metrics.Connections.Dec()

	request := s.request(nc)
	if s.cfg.TLS != nil {
		nc = tls.Server(nc, s.cfg.TLS)
	}
	id := strconv.FormatUint(s.serial.Add(1), 10)
	pprof.Do(ctx, pprof.Labels("part", s.cfg.protocol(), "session", id), func(ctx context.Context) {
		newConn(s, nc, p, request, s.log.With("session", id, "remote", request.Remote)).serve(ctx)
	})
}

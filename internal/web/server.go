// Package web runs HTTP servers the way all of ours are run: with limits, one log line for what goes wrong, and an orderly
// end. It owns no route.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// drain is how long requests in flight may take to end. A held playlist request takes up to three target durations.
const drain = 5 * time.Second

// Server is one listening address. Run it once.
type Server struct {
	Name     string // for the log
	Address  string
	Handler  http.Handler
	TLS      *tls.Config  // nil: plain
	Listener net.Listener // nil: Address is listened on

	Protocols *http.Protocols // nil: HTTP/1, and HTTP/2 over TLS

	Log *slog.Logger
}

// Run serves until ctx ends, then lets requests in flight end and returns nil. Requests that wait are told by their
// context.
func (s *Server) Run(ctx context.Context) error {
	l := s.Listener
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", s.Address); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           recoverer(s.Handler, s.Log),
		TLSConfig:         s.TLS,
		Protocols:         s.Protocols,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       15 * time.Second, // no request of ours has a body worth more
		IdleTimeout:       2 * time.Minute,
		WriteTimeout:      2 * time.Minute, // more than a held request and a slow reader's largest segment take
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	s.Log.Info("listening", "server", s.Name, "address", l.Addr().String(), "tls", s.TLS != nil)
	ended := make(chan error, 1)
	go func() {
		if s.TLS != nil {
			ended <- srv.ServeTLS(l, "", "")
		} else {
			ended <- srv.Serve(l)
		}
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("%s: %w", s.Name, err)
	case <-ctx.Done():
	}
	cancel()
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	if err := srv.Shutdown(grace); err != nil {
		_ = srv.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}

// recoverer keeps a panic inside its request.
func recoverer(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				log.Error("request panicked", "path", r.URL.Path, "panic", fmt.Sprint(p))
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

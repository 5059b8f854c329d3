// Package wire is what the doors have in common, those over TCP above all: a listener that outlives its troubles, places for
// connections, and deadlines that say what it means to miss them. What the bytes mean is each protocol's own.
package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Accept hands each connection to serve until ctx ends, when it returns nil. serve must not block. The error is that of a
// listener closed by someone else.
func Accept(ctx context.Context, l net.Listener, log *slog.Logger, serve func(net.Conn)) error {
	const shortest, longest = 5 * time.Millisecond, time.Second
	wait := shortest
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		case err != nil: // such as no free file descriptor: it comes back at once until one is free
			log.Warn("accept", "error", err, "retry", wait)
			Sleep(ctx, wait)
			wait = min(2*wait, longest)
			continue
		}
		wait = shortest
		serve(nc)
	}
}

// Sleep waits for d, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

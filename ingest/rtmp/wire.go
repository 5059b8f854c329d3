package rtmp

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
)

// wire is a connection's byte stream, with the deadlines on it. All is for one goroutine but interrupt.
//
// Its errors are *ingest.Error: a read that ends says why the connection does.
type wire struct {
	net.Conn
	total    prometheus.Counter
	received uint64        // bytes
	overdue  ingest.Reason // what a missed read deadline means
	armed    time.Time     // when the read deadline was set
	broken   bool          // a write has failed
	cause    atomic.Pointer[ingest.Error]
}

// expect sets the time within which something must have arrived, and what it means if it has not.
func (w *wire) expect(within time.Duration, overdue ingest.Reason) {
	w.overdue, w.armed = overdue, time.Now()
	w.SetReadDeadline(w.armed.Add(within))
	// interrupt stores its cause before it sets its deadline. Either the cause is seen here, or its deadline came later than
	// ours and stands.
	if w.cause.Load() != nil {
		w.SetReadDeadline(w.armed)
	}
}

// renew is expect with ReasonTimeout for each media message, at the cost of a clock reading: the deadline itself is moved
// ten times in its span.
func (w *wire) renew(within time.Duration) {
	if w.overdue != ingest.ReasonTimeout || time.Since(w.armed) > within/10 {
		w.expect(within, ingest.ReasonTimeout)
	}
}

// interrupt makes reads fail with cause, the one under way included. Only the first call counts. It is safe for concurrent
// use.
func (w *wire) interrupt(cause *ingest.Error) {
	if w.cause.CompareAndSwap(nil, cause) {
		w.SetReadDeadline(time.Unix(1, 0))
	}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.received += uint64(n)
	w.total.Add(float64(n))
	return n, w.fault(err)
}

// fault says what an error of the connection means.
func (w *wire) fault(err error) error {
	if err == nil {
		return nil
	}
	if cause := w.cause.Load(); cause != nil {
		return cause
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &ingest.Error{Reason: w.overdue}
	}
	return &ingest.Error{Reason: ingest.ReasonDisconnected, Err: err}
}

func (w *wire) Write(p []byte) (int, error) {
	if w.broken {
		return 0, net.ErrClosed
	}
	w.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := w.Conn.Write(p)
	w.broken = err != nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, ingest.Errorf(ingest.ReasonTimeout, "the encoder does not read our answers")
	}
	return n, w.fault(err)
}

// linger reads on until the peer closes, for a moment: a socket that is closed with unread bytes is reset, and the last
// answer would be lost with it. hangUp closes our side first; without it the peer may say its own goodbye to the end, and
// GStreamer takes it for an error where it may not.
func (w *wire) linger(hangUp bool) {
	w.SetDeadline(time.Now().Add(lingerTimeout))
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok && hangUp {
		half.CloseWrite()
	}
	io.Copy(io.Discard, w.Conn)
}

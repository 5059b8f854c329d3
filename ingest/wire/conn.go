package wire

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

const (
	writeTimeout  = 5 * time.Second // for an answer to be taken by the peer's socket
	lingerTimeout = time.Second     // for the peer to read the last answer
)

// Conn is a connection's byte stream, with the deadlines on it. All is for one goroutine but Interrupt.
//
// Its errors are *ingest.Error: a read that ends says why the connection does.
type Conn struct {
	net.Conn
	Received uint64 // bytes read
	total    prometheus.Counter
	overdue  ingest.Reason // what a missed read deadline means
	armed    time.Time     // when the read deadline was set
	broken   bool          // a write has failed
	cause    atomic.Pointer[ingest.Error]
}

// NewConn takes a connection over. Bytes that it reads are added to total.
func NewConn(nc net.Conn, total prometheus.Counter) *Conn { return &Conn{Conn: nc, total: total} }

// Armed is when the deadline was last set.
func (w *Conn) Armed() time.Time { return w.armed }

// Expect sets the time within which something must have arrived, and what it means if it has not.
func (w *Conn) Expect(within time.Duration, overdue ingest.Reason) {
	w.overdue, w.armed = overdue, time.Now()
	w.SetReadDeadline(w.armed.Add(within))
	// Interrupt stores its cause before it sets its deadline. Either the cause is seen here, or its deadline came later than
	// ours and stands.
	if w.cause.Load() != nil {
		w.SetReadDeadline(w.armed)
	}
}

// Patient takes the deadline away: what is waited for comes another way.
func (w *Conn) Patient() {
	w.SetReadDeadline(time.Time{})
	if w.cause.Load() != nil { // as in Expect
		w.SetReadDeadline(time.Now())
	}
}

// Renew is Expect with ReasonTimeout for each media message, at the cost of a clock reading: the deadline itself is moved
// ten times in its span.
func (w *Conn) Renew(within time.Duration) {
	if w.overdue != ingest.ReasonTimeout || time.Since(w.armed) > within/10 {
		w.Expect(within, ingest.ReasonTimeout)
	}
}

// Interrupt makes reads fail with cause, the one under way included. Only the first call counts. It is safe for concurrent
// use.
func (w *Conn) Interrupt(cause *ingest.Error) {
	if w.cause.CompareAndSwap(nil, cause) {
		w.SetReadDeadline(time.Unix(1, 0))
	}
}

func (w *Conn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.Received += uint64(n)
	w.total.Add(float64(n))
	return n, w.Fault(err)
}

// Fault says what an error of the connection means.
func (w *Conn) Fault(err error) error {
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

func (w *Conn) Write(p []byte) (int, error) {
	if w.broken {
		return 0, net.ErrClosed
	}
	w.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := w.Conn.Write(p)
	w.broken = err != nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, ingest.Errorf(ingest.ReasonTimeout, "the encoder does not read our answers")
	}
	return n, w.Fault(err)
}

// Linger reads on until the peer closes, for a moment: a socket that is closed with unread bytes is reset, and the last
// answer would be lost with it. hangUp closes our side first; without it the peer may say its own goodbye to the end, and
// GStreamer takes it for an error where it may not.
func (w *Conn) Linger(hangUp bool) {
	w.SetDeadline(time.Now().Add(lingerTimeout))
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok && hangUp {
		half.CloseWrite()
	}
	io.Copy(io.Discard, w.Conn)
}

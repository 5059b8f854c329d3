package srt

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/mpegts"
)

// receiver passes what comes over one connection on to a session.
type receiver struct {
	conn    gosrt.Conn
	session *ingest.Session
	goodbye *atomic.Bool // the peer has said it
	timeout time.Duration
	log     *slog.Logger

	packets  packets
	counters mpegts.Counters
	cause    error // why watch closed the connection; set before it is
}

func newReceiver(conn gosrt.Conn, s *ingest.Session, goodbye *atomic.Bool, timeout time.Duration, received prometheus.Counter, log *slog.Logger) *receiver {
	return &receiver{conn: conn, session: s, goodbye: goodbye, timeout: timeout, log: log, packets: packets{conn: conn, received: received}}
}

// run ends with the connection, which it closes, and ends the session. It returns what the session was ended with.
func (r *receiver) run(ctx context.Context) error {
	var watching sync.WaitGroup
	read, stop := context.WithCancel(ctx)
	watching.Go(func() { r.watch(ctx, read.Done()) })
	err := mpegts.Read(&r.packets, r.session, &r.counters, r.log)
	stop()
	watching.Wait()
	r.report()
	r.conn.Close()
	switch {
	case r.cause != nil:
		err = r.cause
	case (err == nil || errors.Is(err, gosrt.ErrClientClosed)) && r.goodbye.Load():
		err = nil
	case err == nil || !errors.As(err, new(*ingest.Error)):
		err = &ingest.Error{Reason: ingest.ReasonDisconnected}
	}
	r.session.End(err)
	return err
}

// watch closes the connection when it must end: gosrt knows no deadline.
func (r *receiver) watch(ctx context.Context, done <-chan struct{}) {
	tick := time.NewTicker(min(reportEvery, r.timeout/10))
	defer tick.Stop()
	units, since := int64(0), time.Now()
	for {
		select {
		case <-done:
			if ctx.Err() == nil {
				return
			}
			r.close(&ingest.Error{Reason: ingest.ReasonShutdown})
			return
		case <-r.session.Done():
			r.close(r.session.Cause())
			return
		case now := <-tick.C:
			if n := r.counters.Units.Load(); n != units {
				units, since = n, now
			}
			if err := r.overdue(units, now.Sub(since)); err != nil {
				r.close(err)
				return
			}
			if buffered := r.report(); buffered > maxBuffered {
				r.close(ingest.Errorf(ingest.ReasonBadMessage, "%d bytes wait for a time far ahead", buffered))
				return
			}
		}
	}
}

// overdue is the error of a connection that has brought nothing for that long.
func (r *receiver) overdue(units int64, silent time.Duration) error {
	switch {
	case silent < r.timeout:
		return nil
	case units == 0:
		return ingest.Errorf(ingest.ReasonNoMedia, "no MPEG-TS with a picture or sound in %v", r.timeout)
	}
	return &ingest.Error{Reason: ingest.ReasonTimeout}
}

func (r *receiver) close(cause error) {
	r.cause = cause
	r.conn.Close()
}

// report tells the session how the link does, and returns how many bytes wait in the receiver.
func (r *receiver) report() (buffered uint64) {
	var s gosrt.Statistics
	r.conn.Stats(&s)
	r.session.Link(ingest.Link{
		RTTMs: s.Instantaneous.MsRTT, LatencyMs: float64(s.Instantaneous.MsRecvTsbPdDelay),
		Received: s.Accumulated.PktRecvUnique, Lost: s.Accumulated.PktRecvLoss,
		Retransmitted: s.Accumulated.PktRecvRetrans, Dropped: uint64(r.packets.missing.Load()),
		Broken: uint64(r.counters.Continuity.Load()),
	})
	return s.Instantaneous.ByteRecvBuf
}

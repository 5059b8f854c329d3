package whip

import (
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/stagecast/stagecast/ingest"
)

// watch keeps the deadlines of one session. It is for one goroutine; time is an argument.
type watch struct {
	cfg       Config
	since     time.Time // of the answer, then of the connection, then of the last unit
	connected bool      // has been
	broken    bool      // is not now
	flowing   bool      // a unit has come
}

// state follows the connection. The error is an *ingest.Error and ends the session.
func (w *watch) state(s webrtc.PeerConnectionState, now time.Time) error {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		if w.broken = false; !w.connected {
			w.connected, w.since = true, now
		}
	case webrtc.PeerConnectionStateDisconnected:
		w.broken = true
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		if !w.connected {
			return &ingest.Error{Reason: ingest.ReasonNoPath}
		}
		return &ingest.Error{Reason: ingest.ReasonDisconnected}
	}
	return nil
}

// media renews the deadline with a unit.
func (w *watch) media(now time.Time) { w.since, w.flowing = now, true }

// overdue says whether a deadline has passed, and which. fault is why what came could not be read, where that is so.
func (w *watch) overdue(now time.Time, fault error) error {
	waited := now.Sub(w.since)
	switch {
	case !w.connected && waited >= w.cfg.ConnectTimeout:
		return &ingest.Error{Reason: ingest.ReasonNoPath}
	case !w.connected || waited < w.cfg.MediaTimeout:
		return nil
	case fault != nil:
		return fault
	case w.broken:
		return &ingest.Error{Reason: ingest.ReasonDisconnected}
	case !w.flowing:
		return &ingest.Error{Reason: ingest.ReasonNoMedia}
	}
	return &ingest.Error{Reason: ingest.ReasonTimeout}
}

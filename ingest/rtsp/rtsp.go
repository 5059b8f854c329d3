// Package rtsp is the door for encoders that publish over RTSP (ANNOUNCE and RECORD) and the way to cameras that are pulled
// over it (DESCRIBE and PLAY). It turns RTP packets into access units.
//
// It owns the wire: requests, SDP, transports, RTP and RTCP, and the limits on all of them. Who may publish is the Gate's to
// say, and what timestamps mean the Session's.
//
// Requests, SDP and RTP payloads are read by github.com/bluenviron/gortsplib, piece by piece: each connection is run by a
// goroutine of ours, so that what a peer sends meets our limits and deadlines first, and a panic ends that connection alone.
//
// Clauses are cited as "RFC 2326" (RTSP 1.0), "RFC 4566" (SDP) and "RFC 3550" (RTP).
package rtsp

import (
	"cmp"
	"crypto/tls"
	"net"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// Config of a Server. The zero value has the defaults.
type Config struct {
	Address  string       // to listen on; ":8554" when empty
	Listener net.Listener // taken instead of Address where set; Run closes it
	TLS      *tls.Config  // makes it RTSPS, where media comes interleaved only; nil for plain RTSP
	UDP      *UDP         // for media over UDP; Run closes it. Where nil, encoders are told to interleave

	// Plain has the key itself asked for, not a proof of it: who judges it cannot check a proof.
	Plain bool

	// MaxConnections bounds all connections, publishing or not; 1000 when zero.
	MaxConnections int
	// MaxWaiting bounds the connections of one address (of one /64 for IPv6) that have not published yet; 32 when zero.
	MaxWaiting int

	// SetupTimeout is the time from accept to RECORD; 10 s when zero.
	SetupTimeout time.Duration
	// MediaTimeout is the time from RECORD to the first picture or sound, and from each to the next; 10 s when zero.
	// It may come a tenth early.
	MediaTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.Address = cmp.Or(c.Address, ":8554")
	c.MaxConnections = cmp.Or(c.MaxConnections, 1000)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 32)
	c.SetupTimeout = cmp.Or(c.SetupTimeout, 10*time.Second)
	c.MediaTimeout = cmp.Or(c.MediaTimeout, 10*time.Second)
	return c
}

// protocol is the log field and metric label.
func (c Config) protocol() string {
	if c.TLS != nil {
		return "rtsps"
	}
	return "rtsp"
}

// wireClock is the clock that the timestamps of all tracks are brought to. They come unwrapped.
var wireClock = ingest.WireClock{Rate: 90000, Bits: 64}

// The bounds that no setting moves.
const (
	readBuffer     = 64 << 10  // two pictures of a 6 Mb/s stream: one system call for each burst
	maxSetupBytes  = 256 << 10 // before RECORD
	maxSDP         = 32 << 10  // bytes of a session description; encoders need about one thousand
	maxMedias      = 8         // of a session description
	maxFormats     = 16        // of one media
	maxChallenges  = 3         // times that a connection is asked for its key
	maxPackets     = 8192      // of one access unit: 8 MiB in packets of 1 KiB
	maxPacketBytes = 16 << 20  // of one access unit, with all headers
	maxSets        = 32        // parameter sets of a track
	maxSetBytes    = 64 << 10  // likewise
	mailboxSize    = 1024      // datagrams that wait for one session: a key picture of 1.4 MB at once
	datagramSize   = 2048      // bytes of one; larger ones are cut, and dropped
	udpReadBuffer  = 4 << 20   // of the kernel, where it lets us
)

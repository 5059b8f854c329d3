// Package rtmp is the door for encoders that speak RTMP or RTMPS: it turns the bytes of Adobe's RTMP 1.0 and of Enhanced
// RTMP v2 into access units.
//
// It owns the wire: handshake, chunks, commands, FLV tags, and the limits on all of them. Who may publish is the Gate's to
// say, and what timestamps mean the Session's: they are passed on as they came.
//
// Clauses are cited as "RTMP 1.0" (Adobe's Real Time Messaging Protocol, 2012), "FLV 10.1" (Adobe Flash Video File Format,
// Annex E) and "E-RTMP v2" (Veovera's Enhanced RTMP).
package rtmp

import (
	"cmp"
	"crypto/tls"
	"net"
	"time"
)

// Config of a Server. The zero value has the defaults.
type Config struct {
	Address  string       // to listen on; ":1935" when empty, the port encoders assume
	Listener net.Listener // taken instead of Address where set; Run closes it
	TLS      *tls.Config  // makes it RTMPS; nil for plain RTMP

	// MaxConnections bounds all connections, publishing or not; 1000 when zero.
	MaxConnections int
	// MaxWaiting bounds the connections of one address (of one /64 for IPv6) that have not published yet; 32 when zero:
	// enough for a studio behind one address whose encoders all start at once.
	MaxWaiting int

	// SetupTimeout is the time from accept to publish; 10 s when zero.
	SetupTimeout time.Duration
	// MediaTimeout is the time from publish to the first picture or sound, and from each to the next; 10 s when zero.
	// It may come a tenth early.
	MediaTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.Address = cmp.Or(c.Address, ":1935")
	c.MaxConnections = cmp.Or(c.MaxConnections, 1000)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 32)
	c.SetupTimeout = cmp.Or(c.SetupTimeout, 10*time.Second)
	c.MediaTimeout = cmp.Or(c.MediaTimeout, 10*time.Second)
	return c
}

// protocol is the log field and metric label.
func (c Config) protocol() string {
	if c.TLS != nil {
		return "rtmps"
	}
	return "rtmp"
}

// The bounds that no setting moves.
const (
	readBuffer    = 64 << 10  // two pictures of a 6 Mb/s stream: one system call for each burst
	maxMetadata   = 64 << 10  // bytes of a message that is not media
	maxSetupBytes = 256 << 10 // of unfinished messages before publish
	maxMediaBytes = 16 << 20  // of unfinished messages after publish
	maxAborts     = 64        // messages given up by the encoder; none that we know does so
	maxHeldBytes  = 4 << 20   // of units that wait for the tracks to be known
	maxHeldUnits  = 512       // likewise
	maxTracks     = 10        // of a kind: OBS sends up to 10 pictures and 6 sounds
	maxNALUnits   = 4096      // of one access unit: a 4K key picture in slices of one IP packet has about a thousand
	ackWindow     = 2_500_000 // bytes between acknowledgements, for a peer that asks for no other
	minAckWindow  = 64 << 10  // a smaller one would make us answer each read
	outChunkSize  = 64 << 10  // larger than any answer, so that each is one chunk; ffmpeg takes it up for its own
	holdSpan      = 1000      // milliseconds of media after which a second track is no longer waited for
)

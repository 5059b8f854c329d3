// Package srt is the door for encoders that speak SRT, with MPEG-TS in it: a listener that encoders call, and a caller that
// fetches from a listener elsewhere.
//
// It owns the connections: who waits, which passphrase is whose, how long silence may last, what the link is measured at.
// The protocol's own machinery is gosrt's; the transport stream is ingest/mpegts's.
//
// Clauses are cited as "SRT" (draft-sharabayko-srt-01) and "Access control" (Haivision SRT, AccessControl.md).
package srt

import (
	"cmp"
	"time"
)

// Config of a Server. The zero value has the defaults.
type Config struct {
	Address     string      // UDP, to listen on; ":8890" when empty
	Passphrases Passphrases // which connections must be encrypted, and how

	// Latency is how long a lost packet may take to come again before it is given up, at least: the larger of this and
	// what the encoder asks for holds. 200 ms when zero, which is four times a round trip of 50 ms.
	Latency time.Duration

	MaxConnections int // publishing; 1000 when zero
	MaxWaiting     int // connections that are being decided on at a time; 32 when zero

	// MediaTimeout is the time from the connection to the first picture or sound, and from each to the next; 10 s when
	// zero. It may come a tenth early.
	MediaTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.Address = cmp.Or(c.Address, ":8890")
	c.Latency = cmp.Or(c.Latency, 200*time.Millisecond)
	c.MaxConnections = cmp.Or(c.MaxConnections, 1000)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 32)
	c.MediaTimeout = cmp.Or(c.MediaTimeout, 10*time.Second)
	return c
}

const protocol = "srt" // log field and metric label

// The bounds that no setting moves.
const (
	receiveBuffer = 8 << 20         // bytes that the kernel keeps for us: half a second of 128 Mb/s
	maxBuffered   = 64 << 20        // bytes of one connection that wait for their time to be handed over
	peerTimeout   = 5 * time.Second // without any packet, keep-alives included
	reportEvery   = time.Second     // the link's figures to the session
	maxStreamID   = 512             // bytes (SRT, 3.2.1.3)
)

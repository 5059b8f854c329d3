// Package whip is the door for browsers and encoders that speak WHIP, the WebRTC-HTTP Ingestion Protocol: it answers their
// offers over HTTP, receives their media over one UDP and TCP port, and turns RTP packets into access units.
//
// It owns the wire: offers and fragments, ICE, DTLS and SRTP by pion, the order of packets, the units in them, the one clock
// of picture and sound, and the limits on all of them. Who may publish is the Gate's to say, and what timestamps mean after
// that the Session's.
//
// What an encoder names as its own addresses is counted and left unused: a connection is only ever made to an address that
// has proven itself with the session's ICE password, so that no offer can make this server send anything anywhere.
package whip

import (
	"cmp"
	"time"
)

// Config of a Server. Where nothing else is said, the zero value has the default.
type Config struct {
	Ports *Ports // where media comes in; must be set. Run closes it

	// Host is the public address of Ports, an IP address or a name: for a server behind a translation of addresses. It is
	// announced beside the addresses of the interfaces, which are all there is when it is empty.
	Host string
	// URL is the base of the addresses that encoders are given, without a slash at its end; where it is empty, that is the
	// address that the encoder itself has used.
	URL string

	// KeyframeInterval is the time after which a key frame is asked for when none has come; 4 s when zero. Encoders in
	// browsers send none otherwise, and whoever begins to read a stream has to wait for one.
	KeyframeInterval time.Duration
	// MaxWaiting bounds the sessions of one address (of one /64 for IPv6) that have sent no media yet; 32 when zero.
	MaxWaiting int
	// ConnectTimeout is the time from the answer to a connection on the media port; 10 s when zero.
	ConnectTimeout time.Duration
	// MediaTimeout is the time from the connection to the first picture or sound, and from each to the next; 10 s when zero.
	MediaTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.KeyframeInterval = cmp.Or(c.KeyframeInterval, 4*time.Second)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 32)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 10*time.Second)
	c.MediaTimeout = cmp.Or(c.MediaTimeout, 10*time.Second)
	return c
}

// protocol is the log field and metric label.
const protocol = "whip"

// The bounds that no setting moves.
const (
	maxOffer      = 64 << 10 // bytes
	maxFragment   = 16 << 10 // bytes
	maxLines      = 2000     // of an offer; a browser's has some 200
	maxSections   = 4        // m= lines of an offer, refused ones included
	maxCandidates = 256      // of an offer, and of all fragments of one session
	maxLayers     = 6        // rids of one picture
	maxPacket     = 1600     // bytes: no network of ours carries more in one piece
	maxUnit       = 8 << 20  // bytes of one access unit
	maxNALUnits   = 4096     // of one access unit
	maxSets       = 8        // parameter sets of one kind in one picture
	maxSet        = 4 << 10  // bytes of one
	maxEvents     = 64       // units that wait for the session, of all its tracks

	gatherTimeout = 5 * time.Second // for our own addresses, host names included

	tickEvery = 200 * time.Millisecond // for what is due without a packet
	linkEvery = time.Second            // for the figures of the link

	patchRate  = 10 // fragments a second, of one session, in the long run
	patchBurst = 30 // and at once: one for each address of an encoder

	// nackEvery is the time between two requests for the same packet, and nackTimes how many there are of them.
	nackEvery, nackTimes = 40 * time.Millisecond, 12
	// patience is how long a missing packet is waited for: three or four round trips of a long way.
	patience = 500 * time.Millisecond
	// shortPatience is the same where nobody sends it again: as far as packets overtake each other.
	shortPatience = 100 * time.Millisecond
	// window is how many packets may be waited with, a power of two: patience at 16 Mb/s.
	window = 1024

	// requestEvery is the least time between two requests for a key frame.
	requestEvery = 500 * time.Millisecond
	// mendTime is how long pictures are held off after a loss, for want of a key frame. Some encoders send none on request;
	// a decoder then makes of the rest what it can.
	mendTime = 3 * time.Second
	// reshapeEvery is the least time between two changes of the decoder configuration, each of which is a new publication
	// and a new start of its ladder. Pictures of a third size in that time are left out.
	reshapeEvery = 2 * time.Second
	// climbEvery is the least time between two changes to a larger layer.
	climbEvery = 10 * time.Second
	// layerSilence is how long the layer on air may be silent before another takes its place.
	layerSilence = 2 * time.Second
	// settleTime is how long sound waits for the first picture and a first picture for larger layers and for sound.
	settleTime = 500 * time.Millisecond
)

// Package mpegts turns an MPEG transport stream (ISO/IEC 13818-1) into what an ingest.Session takes, for every protocol
// that carries one: H.264 and HEVC, AAC (ADTS and LATM), Opus, AC-3 and MPEG audio of the stream's first programme.
//
// It owns the bytes: packets, tables, PES packets, frames, and the limits on all of them. Sockets, and when a broadcaster
// that sends nothing has to go, are its callers'.
//
// Clauses without a name are of ISO/IEC 13818-1.
package mpegts

import (
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// Clock is that of a transport stream's timestamps.
var Clock = ingest.WireClock{Rate: 90000, Bits: 33}

// Session is what Read needs of *ingest.Session, which says what the methods promise.
type Session interface {
	Describe([]media.Track) error
	Write(ingest.Unit) error
}

// The bounds that no setting moves.
const (
	maxSection    = 1024     // bytes of a table's section (2.4.4.3, 2.4.4.8: section_length is at most 1021)
	maxPicture    = 16 << 20 // bytes of a PES packet with pictures, whose length need not be declared
	maxSound      = 128 << 10
	maxStreams    = 64       // of a programme that are looked at
	maxNALUnits   = 4096     // of one access unit: a 4K key picture in slices of one IP packet has about a thousand
	maxSets       = 16       // parameter sets of a kind
	maxHeldBytes  = 4 << 20  // of units that wait for the tracks to be known
	maxHeldUnits  = 512      // likewise
	soundWait     = 1        // seconds of media for which a picture waits for its sound to be known
	pictureWait   = 5        // seconds of media for which sound waits for the first key picture
	readSize      = 64 << 10 // bytes asked of the reader at a time; a datagram is less
	timestampBits = 33
	ticks         = 90000
)

// Read passes the stream on until r ends. It returns nil at io.EOF, the session's error, the reader's, or an *ingest.Error
// with ReasonUnsupported or ReasonBadMedia. What is broken on the wire is left out and counted: no loss ends a broadcast.
//
// The bytes that r fills are copied. c may be read meanwhile, by anyone.
func Read(r io.Reader, s Session, c *Counters, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "panic", p, "stack", string(debug.Stack()))
			err = &ingest.Error{Reason: ingest.ReasonInternal}
		}
	}()
	d := newDemuxer(s, c, log)
	buffer := make([]byte, readSize)
	for {
		n, err := r.Read(buffer)
		if failed := d.take(buffer[:n]); failed != nil {
			return failed
		}
		if errors.Is(err, io.EOF) {
			return d.end()
		}
		if err != nil {
			return err
		}
	}
}

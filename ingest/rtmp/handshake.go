package rtmp

import (
	"bufio"
	"crypto/rand"
	"io"

	"github.com/stagecast/stagecast/ingest"
)

const (
	protocolVersion = 3
	handshakeSize   = 1536 // of C1, C2, S1 and S2
)

// handshake answers the peer's (RTMP 1.0, 5.2).
//
// Encoders that can prove themselves by a digest put their version into C1, and want the same from a server whose S1 has
// one. Ours is zero, which makes all of them go on without: RTMP 1.0 knows no digest.
func handshake(r *bufio.Reader, w io.Writer) error {
	version, err := r.ReadByte()
	if err != nil {
		return err
	}
	if version != protocolVersion {
		return ingest.Errorf(ingest.ReasonBadHandshake, "version %d%s", version, guess(version))
	}
	answer := make([]byte, 1+2*handshakeSize) // S0, S1, S2
	answer[0] = protocolVersion
	s1, s2 := answer[1:1+handshakeSize], answer[1+handshakeSize:]
	rand.Read(s1[8:])                             // never fails; the first 8 bytes are our time and version
	if _, err := io.ReadFull(r, s2); err != nil { // S2 echoes C1
		return err
	}
	if _, err := w.Write(answer); err != nil {
		return err
	}
	_, err = r.Discard(handshakeSize) // C2 echoes S1; encoders differ in what they echo, and nothing hangs on it
	return err
}

// guess names what a first byte of another protocol looks like.
func guess(first byte) string {
	switch first {
	case 0x16:
		return ": looks like TLS"
	case 'C', 'D', 'G', 'H', 'O', 'P':
		return ": looks like HTTP"
	case 6, 8:
		return ": encrypted RTMP (RTMPE) is not supported"
	}
	return ""
}

package ingest

import (
	"errors"
	"fmt"
)

// Reason names why an attempt to publish was refused or a session ended. It is a log field, a metric label and a row of the
// status page, so the set is closed.
type Reason string

// The reasons, each with its Fix below where the broadcaster can do something about it.
const (
	ReasonUnpublished     Reason = "unpublished"       // the broadcaster stopped
	ReasonDisconnected    Reason = "disconnected"      // the connection broke without a word
	ReasonReplaced        Reason = "replaced"          // a newer session took the stream over with a key of the same role
	ReasonEnded           Reason = "ended"             // the operator ended the broadcast
	ReasonShutdown        Reason = "shutdown"          // this server stops
	ReasonTimeout         Reason = "timeout"           // nothing arrived for too long
	ReasonNoMedia         Reason = "no media"          // published, and then sent no picture or sound
	ReasonSlowSetup       Reason = "slow setup"        // connected, and did not publish in time
	ReasonNoPath          Reason = "no media path"     // signalling came through, and media did not
	ReasonWrongKey        Reason = "wrong key"         // no stream has this key
	ReasonKeyExpired      Reason = "key expired"       // the key was right, and its time is over
	ReasonNotAllowed      Reason = "not allowed"       // nobody may publish from this address
	ReasonAuthUnavailable Reason = "cannot be checked" // who decides about keys does not answer, or nonsense
	ReasonTooManyAttempts Reason = "too many attempts" // wrong keys came from this address, or this one from many
	ReasonWrongSecret     Reason = "wrong passphrase"  // of the connection's encryption: missing, wrong, or where there is none
	ReasonKeyInURL        Reason = "key in URL"        // the key came in a query, where proxies and logs keep it
	ReasonBadName         Reason = "bad name"          // no stream name or application of ours
	ReasonTooMany         Reason = "too many"          // the limit of sessions or connections is reached
	ReasonBadHandshake    Reason = "bad handshake"     // not this protocol, or not a version we know
	ReasonBadMessage      Reason = "bad message"       // the protocol's rules or our limits were broken
	ReasonBadMedia        Reason = "bad media"         // coded media that cannot be read
	ReasonUnsupported     Reason = "unsupported"       // a codec or command we do not take
	ReasonNeedsLadder     Reason = "needs ladder"      // sound that no player takes as it is, and nothing here encodes it
	ReasonUnreachable     Reason = "unreachable"       // a source that we pull from does not answer
	ReasonRefused         Reason = "refused"           // a source that we pull from does not want us
	ReasonForbidden       Reason = "forbidden"         // a source that we would pull from is where none may be
	ReasonNotPublishing   Reason = "not publishing"    // asked to play instead of publish
	ReasonInternal        Reason = "internal error"    // our fault
)

var fixes = map[Reason]string{
	ReasonDisconnected:    "Check the network between the encoder and this server.",
	ReasonTimeout:         "Check the encoder's network; lower its bitrate if the upload is too slow for it.",
	ReasonNoMedia:         "Start the encoder's outputs: a session must send a picture or sound within 10 s.",
	ReasonSlowSetup:       "Check that the encoder speaks this protocol on this port.",
	ReasonNoPath:          "Let UDP and TCP through to this server's media port (8189), and set webrtc.host to its public address if it is behind a NAT.",
	ReasonWrongKey:        "Copy the stream key again. OBS: Settings → Stream → Stream Key.",
	ReasonKeyInURL:        "Give the key as the password, as in rtsp://user:KEY@HOST:8554/STREAM, and change it: it may stand in logs.",
	ReasonBadName:         "OBS: Settings → Stream → Server must end in /live. With SRT the streamid is KEY, publish:STREAM:KEY or #!::m=publish,r=STREAM,s=KEY.",
	ReasonKeyExpired:      "Copy the new stream key. OBS: Settings → Stream → Stream Key.",
	ReasonNotAllowed:      "Publish from an address that auth.allow has, or add this one to it.",
	ReasonAuthUnavailable: "Check that auth.webhook or auth.jwt can be reached from this server, and its log.",
	ReasonTooManyAttempts: "Wait a minute, then copy the stream key again. OBS: Settings → Stream → Stream Key.",
	ReasonWrongSecret:     "Set the encoder's SRT passphrase to the server's srt.passphrase: 10 to 79 characters, on both sides or on none.",
	ReasonNeedsLadder:     "Choose AAC in the encoder, or start the server with --ladder auto.",
	ReasonUnreachable:     "Check the address in pulls, and that what sends there runs.",
	ReasonRefused:         "Check the user, the password, the streamid and the passphrase of the address in pulls.",
	ReasonTooMany:         "Stop a session that is not needed.",
	ReasonBadHandshake:    "Use the protocol and the version of this port: rtmp:// or rtmps://, or SRT 1.4.1 or newer.",
	ReasonBadMedia:        "Choose H.264 (or HEVC, AV1) and AAC in the encoder (Opus with WHIP). OBS: Settings → Output → Encoder.",
	ReasonUnsupported:     "Choose H.264 (or HEVC, AV1) and AAC in the encoder (Opus with WHIP). OBS: Settings → Output → Encoder.",
	ReasonForbidden:       "Pull from an address of one host; link-local, multicast and unspecified addresses are none.",
	ReasonNotPublishing:   "Watch the stream in a browser or an HLS player; this port only takes publishers.",
}

// Fix says in one sentence what the broadcaster can do; empty where there is nothing.
func (r Reason) Fix() string { return fixes[r] }

// Error is an error with a Reason.
type Error struct {
	Reason Reason
	Err    error  // may be nil
	Fix    string // in place of the Reason's, where the protocol has a better one
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "ingest: " + string(e.Reason)
	}
	return fmt.Sprintf("ingest: %s: %v", e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error. The text must hold no secret.
func Errorf(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Err: fmt.Errorf(format, args...)}
}

// FixOf says in one sentence what the broadcaster can do about err; empty where there is nothing.
func FixOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) && e.Fix != "" {
		return e.Fix
	}
	return ReasonOf(err).Fix()
}

// Explain is err and its fix, as one or two sentences for whoever reads the encoder's log.
func Explain(err error) string {
	text := err.Error()
	if fix := FixOf(err); fix != "" {
		text += ". " + fix
	}
	return text
}

// ReasonOf is the Reason that err carries: ReasonUnpublished for nil, ReasonInternal where it carries none.
func ReasonOf(err error) Reason {
	if err == nil {
		return ReasonUnpublished
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Reason
	}
	return ReasonInternal
}

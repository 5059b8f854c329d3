package ingest

import "github.com/stagecast/stagecast/internal/media"

// Session is one admitted broadcaster. Its methods are for one goroutine, except Done, Cause and Stream.
type Session struct{}

// Stream is the name of the stream that the session publishes.
func (s *Session) Stream() string { return "" }

// Describe says what tracks follow: at most one picture and one sound, in any order, with IDs of the caller's choice.
// Only ID, Codec, Config, and what the wire itself declares (FrameRate, Bitrate, Language) need be set; the rest is read
// from Config. It may be called again when a decoder configuration changes or a track joins; with nothing changed that is
// a no-op. The error is an *Error with ReasonBadMedia or ReasonUnsupported.
func (s *Session) Describe(tracks []media.Track) error { return nil }

// Write publishes one unit of a described track. Units of other tracks are counted and dropped.
// The error is an *Error and ends the session: the caller closes the connection and calls End with it.
func (s *Session) Write(u Unit) error { return nil }

// Done is closed when the Gate wants the session to end: taken over, ended by the API, or shutting down. The caller then
// closes the connection and calls End with Cause.
func (s *Session) Done() <-chan struct{} { return nil }

// Cause is why Done was closed: an *Error.
func (s *Session) Cause() error { return nil }

// End closes the session and enters it into the journal. nil means that the broadcaster said goodbye; any other error
// is the reason of the loss, and the stream waits for the encoder to come back. Only the first call counts.
func (s *Session) End(err error) {}

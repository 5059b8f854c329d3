package rtmp

import (
	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// content is what a tag holds.
type content uint8

const (
	nothing       content = iota // that we use: end of sequence, colour information, a seek
	unknown                      // a packet type that the standard does not have
	configuration                // the body is the codec's decoder configuration
	coded                        // the body is one access unit
)

// tag is an audio or video message read: FLV 10.1's tag, or E-RTMP v2's.
type tag struct {
	content content
	codec   media.Codec
	key     bool  // video: flagged as a key frame
	offset  int32 // video: composition time in milliseconds
	body    []byte
	others  int // tracks in the message that are not the default one
}

// parseTag reads an audio or video message. The error is an *ingest.Error: ReasonBadMedia, or ReasonUnsupported for a codec
// that the house does not carry.
func parseTag(m message) (tag, error) {
	if m.typeID == typeVideo {
		return parseVideo(m.payload)
	}
	return parseAudio(m.payload)
}

// errShort is for a message that ends inside its own header.
func errShort(kind media.Kind) error {
	return ingest.Errorf(ingest.ReasonBadMedia, "%v message cut off", kind)
}

// errCodec is for a codec that the house does not carry.
func errCodec(kind media.Kind, name string) error {
	return ingest.Errorf(ingest.ReasonUnsupported, "%v codec %s", kind, name)
}

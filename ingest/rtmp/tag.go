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
	foreign                      // of a codec that the house does not carry, in a track that is not the default one
	configuration                // the body is the codec's decoder configuration
	coded                        // the body is one access unit
)

// tag is what an audio or video message holds of one track: FLV 10.1's tag, or E-RTMP v2's.
type tag struct {
	content content
	track   uint8 // E-RTMP v2's trackId: 0 is the default track, and the only one that FLV has
	codec   media.Codec
	key     bool  // video: flagged as a key frame
	offset  int32 // video: composition time in milliseconds
	body    []byte
}

// parseTags reads an audio or video message and calls take for each track that it holds something of. The error is take's,
// or an *ingest.Error: ReasonBadMedia, or ReasonUnsupported for a default track of a codec that the house does not carry.
func parseTags(m message, take func(tag) error) error {
	if m.typeID == typeVideo {
		return parseVideo(m.payload, take)
	}
	return parseAudio(m.payload, take)
}

// errShort is for a message that ends inside its own header.
func errShort(kind media.Kind) error {
	return ingest.Errorf(ingest.ReasonBadMedia, "%v message cut off", kind)
}

// errCodec is for a codec that the house does not carry.
func errCodec(kind media.Kind, name string) error {
	return ingest.Errorf(ingest.ReasonUnsupported, "%v codec %s", kind, name)
}

package rtmp

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// completeFrom adds to a track what only its first key frame tells: the picture size of VP9, whose configuration record has
// none, and the sequence header of AV1, where av1C came without. The error is an *ingest.Error with ReasonBadMedia.
func (tr *track) completeFrom(key []byte) error {
	switch tr.codec {
	case media.VP9:
		var h vp9.Header
		if err := h.Unmarshal(key); err != nil || h.FrameSize == nil {
			return ingest.Errorf(ingest.ReasonBadMedia, "a VP9 key frame that cannot be read")
		}
		tr.width, tr.height = h.Width(), h.Height()
	case media.AV1:
		obu := sequenceHeader(key)
		if obu == nil {
			return ingest.Errorf(ingest.ReasonBadMedia, "an AV1 key frame without a sequence header")
		}
		tr.config = append(tr.config[:av1Fixed:av1Fixed], obu...)
	}
	tr.complete = true
	return nil
}

// av1Fixed is the size of av1C without OBUs.
const av1Fixed = 4

// isComplete reports whether a configuration needs no key frame.
func isComplete(codec media.Codec, config []byte) bool {
	return codec != media.VP9 && !(codec == media.AV1 && len(config) <= av1Fixed)
}

// sequenceHeader finds the sequence header OBU of a temporal unit; nil where there is none (AV1 specification, 5.3).
func sequenceHeader(unit []byte) []byte {
	const typeSequenceHeader, hasExtension, hasSize = 1, 1 << 2, 1 << 1
	for rest := unit; len(rest) > 0; {
		header := 1
		if rest[0]&hasExtension != 0 {
			header = 2
		}
		if rest[0]&hasSize == 0 || len(rest) < header {
			return nil // only the last OBU may lack its size, and a sequence header comes first
		}
		size, n := leb128(rest[header:])
		end := header + n + size
		if n == 0 || end > len(rest) {
			return nil
		}
		if rest[0]>>3&15 == typeSequenceHeader {
			return rest[:end]
		}
		rest = rest[end:]
	}
	return nil
}

// leb128 reads a number of up to four bytes, and how many it had; 0 where there is none (AV1 specification, 4.10.5).
func leb128(b []byte) (value, size int) {
	for i := range min(len(b), 4) {
		value |= int(b[i]&0x7F) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

package rtmp

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/obu"
)

// track is one elementary stream as the wire has configured it.
type track struct {
	id            int
	codec         media.Codec // empty before its first configuration
	header        []byte      // the sequence header as it came
	config        []byte      // the same as media.Track.Config
	nal           nalFormat   // of H264 and HEVC
	width, height int         // where the configuration does not tell
	complete      bool        // all is known that a decoder needs
}

// isComplete reports whether a configuration needs no key frame.
func isComplete(codec media.Codec, config []byte) bool {
	return codec != media.VP9 && !(codec == media.AV1 && len(config) <= av1Fixed)
}

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
		header := obu.SequenceHeader(key)
		if header == nil {
			return ingest.Errorf(ingest.ReasonBadMedia, "an AV1 key frame without a sequence header")
		}
		tr.config = append(tr.config[:av1Fixed:av1Fixed], header...)
	}
	tr.complete = true
	return nil
}

// unit is a coded tag as an access unit, whose payload is empty where there is no picture in it.
func (tr *track) unit(t tag, m message) (ingest.Unit, error) {
	u := ingest.Unit{
		Track: tr.id, DTS: int64(m.timestamp), Offset: int64(t.offset), RandomAccess: t.key, Payload: t.body,
	}
	switch t.codec {
	case media.H264, media.HEVC:
		n, err := tr.nal.read(t.body)
		if err != nil {
			return ingest.Unit{}, err
		}
		if u.Payload, u.RandomAccess = n.payload, n.randomAccess; !n.picture {
			u.Payload = nil
		}
	case media.AV1:
		u.Payload = obu.TrimDelimiter(t.body)
	}
	if 2*len(u.Payload) < len(m.payload) {
		u.Payload = bytes.Clone(u.Payload) // or it would keep its whole message in memory, which nobody downstream counts
	}
	return u, nil
}

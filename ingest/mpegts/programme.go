package mpegts

import (
	"bytes"
	"encoding/binary"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// The values of stream_type (table 2-34; ATSC A/53 for AC-3).
const (
	kindMPEG1Sound = 0x03
	kindMPEG2Sound = 0x04
	kindPrivate    = 0x06
	kindADTS       = 0x0F
	kindLATM       = 0x11
	kindH264       = 0x1B
	kindHEVC       = 0x24
	kindAC3        = 0x81
)

// What else pictures and sound may be, to be refused by name.
var foreign = map[byte]struct {
	kind media.Kind
	name string
}{
	0x01: {media.Video, "MPEG-1 video"}, 0x02: {media.Video, "MPEG-2 video"}, 0x10: {media.Video, "MPEG-4 Part 2 video"},
	0x21: {media.Video, "JPEG 2000 video"}, 0x33: {media.Video, "VVC video"}, 0x42: {media.Video, "AVS video"},
	0xD1: {media.Video, "Dirac video"}, 0xEA: {media.Video, "VC-1 video"},
	0x82: {media.Audio, "DTS sound"}, 0x83: {media.Audio, "TrueHD sound"}, 0x87: {media.Audio, "E-AC-3 sound"},
}

// The tags of descriptors (2.6.1; ETSI EN 300 468, 6.1).
const (
	tagRegistration = 0x05
	tagLanguage     = 0x0A
	tagAC3          = 0x6A
	tagEnhancedAC3  = 0x7A
	tagExtension    = 0x7F
)

// candidate is a stream that could be taken, or that is refused: codec is empty where it is neither.
type candidate struct {
	stream
	codec    media.Codec
	language string
	opus     []byte // media.Track.Config of Opus
	refused  string // what it is, where that is not taken
	of       media.Kind
}

// kept is the stream with descriptors of its own.
func (c candidate) kept() stream {
	c.descriptors = bytes.Clone(c.descriptors)
	return c.stream
}

type choice struct{ video, audio candidate }

// choose picks the first stream of pictures and the first of sound that are taken. The error is an *ingest.Error with
// ReasonUnsupported where there are others only.
func choose(streams []stream) (choice, error) {
	var c choice
	refused := make(map[media.Kind]string)
	for _, s := range streams {
		found := classify(s)
		if found.refused != "" && refused[found.of] == "" {
			refused[found.of] = found.refused
		}
		switch kind := found.codec.Kind(); {
		case kind == media.Video && c.video.codec == "":
			c.video = found
		case kind == media.Audio && c.audio.codec == "":
			c.audio = found
		}
	}
	for kind, taken := range map[media.Kind]media.Codec{media.Video: c.video.codec, media.Audio: c.audio.codec} {
		if taken == "" && refused[kind] != "" {
			return choice{}, ingest.Errorf(ingest.ReasonUnsupported, "%s", refused[kind])
		}
	}
	return c, nil
}

func classify(s stream) candidate {
	c := candidate{stream: s}
	if lang, ok := s.descriptor(tagLanguage); ok && len(lang) >= 3 {
		c.language = language(lang[:3])
	}
	switch s.kind {
	case kindH264:
		c.codec = media.H264
	case kindHEVC:
		c.codec = media.HEVC
	case kindADTS, kindLATM:
		c.codec = media.AAC
	case kindMPEG1Sound, kindMPEG2Sound:
		c.codec = media.MPA
	case kindAC3:
		c.codec = media.AC3
	case kindPrivate:
		c.private()
	default:
		f := foreign[s.kind]
		c.of, c.refused = f.kind, f.name
	}
	return c
}

// private finds out what a stream of private data is, which its descriptors tell.
func (c *candidate) private() {
	if _, ok := c.descriptor(tagAC3); ok {
		c.codec = media.AC3
	}
	if _, ok := c.descriptor(tagEnhancedAC3); ok {
		c.of, c.refused = media.Audio, "E-AC-3 sound"
	}
	id, _ := c.descriptor(tagRegistration)
	if len(id) < 4 {
		return
	}
	switch string(id[:4]) {
	case "HEVC":
		c.codec = media.HEVC
	case "AC-3":
		c.codec = media.AC3
	case "Opus":
		if c.opus = opusConfig(c.stream); c.opus == nil {
			c.of, c.refused = media.Audio, "Opus sound of channels that cannot be told"
			return
		}
		c.codec = media.Opus
	}
}

// language is an ISO 639 code as it is usually meant; empty where it is none.
func language(code []byte) string {
	out := bytes.ToLower(code)
	for _, x := range out {
		if x < 'a' || x > 'z' {
			return ""
		}
	}
	return string(out)
}

// opusConfig makes the body of an OpusSpecificBox (Opus in ISOBMFF, 4.3.2) of the descriptor of a stream; nil where that
// says nothing that can be used.
func opusConfig(s stream) []byte {
	const opusExtension = 0x80
	body, ok := s.descriptor(tagExtension)
	if !ok || len(body) < 2 || body[0] != opusExtension {
		return nil
	}
	var d substructs.OpusAudioDescriptor
	if d.Unmarshal(body[1:]) != nil {
		return nil
	}
	channels := d.ChannelCount()
	config := []byte{0, byte(channels), 0, 0}             // version, channels, pre-skip
	config = binary.BigEndian.AppendUint32(config, 48000) // input sample rate
	config = append(config, 0, 0)                         // gain
	switch code := d.ChannelConfigCode; {
	case code == 1 || code == 2 || code == 0x81 && d.MappingFamily == 0:
		return append(config, 0)
	case code >= 3 && code <= 8:
		return append(append(config, 1), vorbisOrder[code]...)
	case code == 0x81 && channels <= 8 && d.MappingFamily <= 255:
		config = append(config, byte(d.MappingFamily), byte(d.StreamCount), byte(d.CoupledStreamCount))
		return append(config, d.ChannelMapping...)
	}
	return nil
}

// vorbisOrder has the streams, the coupled ones, and where each channel comes from, of mapping family 1 (RFC 7845, 5.1.1.2).
var vorbisOrder = [...][]byte{
	3: {2, 1, 0, 2, 1},
	4: {2, 2, 0, 1, 2, 3},
	5: {3, 2, 0, 4, 1, 2, 3},
	6: {4, 2, 0, 4, 1, 2, 3, 5},
	7: {4, 3, 0, 4, 1, 2, 3, 5, 6},
	8: {5, 3, 0, 6, 1, 2, 3, 4, 5, 7},
}

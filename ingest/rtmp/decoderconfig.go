package rtmp

import (
	"bytes"
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// decoderConfig turns a sequence header into media.Track.Config of its codec, and says how the NAL units of the track are
// led by their lengths on the wire. The result is a copy. The error is an *ingest.Error with ReasonBadMedia.
//
// What the record says of the media is not read here, only as much as is needed to know that it is whole.
func decoderConfig(codec media.Codec, body []byte) (config []byte, nal nalFormat, err error) {
	whole := false
	switch codec {
	case media.H264:
		config, nal, whole = avcConfig(body)
	case media.HEVC:
		config, nal, whole = hevcConfig(body)
	case media.AV1:
		config, whole = bytes.Clone(body), len(body) >= 4 && body[0] == 0x81 // marker and version of av1C
	case media.VP9:
		config, whole = vp9Config(body)
	case media.AAC:
		config, whole = bytes.Clone(body), len(body) >= 2 // the shortest AudioSpecificConfig
	case media.Opus:
		config, whole = opusConfig(body)
	}
	if !whole || len(config) > maxMetadata {
		return nil, nalFormat{}, ingest.Errorf(ingest.ReasonBadMedia, "%s decoder configuration of %d bytes", codec, len(body))
	}
	return config, nal, nil
}

// avcConfig checks an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) and makes its NAL unit lengths 4 bytes.
func avcConfig(body []byte) ([]byte, nalFormat, bool) {
	if len(body) < 7 || body[0] != 1 {
		return nil, nalFormat{}, false
	}
	nal := nalFormat{codec: media.H264, size: int(body[4]&3) + 1}
	rest, ok := skipUnits(body[6:], int(body[5]&31)) // sequence parameter sets
	if !ok || len(rest) == 0 || body[5]&31 == 0 || rest[0] == 0 {
		return nil, nalFormat{}, false
	}
	if _, ok = skipUnits(rest[1:], int(rest[0])); !ok { // picture parameter sets
		return nil, nalFormat{}, false
	}
	config := bytes.Clone(body)
	config[4] |= 3
	return config, nal, true
}

// hevcConfig checks an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1) and makes its NAL unit lengths 4 bytes.
func hevcConfig(body []byte) ([]byte, nalFormat, bool) {
	if len(body) < 23 {
		return nil, nalFormat{}, false
	}
	nal := nalFormat{codec: media.HEVC, size: int(body[21]&3) + 1}
	rest, ok := body[23:], true
	for range body[22] { // arrays, each of one NAL unit type
		if len(rest) < 3 {
			return nil, nalFormat{}, false
		}
		if rest, ok = skipUnits(rest[3:], int(binary.BigEndian.Uint16(rest[1:]))); !ok {
			return nil, nalFormat{}, false
		}
	}
	config := bytes.Clone(body)
	config[21] |= 3
	return config, nal, true
}

// skipUnits skips n parameter sets, each led by a 16-bit length.
func skipUnits(b []byte, n int) ([]byte, bool) {
	for range n {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, false
		}
		b = b[2+int(binary.BigEndian.Uint16(b)):]
	}
	return b, true
}

// vp9Config takes a VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding, 2.2), which some encoders send with
// the version and flags of its box before it. No record begins with 1, 0, 0, 0: its third byte has a bit depth.
func vp9Config(body []byte) ([]byte, bool) {
	body = bytes.TrimPrefix(body, []byte{1, 0, 0, 0})
	return bytes.Clone(body), len(body) >= 8
}

// opusConfig turns the ID header of RFC 7845, 5.1, into the body of an OpusSpecificBox (Opus in ISOBMFF, 4.3.2): the same
// fields from the other end. "If the Opus sequence start payload is empty, [...] default to mono/stereo mode" (E-RTMP v2).
func opusConfig(body []byte) ([]byte, bool) {
	const magic, fixed = "OpusHead", 11
	if len(body) == 0 {
		return []byte{0, 2, 0, 0, 0, 0, 0xBB, 0x80, 0, 0, 0}, true // stereo of 48 kHz
	}
	head, ok := bytes.CutPrefix(body, []byte(magic))
	if !ok || len(head) < fixed || head[1] == 0 {
		return nil, false
	}
	channels, family := head[1], head[10]
	config := []byte{0, channels}                                                        // version 0
	config = binary.BigEndian.AppendUint16(config, binary.LittleEndian.Uint16(head[2:])) // pre-skip
	config = binary.BigEndian.AppendUint32(config, binary.LittleEndian.Uint32(head[4:])) // input sample rate
	config = binary.BigEndian.AppendUint16(config, binary.LittleEndian.Uint16(head[8:])) // output gain
	config = append(config, family)
	if family == 0 {
		return config, channels <= 2
	}
	mapping := 2 + int(channels) // streams, coupled streams, and where each channel comes from
	if len(head) < fixed+mapping {
		return nil, false
	}
	return append(config, head[fixed:fixed+mapping]...), true
}

package ffmpeg

import (
	"encoding/binary"
	"errors"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
	"github.com/stagecast/stagecast/internal/obu"
)

// ErrNoParameterSets is returned for extradata without SPS or PPS.
var ErrNoParameterSets = errors.New("ffmpeg: extradata without parameter sets")

// Payload is an access unit as ffmpeg's encoders write it, as media.AccessUnit has it.
func Payload(c media.Codec, data []byte) []byte {
	if c == media.AV1 {
		return obu.TrimDelimiter(data)
	}
	return LengthPrefixed(c, data)
}

// LengthPrefixed converts an access unit of H.264 or HEVC from the byte stream format (Annex B) to NAL units with 4-byte lengths.
// Parameter sets and delimiters are left out: they are in the track's configuration.
func LengthPrefixed(c media.Codec, annexB []byte) []byte {
	out := make([]byte, 0, len(annexB)+8)
	for unit := range nal.Units(annexB) {
		switch nal.KindOf(c, unit[0]) {
		case nal.VPS, nal.SPS, nal.PPS, nal.Delimiter:
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(unit)))
		out = append(out, unit...)
	}
	return out
}

// Config makes the decoder configuration of a track of what an encoder says of itself before its first picture, key: parameter sets in
// the byte stream format, or the configuration already. Encoders of AV1 may say nothing before it.
func Config(c media.Codec, extradata, key []byte) ([]byte, error) {
	if len(extradata) > 3 && (c == media.AV1 && extradata[0] == 0x81 || c != media.AV1 && len(extradata) > 6 && extradata[0] == 1) {
		return extradata, nil
	}
	if c == media.AV1 {
		return obu.Config(obu.SequenceHeader(key))
	}
	var vps, sps, pps [][]byte
	for unit := range nal.Units(extradata) {
		switch nal.KindOf(c, unit[0]) {
		case nal.VPS:
			vps = [][]byte{unit}
		case nal.SPS:
			sps = [][]byte{unit}
		case nal.PPS:
			pps = [][]byte{unit}
		}
	}
	var config []byte
	var err error
	if c == media.HEVC {
		config, err = nal.HEVCConfig(vps, sps, pps)
	} else {
		config, err = nal.AVCConfig(sps, pps)
	}
	if errors.Is(err, nal.ErrNoParameterSets) {
		return nil, ErrNoParameterSets
	}
	return config, err
}

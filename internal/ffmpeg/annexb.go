package ffmpeg

import (
	"encoding/binary"
	"errors"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// ErrNoParameterSets is returned for extradata without SPS or PPS.
var ErrNoParameterSets = errors.New("ffmpeg: extradata without parameter sets")

// LengthPrefixed converts an H.264 access unit from the byte stream format (ISO/IEC 14496-10, Annex B) to NAL units with
// 4-byte lengths. Parameter sets and delimiters are left out: they are in the track's configuration.
func LengthPrefixed(annexB []byte) []byte {
	out := make([]byte, 0, len(annexB)+8)
	for unit := range nal.Units(annexB) {
		switch nal.KindOf(media.H264, unit[0]) {
		case nal.SPS, nal.PPS, nal.Delimiter:
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(unit)))
		out = append(out, unit...)
	}
	return out
}

// AVCConfig makes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) of extradata in the byte stream format.
func AVCConfig(extradata []byte) ([]byte, error) {
	if len(extradata) > 6 && extradata[0] == 1 {
		return extradata, nil // it is one already
	}
	var sps, pps [][]byte
	for unit := range nal.Units(extradata) {
		switch nal.KindOf(media.H264, unit[0]) {
		case nal.SPS:
			sps = [][]byte{unit}
		case nal.PPS:
			pps = [][]byte{unit}
		}
	}
	config, err := nal.AVCConfig(sps, pps)
	if errors.Is(err, nal.ErrNoParameterSets) {
		return nil, ErrNoParameterSets
	}
	return config, err
}

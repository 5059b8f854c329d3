package ffmpeg

import (
	"encoding/binary"
	"errors"
)

// ErrNoParameterSets is returned for extradata without SPS or PPS.
var ErrNoParameterSets = errors.New("ffmpeg: extradata without parameter sets")

// The NAL unit types of H.264 (ISO/IEC 14496-10, table 7-1) that matter here.
const (
	nalSPS = 7
	nalPPS = 8
	nalAUD = 9
)

// LengthPrefixed converts an access unit from the byte stream format (ISO/IEC 14496-10, Annex B) to NAL units with 4-byte
// lengths. Parameter sets and delimiters are left out: they are in the
// track's configuration.
func LengthPrefixed(annexB []byte) []byte {
	out := make([]byte, 0, len(annexB)+8)
	for nal := range nals(annexB) {
		switch nal[0] & 0x1f {
		case nalSPS, nalPPS, nalAUD:
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(nal)))
		out = append(out, nal...)
	}
	return out
}

// AVCConfig makes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) of extradata in the byte stream format.
func AVCConfig(extradata []byte) ([]byte, error) {
	if len(extradata) > 6 && extradata[0] == 1 {
		return extradata, nil // it is one already
	}
	var sps, pps []byte
	for nal := range nals(extradata) {
		switch nal[0] & 0x1f {
		case nalSPS:
			sps = nal
		case nalPPS:
			pps = nal
		}
	}
	if len(sps) < 4 || len(pps) == 0 {
		return nil, ErrNoParameterSets
	}
	c := []byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1}
	c = append(binary.BigEndian.AppendUint16(c, uint16(len(sps))), sps...)
	c = append(c, 1)
	c = append(binary.BigEndian.AppendUint16(c, uint16(len(pps))), pps...)
	switch sps[1] { // the profiles that carry more
	case 100, 110, 122, 144:
		c = append(c, 0xfd, 0xf8, 0xf8, 0) // 4:2:0, 8 bits, no extensions: all that we encode
	}
	return c, nil
}

// nals yields the NAL units of a byte stream, without startcodes and trailing zeros.
func nals(b []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		start := -1
		for i := 0; i+2 < len(b); {
			if b[i+2] > 1 {
				i += 3
				continue
			}
			if b[i] != 0 || b[i+1] != 0 || b[i+2] != 1 {
				i++
				continue
			}
			if start >= 0 && !emit(b[start:i], yield) {
				return
			}
			i += 3
			start = i
		}
		if start >= 0 {
			emit(b[start:], yield)
		}
	}
}

func emit(nal []byte, yield func([]byte) bool) bool {
	for len(nal) > 0 && nal[len(nal)-1] == 0 {
		nal = nal[:len(nal)-1]
	}
	return len(nal) == 0 || yield(nal)
}

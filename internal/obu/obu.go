// Package obu reads the Open Bitstream Units of AV1, and makes decoder configurations of their sequence headers.
//
// It owns no buffers: what it yields are slices of what it was given.
package obu

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// ErrSequenceHeader says that there is none, or none that can be read.
var ErrSequenceHeader = errors.New("obu: no sequence header that can be read")

// TrimDelimiter takes the temporal delimiter off a temporal unit (AV1 specification, 5.3): CMAF has none.
func TrimDelimiter(b []byte) []byte {
	const delimiter = 2<<3 | 1<<1 // obu_type 2, obu_has_size_field; its size is zero
	if len(b) >= 2 && b[0] == delimiter && b[1] == 0 {
		return b[2:]
	}
	return b
}

// SequenceHeader finds the sequence header OBU of a temporal unit; nil where there is none (AV1 specification, 5.3).
func SequenceHeader(unit []byte) []byte {
	const kind, hasExtension, hasSize = 1, 1 << 2, 1 << 1
	for rest := unit; len(rest) > 0; {
		header := 1
		if rest[0]&hasExtension != 0 {
			header = 2
		}
		if rest[0]&hasSize == 0 || len(rest) < header {
			return nil // only the last OBU may lack its size, and a sequence header comes first
		}
		size, n := LEB128(rest[header:])
		end := header + n + size
		if n == 0 || end > len(rest) {
			return nil
		}
		if rest[0]>>3&15 == kind {
			return rest[:end]
		}
		rest = rest[end:]
	}
	return nil
}

// Config makes an AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding, 2.3.3) of a sequence header OBU.
func Config(header []byte) ([]byte, error) {
	var s av1.SequenceHeader
	if err := s.Unmarshal(header); err != nil || len(s.SeqLevelIdx) == 0 || len(s.SeqTier) == 0 {
		return nil, fmt.Errorf("%w, in %d bytes", ErrSequenceHeader, len(header))
	}
	flag := func(set bool, bit byte) byte {
		if set {
			return bit
		}
		return 0
	}
	c := []byte{0x81, s.SeqProfile<<5 | s.SeqLevelIdx[0], flag(s.SeqTier[0], 0x80), 0}
	c[2] |= flag(s.ColorConfig.HighBitDepth, 0x40) | flag(s.ColorConfig.TwelveBit, 0x20) | flag(s.ColorConfig.MonoChrome, 0x10)
	c[2] |= flag(s.ColorConfig.SubsamplingX, 0x08) | flag(s.ColorConfig.SubsamplingY, 0x04) | byte(s.ColorConfig.ChromaSamplePosition)&3
	return append(c, header...), nil
}

// LEB128 reads a number of up to four bytes, and how many it had; 0 where there is none (AV1 specification, 4.10.5).
func LEB128(b []byte) (value, size int) {
	for i := range min(len(b), 4) {
		value |= int(b[i]&0x7F) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

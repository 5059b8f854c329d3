package nal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stagecast/stagecast/internal/media"
)

// ErrNoParameterSets says that a decoder cannot be configured yet.
var ErrNoParameterSets = errors.New("nal: no parameter sets")

// The bounds of what a decoder configuration counts and measures: in five bits, one byte and two bytes.
const (
	maxAVCSequences = 31
	maxSets         = 255
	maxSetSize      = 0xFFFF
)

// AVCConfig makes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) for NAL units with 4-byte lengths. What it
// says besides the parameter sets is that of the first SPS, which must be one that can be read.
func AVCConfig(sps, pps [][]byte) ([]byte, error) {
	if !fit(sps, maxAVCSequences) || !fit(pps, maxSets) || len(sps[0]) < 4 {
		return nil, ErrNoParameterSets
	}
	first := sps[0]
	var s h264.SPS
	if err := s.Unmarshal(first); err != nil {
		return nil, fmt.Errorf("nal: sequence parameter set: %w", err)
	}
	c := []byte{1, first[1], first[2], first[3], 0xFF, 0xE0 | byte(len(sps))}
	c = appendSets(c, sps)
	c = appendSets(append(c, byte(len(pps))), pps)
	switch first[1] { // the profiles that carry more
	case 100, 110, 122, 144:
		c = append(c, 0xFC|byte(s.ChromaFormatIdc), 0xF8|byte(s.BitDepthLumaMinus8), 0xF8|byte(s.BitDepthChromaMinus8), 0)
	}
	return c, nil
}

// HEVCConfig makes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1) for NAL units with 4-byte lengths.
func HEVCConfig(vps, sps, pps [][]byte) ([]byte, error) {
	if !fit(vps, maxSets) || !fit(sps, maxSets) || !fit(pps, maxSets) {
		return nil, ErrNoParameterSets
	}
	var s h265.SPS
	if err := s.Unmarshal(sps[0]); err != nil {
		return nil, fmt.Errorf("nal: sequence parameter set: %w", err)
	}
	// Rec. ITU-T H.265, 7.3.2.2.1: two bytes of NAL unit header, one of identifiers, and the general part of
	// profile_tier_level, whose 12 bytes the record repeats.
	raw := h264.EmulationPreventionRemove(sps[0])
	if len(raw) < 15 {
		return nil, ErrNoParameterSets
	}
	layers, nested := raw[2]>>1&7+1, raw[2]&1
	c := append([]byte{1}, raw[3:15]...)
	c = append(c, 0xF0, 0, 0xFC, 0xFC|byte(s.ChromaFormatIdc), 0xF8|byte(s.BitDepthLumaMinus8), 0xF8|byte(s.BitDepthChromaMinus8),
		0, 0, layers<<3|nested<<2|3, 3)
	for i, sets := range [][][]byte{vps, sps, pps} {
		c = binary.BigEndian.AppendUint16(append(c, 0x80|byte(32+i)), uint16(len(sets))) // all of this type are here
		c = appendSets(c, sets)
	}
	return c, nil
}

// fit reports whether there are sets, at most so many, and of sizes that are more than a header and have room.
func fit(sets [][]byte, most int) bool {
	for _, s := range sets {
		if len(s) < 2 || len(s) > maxSetSize {
			return false
		}
	}
	return 0 < len(sets) && len(sets) <= most
}

// appendSets writes each set led by its length.
func appendSets(c []byte, sets [][]byte) []byte {
	for _, s := range sets {
		c = append(binary.BigEndian.AppendUint16(c, uint16(len(s))), s...)
	}
	return c
}

// Sets are the parameter sets of an H.264 or HEVC decoder configuration, each with its 4-byte length in front, as a picture
// carries them in band. What cannot be read is left out, and so are the sets of other codecs.
func Sets(codec media.Codec, config []byte) (out []byte) {
	c := cursor(config)
	switch codec {
	case media.H264: // ISO/IEC 14496-15, 5.3.3.1
		c.skip(5)
		for _, mask := range []byte{0x1F, 0xFF} {
			for n := c.byte() & mask; n > 0; n-- {
				out = appendUnit(out, c.sized())
			}
		}
	case media.HEVC: // ISO/IEC 14496-15, 8.3.3.1
		c.skip(22)
		for arrays := c.byte(); arrays > 0; arrays-- {
			c.skip(1)
			for n := c.uint16(); n > 0 && len(c) > 0; n-- {
				out = appendUnit(out, c.sized())
			}
		}
	}
	return out
}

// cursor is what is left to read; past its end there are zeros.
type cursor []byte

func (c *cursor) skip(n int) []byte {
	n = min(n, len(*c))
	taken := (*c)[:n]
	*c = (*c)[n:]
	return taken
}

func (c *cursor) byte() byte {
	if b := c.skip(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() int { return int(c.byte())<<8 | int(c.byte()) }

// sized reads two bytes of length and what they measure.
func (c *cursor) sized() []byte { return c.skip(c.uint16()) }

func appendUnit(out, unit []byte) []byte {
	if len(unit) == 0 {
		return out
	}
	return append(binary.BigEndian.AppendUint32(out, uint32(len(unit))), unit...)
}

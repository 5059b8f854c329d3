package cmaf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

var errNoSets = errors.New("cmaf: no parameter sets")

// maxSet is the longest NAL unit that a decoder configuration record can hold.
const maxSet = 1<<16 - 1

// AVCRecord makes an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) of parameter sets, which are NAL units
// without startcodes or lengths. What the record says is taken from the first SPS. Only its first 31 SPS and 255 PPS have
// room in it.
func AVCRecord(sps, pps [][]byte) ([]byte, error) {
	if err := checkSets(sps, pps); err != nil {
		return nil, err
	}
	var s h264.SPS
	if err := s.Unmarshal(sps[0]); err != nil || len(sps[0]) < 4 {
		return nil, fmt.Errorf("cmaf: sequence parameter set: %w", cmp.Or(err, errShort))
	}
	sps, pps = sps[:min(len(sps), 31)], pps[:min(len(pps), 255)]
	c := []byte{1, sps[0][1], sps[0][2], sps[0][3], 0xff, 0xe0 | byte(len(sps))}
	c = appendSets(c, sps)
	c = appendSets(append(c, byte(len(pps))), pps)
	switch s.ProfileIdc {
	case 100, 110, 122, 144: // "if( profile_idc == 100 || [...] )": chroma format, bit depths, no extensions
		c = append(c, 0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8), 0)
	}
	return c, nil
}

// HEVCRecord makes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1) of parameter sets, which are NAL units
// without startcodes or lengths. What the record says is taken from the first SPS.
func HEVCRecord(vps, sps, pps [][]byte) ([]byte, error) {
	if err := checkSets(vps, sps, pps); err != nil {
		return nil, err
	}
	var s h265.SPS
	if err := s.Unmarshal(sps[0]); err != nil {
		return nil, fmt.Errorf("cmaf: sequence parameter set: %w", err)
	}
	// Rec. ITU-T H.265, 7.3.2.2: behind the NAL unit header and one byte stand the 12 bytes of profile, tier and level, in
	// the order of the record.
	raw := h264.EmulationPreventionRemove(sps[0])
	if len(raw) < 15 {
		return nil, errShort
	}
	c := append([]byte{1}, raw[3:15]...)
	c = append(c, 0xf0, 0, 0xfc, // no minimum of spatial segmentation, unknown parallelism
		0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8), 0, 0)
	nested := byte(0)
	if s.TemporalIDNestingFlag {
		nested = 1
	}
	c = append(c, (byte(s.MaxSubLayersMinus1)+1)<<3|nested<<2|3, 3)
	for _, array := range []struct {
		kind h265.NALUType
		sets [][]byte
	}{{h265.NALUType_VPS_NUT, vps}, {h265.NALUType_SPS_NUT, sps}, {h265.NALUType_PPS_NUT, pps}} {
		c = append(c, 0x80|byte(array.kind)) // complete
		c = binary.BigEndian.AppendUint16(c, uint16(len(array.sets)))
		c = appendSets(c, array.sets)
	}
	return c, nil
}

// OpusRecord makes the body of an OpusSpecificBox (Opus in ISOBMFF, 4.3.2) for one or two channels. It tells no pre-skip:
// who joins a live stream has no beginning to skip.
func OpusRecord(channels int) []byte {
	return []byte{0, byte(channels), 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0}
}

// checkSets requires that there are sets of each kind, that each can be told by its header, and that each fits a record.
func checkSets(kinds ...[][]byte) error {
	for _, sets := range kinds {
		if len(sets) == 0 {
			return errNoSets
		}
		for _, set := range sets {
			if len(set) < 2 || len(set) > maxSet {
				return fmt.Errorf("cmaf: a parameter set of %d bytes", len(set))
			}
		}
	}
	return nil
}

func appendSets(c []byte, sets [][]byte) []byte {
	for _, set := range sets {
		c = append(binary.BigEndian.AppendUint16(c, uint16(len(set))), set...)
	}
	return c
}

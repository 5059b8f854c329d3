package cmaf

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/stagecast/stagecast/internal/media"
)

func completeH264(t *media.Track) error {
	sets, err := avcParameterSets(t.Config)
	if err != nil {
		return err
	}
	var sps h264.SPS
	if err := sps.Unmarshal(sets[0]); err != nil {
		return fmt.Errorf("sequence parameter set: %w", err)
	}
	t.Width, t.Height = sps.Width(), sps.Height()
	// Rec. ITU-T H.264, E.2.1: time_scale/num_units_in_tick is the rate of fields, promised by fixed_frame_rate_flag.
	if v := sps.VUI; v != nil && v.TimingInfo != nil && v.TimingInfo.FixedFrameRateFlag {
		setFrameRate(t, int64(v.TimingInfo.TimeScale), 2*int64(v.TimingInfo.NumUnitsInTick))
	}
	return nil
}

// avcParameterSets are the sequence parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15), at least one:
//
//	version 1 | profile | compatibility | level | 6 ones, lengthSizeMinusOne | 3 ones, number of SPS | {16-bit length, SPS}…
//	number of PPS | {16-bit length, PPS}… | (extensions of the high profiles)
func avcParameterSets(c []byte) ([][]byte, error) {
	if len(c) < 7 {
		return nil, errShort
	}
	if c[0] != 1 {
		return nil, fmt.Errorf("version %d of the decoder configuration", c[0])
	}
	if c[4]&3 != 3 {
		return nil, errors.New("NAL unit lengths are not of four bytes")
	}
	sps, rest, err := nalUnits(c[6:], int(c[5]&0x1f))
	if err != nil {
		return nil, err
	}
	if len(rest) < 1 {
		return nil, errShort
	}
	pps, _, err := nalUnits(rest[1:], int(rest[0]))
	if err != nil {
		return nil, err
	}
	if len(sps) == 0 || len(pps) == 0 {
		return nil, errors.New("no parameter sets")
	}
	return sps, nil
}

// nalUnits reads n NAL units with 16-bit lengths, none of them empty.
func nalUnits(b []byte, n int) (units [][]byte, rest []byte, err error) {
	for range n {
		if len(b) < 2 {
			return nil, nil, errShort
		}
		size := int(b[0])<<8 | int(b[1])
		if b = b[2:]; size == 0 || size > len(b) {
			return nil, nil, errShort
		}
		units, b = append(units, b[:size]), b[size:]
	}
	return units, b, nil
}

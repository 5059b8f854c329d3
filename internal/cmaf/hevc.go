package cmaf

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stagecast/stagecast/internal/media"
)

func completeHEVC(t *media.Track) error {
	raw, err := hevcSPS(t.Config)
	if err != nil {
		return err
	}
	var sps h265.SPS
	if err := sps.Unmarshal(raw); err != nil {
		return fmt.Errorf("sequence parameter set: %w", err)
	}
	t.Width, t.Height = sps.Width(), sps.Height()
	// Rec. ITU-T H.265, E.3.1: time_scale/num_units_in_tick is the rate of pictures. There is no flag beside it.
	if v := sps.VUI; v != nil && v.TimingInfo != nil {
		setFrameRate(t, int64(v.TimingInfo.TimeScale), int64(v.TimingInfo.NumUnitsInTick))
	}
	return nil
}

// hevcSPS is the first sequence parameter set of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15): 22 bytes, the
// number of arrays, and for each its NAL unit type, a 16-bit count, and the NAL units with 16-bit lengths.
func hevcSPS(c []byte) ([]byte, error) {
	const fixed = 22
	if len(c) < fixed+1 {
		return nil, errShort
	}
	if c[0] != 1 {
		return nil, fmt.Errorf("version %d of the decoder configuration", c[0])
	}
	if c[21]&3 != 3 {
		return nil, errors.New("NAL unit lengths are not of four bytes")
	}
	var sps []byte
	rest := c[fixed+1:]
	for range int(c[fixed]) {
		if len(rest) < 3 {
			return nil, errShort
		}
		kind := h265.NALUType(rest[0] & 0x3f)
		units, after, err := nalUnits(rest[3:], int(rest[1])<<8|int(rest[2]))
		if err != nil {
			return nil, err
		}
		if kind == h265.NALUType_SPS_NUT && len(units) > 0 && sps == nil {
			sps = units[0]
		}
		rest = after
	}
	if len(sps) < 2 {
		return nil, errors.New("no parameter sets")
	}
	return sps, nil
}

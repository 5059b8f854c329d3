package rtsp

import (
	"bytes"
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

var errTooManySets = errors.New("too many parameter sets, or too long ones")

// parameterSets are those of one track, from its description and from the stream itself.
type parameterSets struct {
	codec media.Codec // H264 or HEVC
	kinds [3][][]byte // video, sequence and picture parameter sets
}

// set is a parameter set with its kind.
type set struct {
	kind nal.Kind
	unit []byte
}

// update takes the sets of one access unit over, in their order, and reports whether any of them is new. The first new
// sequence parameter set ends those before it and their picture parameter sets: a stream that changes sends them all again.
// Only new ones are copied.
func (s *parameterSets) update(sets []set) (changed bool, err error) {
	renewed := false
	for _, x := range sets {
		if s.has(x) {
			continue
		}
		if x.kind == nal.SPS && !renewed {
			renewed = true
			s.kinds[1], s.kinds[2] = nil, nil
		}
		changed = true
		s.put(x)
		if s.tooMuch() {
			s.kinds = [3][][]byte{}
			return true, errTooManySets
		}
	}
	return changed, nil
}

func (s *parameterSets) of(k nal.Kind) *[][]byte { return &s.kinds[k-nal.VPS] }

func (s *parameterSets) has(x set) bool {
	for _, known := range *s.of(x.kind) {
		if bytes.Equal(known, x.unit) {
			return true
		}
	}
	return false
}

// put replaces the set of the same number, or adds one.
func (s *parameterSets) put(x set) {
	list := s.of(x.kind)
	for i, known := range *list {
		if s.number(x.kind, known) == s.number(x.kind, x.unit) {
			(*list)[i] = bytes.Clone(x.unit)
			return
		}
	}
	*list = append(*list, bytes.Clone(x.unit))
}

// number is the ID of a picture parameter set, which stands first in it. Streams have one of the other kinds.
func (s *parameterSets) number(k nal.Kind, unit []byte) uint32 {
	header := 1
	if s.codec == media.HEVC {
		header = 2
	}
	if k != nal.PPS || len(unit) <= header {
		return 0
	}
	at := 0
	n, err := bits.ReadGolombUnsigned(unit[header:], &at)
	if err != nil {
		return 0
	}
	return n
}

func (s *parameterSets) tooMuch() bool {
	count, size := 0, 0
	for _, list := range s.kinds {
		for _, unit := range list {
			count, size = count+1, size+len(unit)
		}
	}
	return count > maxSets || size > maxSetBytes
}

// record is media.Track.Config.
func (s *parameterSets) record() ([]byte, error) {
	if s.codec == media.H264 {
		return nal.AVCConfig(s.kinds[1], s.kinds[2])
	}
	return nal.HEVCConfig(s.kinds[0], s.kinds[1], s.kinds[2])
}

// timing is what the first sequence parameter set declares: how many pictures a decoder holds back, or unknown, and how
// many ticks of wireClock pictures are apart.
func (s *parameterSets) timing() (reorder int, step int64) {
	reorder, step = unknown, defaultStep
	if len(s.kinds[1]) == 0 {
		return reorder, step
	}
	if s.codec == media.H264 {
		return avcTiming(s.kinds[1][0])
	}
	return hevcTiming(s.kinds[1][0])
}

func avcTiming(unit []byte) (reorder int, step int64) {
	reorder, step = unknown, defaultStep
	var sps h264.SPS
	if sps.Unmarshal(unit) != nil {
		return reorder, step
	}
	// Rec. ITU-T H.264, 7.4.2.1.1: order type 2 is output order. A.2.1: the baseline profile has no B slices.
	if sps.PicOrderCntType == 2 || sps.ProfileIdc == 66 {
		reorder = 0
	}
	if v := sps.VUI; v != nil {
		if v.BitstreamRestriction != nil {
			reorder = int(min(v.BitstreamRestriction.MaxNumReorderFrames, maxReorder))
		}
		if v.TimingInfo != nil {
			step = pictureStep(v.TimingInfo.TimeScale, 2*uint64(v.TimingInfo.NumUnitsInTick))
		}
	}
	return reorder, step
}

func hevcTiming(unit []byte) (reorder int, step int64) {
	reorder, step = unknown, defaultStep
	var sps h265.SPS
	if sps.Unmarshal(unit) != nil {
		return reorder, step
	}
	if n := len(sps.MaxNumReorderPics); n > 0 {
		reorder = int(min(sps.MaxNumReorderPics[n-1], maxReorder))
	}
	if v := sps.VUI; v != nil && v.TimingInfo != nil {
		step = pictureStep(v.TimingInfo.TimeScale, uint64(v.TimingInfo.NumUnitsInTick))
	}
	return reorder, step
}

// pictureStep is the ticks of one picture, where the rate is one that pictures come at.
func pictureStep(scale uint32, units uint64) int64 {
	if scale == 0 || units == 0 {
		return defaultStep
	}
	if step := uint64(wireClock.Rate) * units / uint64(scale); 90 <= step && step <= uint64(wireClock.Rate) {
		return int64(step)
	}
	return defaultStep
}

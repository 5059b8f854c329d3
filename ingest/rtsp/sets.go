package rtsp

import (
	"bytes"
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

var errTooManySets = errors.New("too many parameter sets, or too long ones")

// nalKind is what a NAL unit is to us.
type nalKind uint8

const (
	nalOther     nalKind = iota // such as supplemental information
	nalSlice                    // of a picture
	nalKeySlice                 // of a picture that decoding can start from
	nalVideoSet                 // the parameter sets, in the order of their dependence
	nalSequence                 //
	nalPicture                  //
	nalDelimiter                // of access units
)

// classify reads the NAL unit type (ISO/IEC 14496-10, table 7-1; ISO/IEC 23008-2, table 7-1). nal is not empty.
func classify(codec media.Codec, nal []byte) nalKind {
	if codec == media.H264 {
		switch t := h264.NALUType(nal[0] & 0x1f); {
		case t == h264.NALUTypeIDR:
			return nalKeySlice
		case 1 <= t && t < h264.NALUTypeIDR:
			return nalSlice
		case t == h264.NALUTypeSPS:
			return nalSequence
		case t == h264.NALUTypePPS:
			return nalPicture
		case t == h264.NALUTypeAccessUnitDelimiter:
			return nalDelimiter
		}
		return nalOther
	}
	switch t := h265.NALUType(nal[0] >> 1 & 0x3f); {
	case 16 <= t && t <= 23: // IRAP
		return nalKeySlice
	case t < 32:
		return nalSlice
	case t == h265.NALUType_VPS_NUT:
		return nalVideoSet
	case t == h265.NALUType_SPS_NUT:
		return nalSequence
	case t == h265.NALUType_PPS_NUT:
		return nalPicture
	case t == h265.NALUType_AUD_NUT:
		return nalDelimiter
	}
	return nalOther
}

// parameterSets are those of one track, from its description and from the stream itself.
type parameterSets struct {
	codec media.Codec // H264 or HEVC
	kinds [3][][]byte // video, sequence and picture parameter sets
}

// set is a parameter set with its kind.
type set struct {
	kind nalKind
	nal  []byte
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
		if x.kind == nalSequence && !renewed {
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

func (s *parameterSets) of(k nalKind) *[][]byte { return &s.kinds[k-nalVideoSet] }

func (s *parameterSets) has(x set) bool {
	for _, known := range *s.of(x.kind) {
		if bytes.Equal(known, x.nal) {
			return true
		}
	}
	return false
}

// put replaces the set of the same number, or adds one.
func (s *parameterSets) put(x set) {
	list := s.of(x.kind)
	for i, known := range *list {
		if s.number(x.kind, known) == s.number(x.kind, x.nal) {
			(*list)[i] = bytes.Clone(x.nal)
			return
		}
	}
	*list = append(*list, bytes.Clone(x.nal))
}

// number is the ID of a picture parameter set, which stands first in it. Streams have one of the other kinds.
func (s *parameterSets) number(k nalKind, nal []byte) uint32 {
	header := 1
	if s.codec == media.HEVC {
		header = 2
	}
	if k != nalPicture || len(nal) <= header {
		return 0
	}
	at := 0
	n, err := bits.ReadGolombUnsigned(nal[header:], &at)
	if err != nil {
		return 0
	}
	return n
}

func (s *parameterSets) tooMuch() bool {
	count, size := 0, 0
	for _, list := range s.kinds {
		for _, nal := range list {
			count, size = count+1, size+len(nal)
		}
	}
	return count > maxSets || size > maxSetBytes
}

// record is media.Track.Config.
func (s *parameterSets) record() ([]byte, error) {
	if s.codec == media.H264 {
		return cmaf.AVCRecord(s.kinds[1], s.kinds[2])
	}
	return cmaf.HEVCRecord(s.kinds[0], s.kinds[1], s.kinds[2])
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

func avcTiming(nal []byte) (reorder int, step int64) {
	reorder, step = unknown, defaultStep
	var sps h264.SPS
	if sps.Unmarshal(nal) != nil {
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

func hevcTiming(nal []byte) (reorder int, step int64) {
	reorder, step = unknown, defaultStep
	var sps h265.SPS
	if sps.Unmarshal(nal) != nil {
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

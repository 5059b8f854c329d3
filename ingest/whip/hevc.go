package whip

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// The packet types of RFC 7798, 4.4, beside single NAL units.
const (
	hevcAggregation = 48
	hevcFragment    = 49
)

// The NAL unit types of HEVC (ISO/IEC 23008-2, table 7-1) that matter here.
const (
	hevcFirstIRAP = 16
	hevcLastIRAP  = 23
	hevcLastSlice = 31
	hevcVPS       = 32
	hevcSPS       = 33
	hevcPPS       = 34
	hevcDelimiter = 35
	hevcFiller    = 38
)

// hevcDepacketizer reads RFC 7798, without the decoding order numbers that WebRTC does not use.
type hevcDepacketizer struct {
	nals   nalBuilder
	sets   [3][][]byte // VPS, SPS, PPS of the access unit under way
	config []byte      // of the last one that had all
}

func (d *hevcDepacketizer) reset() {
	d.nals.reset()
	d.sets = [3][][]byte{}
}

func (d *hevcDepacketizer) push(p []byte) error {
	if len(p) < 3 {
		return errShort(media.HEVC)
	}
	switch kind := p[0] >> 1 & 0x3F; {
	case kind < hevcAggregation:
		return d.nal(p)
	case kind == hevcAggregation:
		return eachAggregated(media.HEVC, p[2:], d.nal)
	case kind == hevcFragment:
		return d.fragment(p)
	default:
		return ingest.Errorf(ingest.ReasonBadMedia, "hevc packet of type %d", kind)
	}
}

// fragment takes a part of a NAL unit (RFC 7798, 4.4.3): payload header, FU header with start and end, payload.
func (d *hevcDepacketizer) fragment(p []byte) error {
	if len(p) < 4 {
		return errShort(media.HEVC)
	}
	header := []byte{p[0]&0x81 | p[2]&0x3F<<1, p[1]}
	whole, err := d.nals.fragment(p[2]&0x80 != 0, p[2]&0x40 != 0, header, p[3:])
	if err != nil || whole == nil {
		return err
	}
	return d.classify(whole)
}

func (d *hevcDepacketizer) nal(n []byte) error {
	if err := d.nals.whole(n); err != nil {
		return err
	}
	return d.classify(n)
}

// classify looks at the NAL unit that was added last.
func (d *hevcDepacketizer) classify(n []byte) (err error) {
	switch kind := n[0] >> 1 & 0x3F; {
	case kind == hevcVPS, kind == hevcSPS, kind == hevcPPS:
		d.sets[kind-hevcVPS], err = addSet(d.sets[kind-hevcVPS], n)
		d.nals.drop()
	case kind == hevcDelimiter, kind == hevcFiller:
		d.nals.drop()
	case hevcFirstIRAP <= kind && kind <= hevcLastIRAP:
		d.nals.randomAccess, d.nals.picture = true, true
	case kind <= hevcLastSlice:
		d.nals.picture = true
	}
	return err
}

func (d *hevcDepacketizer) unit() (unit, error) {
	if len(d.sets[0]) > 0 && len(d.sets[1]) > 0 && len(d.sets[2]) > 0 {
		config, err := hevcConfig(d.sets)
		if err != nil {
			d.reset()
			return unit{}, err
		}
		d.config = config
	}
	d.sets = [3][][]byte{}
	return d.nals.unit(media.HEVC, d.config)
}

// hevcConfig makes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1).
func hevcConfig(sets [3][][]byte) ([]byte, error) {
	var sps h265.SPS
	if err := sps.Unmarshal(sets[1][0]); err != nil {
		return nil, ingest.Errorf(ingest.ReasonBadMedia, "hevc sequence parameter set: %w", err)
	}
	// The general profile, tier and level are twelve bytes that follow two of the NAL unit header and one of the set. Its
	// flags are copied as bits, so that the bytes that keep startcodes from occurring must be out first.
	raw := h264.EmulationPreventionRemove(sets[1][0])
	if len(raw) < 15 {
		return nil, ingest.Errorf(ingest.ReasonBadMedia, "hevc sequence parameter set of %d bytes", len(raw))
	}
	c := append([]byte{1}, raw[3:15]...)
	c = append(c, 0xF0, 0, 0xFC) // no minimum of spatial segments, unknown parallelism
	c = append(c, 0xFC|byte(sps.ChromaFormatIdc), 0xF8|byte(sps.BitDepthLumaMinus8), 0xF8|byte(sps.BitDepthChromaMinus8))
	c = append(c, 0, 0)                             // unknown average frame rate
	c = append(c, (raw[2]>>1&7+1)<<3|raw[2]&1<<2|3) // temporal layers, their nesting, lengths of four bytes
	c = append(c, byte(len(sets)))
	for i, s := range sets {
		c = append(c, 0x80|byte(hevcVPS+i), 0, byte(len(s))) // the array is complete
		c = appendSets(c, s)
	}
	return c, nil
}

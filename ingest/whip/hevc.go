package whip

import (
	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// The packet types of RFC 7798, 4.4, beside single NAL units.
const (
	hevcAggregation = 48
	hevcFragment    = 49
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
	switch kind := nal.KindOf(media.HEVC, n[0]); kind {
	case nal.VPS, nal.SPS, nal.PPS:
		d.sets[kind-nal.VPS], err = addSet(d.sets[kind-nal.VPS], n)
		d.nals.drop()
	case nal.Delimiter, nal.Filler:
		d.nals.drop()
	default:
		d.nals.note(kind)
	}
	return err
}

func (d *hevcDepacketizer) unit() (unit, error) {
	if len(d.sets[0]) > 0 && len(d.sets[1]) > 0 && len(d.sets[2]) > 0 {
		config, err := nal.HEVCConfig(d.sets[0], d.sets[1], d.sets[2])
		if err != nil {
			d.reset()
			return unit{}, &ingest.Error{Reason: ingest.ReasonBadMedia, Err: err}
		}
		d.config = config
	}
	d.sets = [3][][]byte{}
	return d.nals.unit(media.HEVC, d.config)
}

package whip

import (
	"bytes"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// The packet types of RFC 6184, 5.2, that packetization-mode 1 allows beside single NAL units.
const (
	avcSTAPA = 24
	avcFUA   = 28
)

// avcDepacketizer reads RFC 6184.
type avcDepacketizer struct {
	nals   nalBuilder
	sps    [][]byte // of the access unit under way
	pps    [][]byte
	config []byte // of the last one that had parameter sets
}

func (d *avcDepacketizer) reset() {
	d.nals.reset()
	d.sps, d.pps = nil, nil
}

func (d *avcDepacketizer) push(p []byte) error {
	switch kind := p[0] & 0x1F; {
	case 1 <= kind && kind <= 23:
		return d.nal(p)
	case kind == avcSTAPA:
		return eachAggregated(media.H264, p[1:], d.nal)
	case kind == avcFUA:
		return d.fragment(p)
	default:
		return ingest.Errorf(ingest.ReasonBadMedia, "h264 packet of type %d", kind)
	}
}

// fragment takes a part of a NAL unit (RFC 6184, 5.8): FU indicator, FU header with start and end, payload.
func (d *avcDepacketizer) fragment(p []byte) error {
	if len(p) < 3 {
		return errShort(media.H264)
	}
	header := p[0]&0xE0 | p[1]&0x1F
	whole, err := d.nals.fragment(p[1]&0x80 != 0, p[1]&0x40 != 0, []byte{header}, p[2:])
	if err != nil || whole == nil {
		return err
	}
	return d.classify(whole)
}

// nal takes a whole NAL unit.
func (d *avcDepacketizer) nal(n []byte) error {
	if err := d.nals.whole(n); err != nil {
		return err
	}
	return d.classify(n)
}

// classify looks at the NAL unit that was added last. Parameter sets go into the configuration and delimiters nowhere.
func (d *avcDepacketizer) classify(n []byte) (err error) {
	switch kind := nal.KindOf(media.H264, n[0]); kind {
	case nal.SPS:
		if len(n) < 4 { // profile, constraints and level go into the configuration
			return errShort(media.H264)
		}
		d.sps, err = addSet(d.sps, n)
		d.nals.drop()
	case nal.PPS:
		d.pps, err = addSet(d.pps, n)
		d.nals.drop()
	case nal.Delimiter, nal.Filler:
		d.nals.drop()
	default:
		d.nals.note(kind)
	}
	return err
}

func (d *avcDepacketizer) unit() (unit, error) {
	if len(d.sps) > 0 && len(d.pps) > 0 {
		config, err := nal.AVCConfig(d.sps, d.pps)
		if err != nil {
			d.reset()
			return unit{}, &ingest.Error{Reason: ingest.ReasonBadMedia, Err: err}
		}
		d.config = config
	}
	d.sps, d.pps = nil, nil
	return d.nals.unit(media.H264, d.config)
}

// addSet adds a copy of a parameter set, unless it is there.
func addSet(sets [][]byte, n []byte) ([][]byte, error) {
	for _, s := range sets {
		if bytes.Equal(s, n) {
			return sets, nil
		}
	}
	if len(n) > maxSet || len(sets) == maxSets {
		return sets, ingest.Errorf(ingest.ReasonBadMedia, "parameter set of %d bytes, number %d", len(n), len(sets)+1)
	}
	return append(sets, bytes.Clone(n)), nil
}

package hls

import (
	"bytes"
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// The IDs of the tracks.
const (
	pictureID = 1
	soundID   = 2
)

// maxSets bounds the parameter sets of a kind, and maxNALUnits what is in one picture.
const (
	maxSets     = 16
	maxNALUnits = 4096
)

// picture is the track of pictures, whose parameter sets stand before the stream, in it, or both.
type picture struct {
	codec  media.Codec
	sets   [3][][]byte // video, sequence and picture parameter sets
	config []byte      // nil before all have come
}

func newPicture(codec media.Codec, sets ...[]byte) *picture {
	p := &picture{codec: codec}
	for _, s := range sets {
		if len(s) > 0 {
			p.put(nal.KindOf(codec, s[0]), s)
		}
	}
	p.configure()
	return p
}

// put keeps a parameter set, and reports whether it is new. A new sequence parameter set ends those before it.
func (p *picture) put(kind nal.Kind, set []byte) bool {
	list := &p.sets[kind-nal.VPS]
	for _, known := range *list {
		if bytes.Equal(known, set) {
			return false
		}
	}
	if kind != nal.PPS || len(*list) == maxSets {
		*list = nil
	}
	if kind == nal.SPS {
		p.sets[nal.PPS-nal.VPS] = nil
	}
	*list = append(*list, bytes.Clone(set))
	return true
}

// configure makes the decoder configuration, where all sets are there and can be read.
func (p *picture) configure() {
	var config []byte
	var err error
	if p.codec == media.H264 {
		config, err = nal.AVCConfig(p.sets[1], p.sets[2])
	} else {
		config, err = nal.HEVCConfig(p.sets[0], p.sets[1], p.sets[2])
	}
	if err == nil {
		p.config = config
	}
}

// unit makes an access unit of NAL units, whose payload is empty where there is no picture in it or it cannot be decoded
// yet. changed says that the decoder configuration is another from it on. The error is an *ingest.Error.
func (p *picture) unit(units [][]byte) (u ingest.Unit, changed bool, err error) {
	if len(units) > maxNALUnits {
		return u, false, ingest.Errorf(ingest.ReasonBadMedia, "more than %d NAL units in one picture", maxNALUnits)
	}
	u.Track = pictureID
	before, pictured := p.config, false
	size := 0
	for _, unit := range units {
		size += 4 + len(unit)
	}
	payload := make([]byte, 0, size)
	renewed := false
	for _, unit := range units {
		if len(unit) == 0 {
			continue
		}
		switch kind := nal.KindOf(p.codec, unit[0]); kind {
		case nal.VPS, nal.SPS, nal.PPS:
			renewed = p.put(kind, unit) || renewed
			continue
		case nal.Delimiter, nal.Filler:
			continue
		default:
			pictured = pictured || kind.Picture()
			u.RandomAccess = u.RandomAccess || kind == nal.RandomAccess
		}
		payload = append(binary.BigEndian.AppendUint32(payload, uint32(len(unit))), unit...)
	}
	if renewed {
		p.configure()
	}
	if pictured && p.config != nil {
		u.Payload = payload
	}
	return u, !bytes.Equal(before, p.config), nil
}

package rtmp

import (
	"encoding/binary"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// nalFormat says how the NAL units of a track are led by their lengths.
type nalFormat struct {
	codec media.Codec // H264 or HEVC
	size  int         // bytes of a length, 1 to 4
}

// nalUnits is what one access unit's NAL units come to.
type nalUnits struct {
	payload      []byte // with 4-byte lengths, none zero
	picture      bool   // a slice is among them
	randomAccess bool
}

// read walks the NAL units of body (ISO/IEC 14496-15, 4.3 and 8.3), which it takes over. The error is an *ingest.Error with
// ReasonBadMedia.
func (f nalFormat) read(body []byte) (nalUnits, error) {
	u := nalUnits{payload: body}
	count, empty := 0, 0
	for rest := body; len(rest) > 0; count++ {
		unit, after, err := f.cut(rest)
		if err != nil {
			return nalUnits{}, err
		}
		if count == maxNALUnits {
			return nalUnits{}, ingest.Errorf(ingest.ReasonBadMedia, "more than %d NAL units in one picture", maxNALUnits)
		}
		rest = after
		if len(unit) == 0 {
			empty++
			continue
		}
		slice, random := f.classify(unit[0])
		u.picture = u.picture || slice
		u.randomAccess = u.randomAccess || random
	}
	if empty > 0 || f.size != 4 {
		u.payload = f.rewrite(body, count)
	}
	return u, nil
}

// cut splits the first NAL unit off.
func (f nalFormat) cut(b []byte) (unit, rest []byte, err error) {
	n := -1
	switch {
	case len(b) < f.size:
	case f.size == 4:
		n = int(binary.BigEndian.Uint32(b))
	default:
		n = 0
		for _, x := range b[:f.size] {
			n = n<<8 | int(x)
		}
	}
	if n < 0 || n > len(b)-f.size {
		return nil, nil, ingest.Errorf(ingest.ReasonBadMedia, "a NAL unit that reaches outside its message")
	}
	return b[f.size : f.size+n], b[f.size+n:], nil
}

// classify reads the NAL unit type.
func (f nalFormat) classify(header byte) (slice, randomAccess bool) {
	k := nal.KindOf(f.codec, header)
	return k.Picture(), k == nal.RandomAccess
}

// rewrite gives each NAL unit a 4-byte length and leaves the empty ones out. It does so in place where nothing grows.
func (f nalFormat) rewrite(body []byte, count int) []byte {
	out := body[:0]
	if f.size != 4 {
		out = make([]byte, 0, len(body)+count*(4-f.size))
	}
	for rest := body; len(rest) > 0; {
		unit, after, _ := f.cut(rest) // read has walked them
		rest = after
		if len(unit) > 0 {
			out = binary.BigEndian.AppendUint32(out, uint32(len(unit)))
			out = append(out, unit...)
		}
	}
	return out
}

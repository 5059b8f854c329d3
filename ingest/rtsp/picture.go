package rtsp

import (
	"encoding/binary"
	"errors"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// picture is the codec of H.264 (RFC 6184) and HEVC (RFC 7798).
type picture struct {
	decoder naluDecoder
	sets    parameterSets
	record  []byte // the last that was whole
	partial bool   // there are newer sets, and not all of them yet
	shown   bool   // a key picture has come
	order   order

	open  bool   // packets of an access unit are in the decoder
	stamp uint32 // of these packets
	began int64  // the same on the wireClock
}

// naluDecoder gathers the NAL units of access units.
type naluDecoder interface {
	decode(p *rtp.Packet) ([][]byte, error) // errMore while an access unit is not whole
	// split reports whether the first packet of another timestamp ends an access unit that had no marker. Where it does not,
	// reset drops that unit.
	split() bool
	reset()
}

func newAVC(f *format.H264) (codec, error) {
	if f.PacketizationMode > 1 {
		return nil, unsupported("H.264 in packetization mode %d", f.PacketizationMode)
	}
	d := &avcDecoder{}
	d.reset()
	return newPicture(media.H264, d, []set{{nal.SPS, f.SPS}, {nal.PPS, f.PPS}}), nil
}

func newHEVC(f *format.H265) (codec, error) {
	if f.MaxDONDiff != 0 {
		return nil, unsupported("HEVC out of decoding order")
	}
	d := &hevcDecoder{}
	d.reset()
	return newPicture(media.HEVC, d, []set{{nal.VPS, f.VPS}, {nal.SPS, f.SPS}, {nal.PPS, f.PPS}}), nil
}

// newPicture starts with the sets of the session description. Those that cannot be read are left to the stream.
func newPicture(name media.Codec, d naluDecoder, described []set) *picture {
	p := &picture{decoder: d, sets: parameterSets{codec: name}}
	p.order.declare(unknown, defaultStep)
	var sets []set
	for _, x := range described {
		if len(x.unit) > 0 {
			sets = append(sets, x)
		}
	}
	_ = p.configure(sets)
	return p
}

// config is nil until the first key picture, whose parameter sets may be others than those of the description: an encoder
// may not have known better when it announced.
func (p *picture) config() []byte {
	if !p.shown {
		return nil
	}
	return p.record
}

// configure takes parameter sets over.
func (p *picture) configure(sets []set) error {
	changed, err := p.sets.update(sets)
	if !changed {
		return nil
	}
	p.partial = true
	if err != nil {
		return err
	}
	if len(p.sets.kinds[1]) == 0 || len(p.sets.kinds[2]) == 0 {
		return nil // the others are on their way
	}
	record, err := p.sets.record()
	if err != nil {
		return err
	}
	p.record, p.partial = record, false
	p.order.declare(p.sets.timing())
	return nil
}

func (p *picture) take(packet *rtp.Packet, at int64) ([]ingest.Unit, error) {
	other := p.open && p.stamp != packet.Timestamp
	if other && !p.decoder.split() {
		p.decoder.reset()
		p.open, other = false, false
	}
	nals, err := p.decoder.decode(packet)
	if !p.open {
		p.open, p.stamp, p.began = true, packet.Timestamp, at
	}
	if err != nil {
		return nil, err
	}
	pts := p.began
	if p.open = other; other { // the packet at hand is the first of the next unit
		p.stamp, p.began = packet.Timestamp, at
	}
	u, err := p.unit(nals, pts)
	if err != nil {
		return nil, err
	}
	return []ingest.Unit{u}, nil
}

// unit makes an access unit of NAL units, which is a copy. Parameter sets, delimiters and fillers are left out: the first
// are the track's configuration.
func (p *picture) unit(nals [][]byte, pts int64) (ingest.Unit, error) {
	var sets []set
	size, slices, key := 0, false, false
	for _, unit := range nals {
		if len(unit) == 0 {
			continue
		}
		switch k := nal.KindOf(p.sets.codec, unit[0]); k {
		case nal.VPS, nal.SPS, nal.PPS:
			sets = append(sets, set{k, unit})
			continue
		case nal.Delimiter, nal.Filler:
			continue
		case nal.RandomAccess:
			slices, key = true, true
		case nal.Slice:
			slices = true
		}
		size += 4 + len(unit)
	}
	if err := p.configure(sets); err != nil {
		return ingest.Unit{}, err
	}
	if !slices {
		return ingest.Unit{}, errNoPicture
	}
	p.shown = p.shown || key && p.record != nil
	if !p.shown || p.partial {
		return ingest.Unit{}, errUnconfigured
	}
	dts := p.order.next(pts)
	return ingest.Unit{DTS: dts, Offset: pts - dts, RandomAccess: key, Payload: p.join(nals, size)}, nil
}

// join gives each NAL unit that is kept a 4-byte length.
func (p *picture) join(nals [][]byte, size int) []byte {
	out := make([]byte, 0, size)
	for _, unit := range nals {
		if len(unit) == 0 {
			continue
		}
		switch nal.KindOf(p.sets.codec, unit[0]) {
		case nal.VPS, nal.SPS, nal.PPS, nal.Delimiter, nal.Filler:
			continue
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(unit)))
		out = append(out, unit...)
	}
	return out
}

type avcDecoder struct{ rtph264.Decoder }

func (d *avcDecoder) decode(p *rtp.Packet) ([][]byte, error) {
	nals, err := d.Decode(p)
	if errors.Is(err, rtph264.ErrMorePacketsNeeded) {
		return nil, errMore
	}
	return nals, err
}

func (d *avcDecoder) split() bool { return true }

func (d *avcDecoder) reset() {
	d.Decoder = rtph264.Decoder{PacketizationMode: 1}
	_ = d.Init() // errs only for modes of interleaving
}

type hevcDecoder struct{ rtph265.Decoder }

func (d *hevcDecoder) decode(p *rtp.Packet) ([][]byte, error) {
	nals, err := d.Decode(p)
	if errors.Is(err, rtph265.ErrMorePacketsNeeded) {
		return nil, errMore
	}
	return nals, err
}

func (d *hevcDecoder) split() bool { return false }

func (d *hevcDecoder) reset() {
	d.Decoder = rtph265.Decoder{}
	_ = d.Init() // errs only with decoding order numbers
}

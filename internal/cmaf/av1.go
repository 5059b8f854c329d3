package cmaf

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

	"github.com/stagecast/stagecast/internal/media"
)

// AV1 Codec ISO Media File Format Binding, AV1CodecConfigurationBox: four bytes, then OBUs of which the sequence header
// comes first, if it is there.
func completeAV1(t *media.Track) error {
	if len(t.Config) < 4 {
		return errShort
	}
	if t.Config[0] != 0x81 {
		return errors.New("unknown marker or version of the decoder configuration")
	}
	if len(t.Config) == 4 {
		return nil
	}
	seq, err := sequenceHeader(t.Config[4:])
	if err != nil {
		return fmt.Errorf("sequence header: %w", err)
	}
	t.Width, t.Height = seq.width, seq.height
	setFrameRate(t, seq.rateNum, seq.rateDen)
	return nil
}

// av1Sequence is what the start of a sequence header tells. The rate is zero where pictures are not promised to be evenly
// spaced.
type av1Sequence struct {
	width, height    int
	rateNum, rateDen int64
}

// sequenceHeader reads the start of a sequence header OBU (AV1 Bitstream & Decoding Process Specification, Sequence header
// OBU syntax), up to the picture size.
func sequenceHeader(obu []byte) (av1Sequence, error) {
	var seq av1Sequence
	var header av1.OBUHeader
	if err := header.Unmarshal(obu); err != nil {
		return seq, err
	}
	const extension = 0x04
	if header.Type != av1.OBUTypeSequenceHeader || obu[0]&extension != 0 {
		return seq, errors.New("not the first OBU of the decoder configuration")
	}
	obu = obu[1:]
	if header.HasSize {
		var size av1.LEB128
		n, err := size.Unmarshal(obu)
		if err != nil {
			return seq, err
		}
		obu = obu[n:]
	}
	r := bitReader{b: obu}
	r.skip(3 + 1) // seq_profile, still_picture
	if reduced := r.flag(); reduced {
		r.skip(5) // seq_level_idx
	} else {
		decoderModel, delayLength := seq.readTiming(&r)
		readOperatingPoints(&r, decoderModel, delayLength)
	}
	widthBits, heightBits := int(r.read(4))+1, int(r.read(4))+1
	seq.width, seq.height = int(r.read(widthBits))+1, int(r.read(heightBits))+1
	return seq, r.err
}

// readTiming reads timing_info and decoder_model_info, where they are present.
func (s *av1Sequence) readTiming(r *bitReader) (decoderModel bool, delayLength int) {
	if present := r.flag(); !present {
		return false, 0
	}
	unitsInTick, timeScale := int64(r.read(32)), int64(r.read(32))
	if equalPictureInterval := r.flag(); equalPictureInterval {
		if ticks := r.uvlc() + 1; ticks < 1<<16 {
			s.rateNum, s.rateDen = timeScale, unitsInTick*ticks
		}
	}
	if decoderModel = r.flag(); decoderModel {
		delayLength = int(r.read(5)) + 1
		r.skip(32 + 5 + 5)
	}
	return decoderModel, delayLength
}

func readOperatingPoints(r *bitReader, decoderModel bool, delayLength int) {
	displayDelay := r.flag()
	for range r.read(5) + 1 {
		r.skip(12) // operating_point_idc
		if level := r.read(5); level > 7 {
			r.skip(1) // seq_tier
		}
		if decoderModel && r.flag() {
			r.skip(2*delayLength + 1)
		}
		if displayDelay && r.flag() {
			r.skip(4)
		}
	}
}

// bitReader reads bits until they run out, which err then says.
type bitReader struct {
	b   []byte
	pos int
	err error
}

func (r *bitReader) read(n int) uint64 {
	if r.err != nil || n == 0 {
		return 0
	}
	v, err := bits.ReadBits(r.b, &r.pos, n)
	r.err = err
	return v
}

func (r *bitReader) flag() bool { return r.read(1) == 1 }

func (r *bitReader) skip(n int) {
	if r.err == nil {
		r.err = bits.HasSpace(r.b, r.pos, n)
		r.pos += n
	}
}

// uvlc is AV1's variable length code: leading zeros, a one, and as many bits again.
func (r *bitReader) uvlc() int64 {
	zeros := 0
	for r.err == nil && !r.flag() {
		zeros++
	}
	if zeros >= 32 { // the greatest value, however many zeros
		return 1<<32 - 1
	}
	return int64(r.read(zeros)) + 1<<zeros - 1
}

package whip

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// The first byte of the payload descriptor of RFC 9628, 4.2.
const (
	vp9PictureID = 0x80 // I
	vp9Inter     = 0x40 // P
	vp9Layers    = 0x20 // L
	vp9Flexible  = 0x10 // F
	vp9Begin     = 0x08 // B
	vp9Structure = 0x02 // V
)

// vp9Depacketizer reads RFC 9628. Of an encoder that sends several spatial layers the lowest is taken, which stands alone.
type vp9Depacketizer struct {
	out    builder
	key    bool
	header vp9.Header // of the last key frame
	config []byte
}

func (d *vp9Depacketizer) reset() {
	d.out.reset()
	d.key = false
}

func (d *vp9Depacketizer) push(p []byte) error {
	frame, spatial, err := vp9Frame(p)
	if err != nil || spatial > 0 {
		return err
	}
	if len(d.out.buf) == 0 {
		if p[0]&vp9Begin == 0 {
			return ingest.Errorf(ingest.ReasonBadMedia, "vp9 picture without its start")
		}
		d.key = p[0]&vp9Inter == 0
	}
	if err := d.out.grow(len(frame)); err != nil {
		return err
	}
	d.out.buf = append(d.out.buf, frame...)
	return nil
}

// vp9Frame cuts the payload descriptor off, and says which spatial layer the rest belongs to.
func vp9Frame(p []byte) (frame []byte, spatial int, err error) {
	r := byteReader{b: p}
	flags := r.next()
	if flags&vp9PictureID != 0 && r.next()&0x80 != 0 { // of 15 bits
		r.next()
	}
	if flags&vp9Layers != 0 {
		spatial = int(r.next() >> 1 & 7)
		if flags&vp9Flexible == 0 {
			r.next() // TL0PICIDX
		}
	}
	if flags&vp9Flexible != 0 && flags&vp9Inter != 0 {
		for i := 0; r.next()&1 != 0; i++ { // P_DIFF, N
			if i == 2 {
				return nil, 0, ingest.Errorf(ingest.ReasonBadMedia, "vp9 picture of more than three references")
			}
		}
	}
	if flags&vp9Structure != 0 {
		r.skipStructure()
	}
	if r.short || len(r.b) == 0 {
		return nil, 0, errShort(media.VP9)
	}
	return r.b, spatial, nil
}

// byteReader reads bytes until there are none left, which short then says.
type byteReader struct {
	b     []byte
	short bool
}

func (r *byteReader) next() byte {
	if len(r.b) == 0 {
		r.short = true
		return 0
	}
	x := r.b[0]
	r.b = r.b[1:]
	return x
}

func (r *byteReader) skip(n int) {
	r.short = r.short || n > len(r.b)
	r.b = r.b[min(n, len(r.b)):]
}

// skipStructure skips the scalability structure (RFC 9628, 4.2.1): N_S, Y, G; sizes; picture group.
func (r *byteReader) skipStructure() {
	head := r.next()
	if head&0x10 != 0 {
		r.skip(4 * (int(head>>5) + 1))
	}
	if head&0x08 != 0 {
		for range r.next() {
			r.skip(int(r.next() >> 2 & 3))
		}
	}
}

func (d *vp9Depacketizer) unit() (unit, error) {
	defer d.reset()
	if len(d.out.buf) == 0 {
		return unit{}, nil
	}
	u := unit{randomAccess: d.key}
	if d.key {
		h := vp9.Header{}
		if err := h.Unmarshal(d.out.buf); err != nil || h.NonKeyFrame || h.FrameSize == nil || h.ColorConfig == nil {
			return unit{}, ingest.Errorf(ingest.ReasonBadMedia, "a vp9 key frame that cannot be read")
		}
		u.config, u.width, u.height = vp9Config(&h), h.Width(), h.Height()
	}
	u.payload = d.out.take()
	return u, nil
}

// vp9Config makes a VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding, 2.2): profile, level, bit depth with
// sampling and range, three colours that WebRTC does not tell, and no more.
func vp9Config(h *vp9.Header) []byte {
	const unspecified = 2
	depth := h.ColorConfig.BitDepth<<4 | h.ChromaSubsampling()<<1
	if h.ColorConfig.ColorRange {
		depth |= 1
	}
	return []byte{h.Profile, vp9Level(h.Width() * h.Height()), depth, unspecified, unspecified, unspecified, 0, 0}
}

// vp9Level is the lowest level for a picture size in pixels (VP9 levels, webmproject.org), for at least 30 pictures a second.
func vp9Level(pixels int) byte {
	for _, l := range []struct {
		pixels int
		level  byte
	}{{36864, 11}, {73728, 20}, {122880, 21}, {245760, 30}, {552960, 31}, {983040, 40}, {2228224, 41}, {8912896, 51}} {
		if pixels <= l.pixels {
			return l.level
		}
	}
	return 61
}

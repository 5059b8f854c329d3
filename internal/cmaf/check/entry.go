package check

import (
	"fmt"
	"math/bits"
	"strings"
)

// The fixed part of a sample entry, before its boxes (ISO/IEC 14496-12 12.1.3, 12.2.3).
const (
	visualEntryBytes = 78
	audioEntryBytes  = 28
)

// entry reads a sample entry: format, size, and what CODECS should say.
func (t *Track) entry(x box) error {
	t.Format, t.Codec = x.name, x.name
	head := audioEntryBytes
	if t.Handler == "vide" {
		head = visualEntryBytes
		f := fields{b: x.data}
		f.skip(24)
		t.Width, t.Height = int(f.u16()), int(f.u16())
	}
	if len(x.data) < head || t.Handler != "vide" && t.Handler != "soun" {
		return nil
	}
	return walk(x.data[head:], map[string]func([]byte) error{
		"avcC": t.avcC, "hvcC": t.hvcC, "av1C": t.av1C, "vpcC": t.vpcC, "esds": t.esds,
	})
}

// avcC: ISO/IEC 14496-15 5.3.3.1; the codec string is RFC 6381 3.3.
func (t *Track) avcC(b []byte) error {
	if len(b) < 7 {
		return errShort
	}
	t.Codec = fmt.Sprintf("%s.%02x%02x%02x", t.Format, b[1], b[2], b[3])
	t.NALLength = int(b[4]&3) + 1
	return nil
}

// hvcC: ISO/IEC 14496-15 8.3.3.1; the codec string is its Annex E.3.
func (t *Track) hvcC(b []byte) error {
	if len(b) < 23 {
		return errShort
	}
	f := fields{b: b[1:]}
	profile := f.u8()
	compatibility := f.u32()
	constraints := f.take(6)
	level := f.u8()
	tier := "L"
	if profile&0x20 != 0 {
		tier = "H"
	}
	space := []string{"", "A", "B", "C"}[profile>>6]
	t.Codec = fmt.Sprintf("%s.%s%d.%X.%s%d", t.Format, space, profile&0x1F, bits.Reverse32(compatibility), tier, level)
	for n := len(constraints); n > 0; n-- {
		if constraints[n-1] != 0 {
			for _, c := range constraints[:n] {
				t.Codec += fmt.Sprintf(".%X", c)
			}
			break
		}
	}
	t.NALLength = int(b[21]&3) + 1
	return nil
}

// av1C: AV1 Codec ISO Media File Format Binding 2.3 and 5.
func (t *Track) av1C(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	profile, level, tier, depth := b[1]>>5, b[1]&0x1F, "M", 8
	if b[2]&0x80 != 0 {
		tier = "H"
	}
	if b[2]&0x40 != 0 {
		depth = 10
		if profile == 2 && b[2]&0x20 != 0 {
			depth = 12
		}
	}
	t.Codec = fmt.Sprintf("av01.%d.%02d%s.%02d", profile, level, tier, depth)
	return nil
}

// vpcC: VP Codec ISO Media File Format Binding 1.0.
func (t *Track) vpcC(b []byte) error {
	if len(b) < 8 {
		return errShort
	}
	t.Codec = fmt.Sprintf("%s.%02d.%02d.%02d", t.Format, b[4], b[5], b[6]>>4)
	return nil
}

// esds: ISO/IEC 14496-1 7.2.6; the codec string is RFC 6381 3.3.
func (t *Track) esds(b []byte) error {
	f := fields{b: b}
	f.skip(4)
	for len(f.b) > 0 && !f.short {
		switch tag := f.u8(); tag {
		case 3: // ES_Descriptor
			f.descriptorLength()
			f.skip(2)
			flags := f.u8()
			if flags&0x80 != 0 {
				f.skip(2)
			}
			if flags&0x40 != 0 {
				f.skip(int(f.u8()))
			}
			if flags&0x20 != 0 {
				f.skip(2)
			}
		case 4: // DecoderConfigDescriptor
			f.descriptorLength()
			t.Codec = fmt.Sprintf("%s.%02x", t.Format, f.u8())
			f.skip(12)
		case 5: // DecoderSpecificInfo: AudioSpecificConfig
			f.descriptorLength()
			v := f.u16()
			object := v >> 11
			if object == 31 {
				object = 32 + v>>5&0x3F
			}
			t.Codec += fmt.Sprintf(".%d", object)
			return f.err()
		default:
			f.skip(f.descriptorLength())
		}
	}
	return f.err()
}

// descriptorLength reads the expandable length of a descriptor.
func (f *fields) descriptorLength() int {
	n := 0
	for range 4 {
		c := f.u8()
		n = n<<7 | int(c&0x7F)
		if c&0x80 == 0 {
			break
		}
	}
	return n
}

// sameCodec compares codec strings. Their hexadecimal digits may be of either case.
func sameCodec(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

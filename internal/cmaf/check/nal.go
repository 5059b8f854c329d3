package check

// picture says what the NAL units of a sample make it.
type picture struct {
	known bool // the format has NAL units, and they could be read
	idr   bool
	irap  bool // a random access picture; of AVC the same as idr
}

// RandomAccess reports whether the NAL units of a sample make it an IDR, or another random access picture of HEVC. It is
// false for formats without NAL units.
func (t *Track) RandomAccess(data []byte) bool { return t.pictureOf(data).irap }

// pictureOf looks at the NAL unit types of a sample.
func (t *Track) pictureOf(data []byte) picture {
	avc := t.Format == "avc1" || t.Format == "avc3"
	hevc := t.Format == "hvc1" || t.Format == "hev1"
	if !avc && !hevc || t.NALLength == 0 {
		return picture{}
	}
	p := picture{known: true}
	for len(data) > 0 {
		if len(data) < t.NALLength {
			return picture{}
		}
		size := 0
		for _, c := range data[:t.NALLength] {
			size = size<<8 | int(c)
		}
		if data = data[t.NALLength:]; size == 0 || size > len(data) {
			return picture{}
		}
		if avc {
			p.idr = p.idr || data[0]&0x1F == 5 // ISO/IEC 14496-10 table 7-1
		} else {
			kind := data[0] >> 1 & 0x3F // ISO/IEC 23008-2 table 7-1
			p.idr = p.idr || kind == 19 || kind == 20
			p.irap = p.irap || kind >= 16 && kind <= 21
		}
		data = data[size:]
	}
	p.irap = p.irap || p.idr
	return p
}

package cmaf

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/stagecast/stagecast/internal/media"
)

// CodecString is what the CODECS attribute of a playlist calls a track's codec (RFC 6381); empty where the Config is too
// short to tell.
func CodecString(t *media.Track) string {
	c := t.Config
	switch {
	case t.Codec == media.H264 && len(c) >= 4:
		return fmt.Sprintf("avc1.%02x%02x%02x", c[1], c[2], c[3])
	case t.Codec == media.HEVC && len(c) >= 13:
		return hevcString(c)
	case t.Codec == media.AV1 && len(c) >= 4:
		return av1String(c)
	case t.Codec == media.VP9 && len(c) >= 3:
		return fmt.Sprintf("vp09.%02d.%02d.%02d", c[0], c[1], c[2]>>4)
	case t.Codec == media.AAC && len(c) >= 2:
		return fmt.Sprintf("mp4a.40.%d", objectType(c))
	case t.Codec == media.Opus:
		return "opus"
	}
	return ""
}

// ISO/IEC 14496-15, Annex E: profile space and number, compatibility flags in reverse bit order, tier and level, then the
// constraint bytes without those that are zero at the end.
func hevcString(c []byte) string {
	space := []string{"", "A", "B", "C"}[c[1]>>6]
	tier := "L"
	if c[1]&0x20 != 0 {
		tier = "H"
	}
	compatible := bits.Reverse32(binary.BigEndian.Uint32(c[2:]))
	var b strings.Builder
	fmt.Fprintf(&b, "hvc1.%s%d.%X.%s%d", space, c[1]&0x1f, compatible, tier, c[12])
	constraints := c[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, x := range constraints {
		fmt.Fprintf(&b, ".%X", x)
	}
	return b.String()
}

// AV1 Codec ISO Media File Format Binding, Codecs Parameter String.
func av1String(c []byte) string {
	tier := "M"
	if c[2]&0x80 != 0 {
		tier = "H"
	}
	depth := 8
	switch highBitDepth, twelveBit := c[2]&0x40 != 0, c[2]&0x20 != 0; {
	case highBitDepth && twelveBit:
		depth = 12
	case highBitDepth:
		depth = 10
	}
	return fmt.Sprintf("av01.%d.%02d%s.%02d", c[1]>>5, c[1]&0x1f, tier, depth)
}

// objectType is the audioObjectType of an AudioSpecificConfig (ISO/IEC 14496-3).
func objectType(c []byte) int {
	if t := int(c[0] >> 3); t != 31 {
		return t
	}
	return 32 + int(c[0]&7)<<3 + int(c[1]>>5)
}

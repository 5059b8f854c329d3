package check

import (
	"math"
	"slices"
	"strings"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// maxRateError is how far FRAME-RATE may lie from what was measured: a dropped frame in a short run, not 30 for 29.97.
const maxRateError = 0.0009

// Variant checks what a variant declares against the headers of its renditions. audio is nil where it has no group of sound;
// frameRate is 0 where it was not measured.
func Variant(r *check.Report, where string, v *hls.ParsedVariant, main, audio *Init, frameRate float64) {
	var present []string
	for _, in := range []*Init{main, audio} {
		if in == nil {
			continue
		}
		for _, t := range in.Tracks {
			present = append(present, t.Codec)
		}
	}
	declared := strings.Split(v.Codecs, ",")
	for _, codec := range present {
		listed := slices.ContainsFunc(declared, func(d string) bool { return sameCodec(d, codec) })
		r.Expect("L87", listed, where, "%s: %s is present, CODECS says %q", v.URI, codec, v.Codecs)
	}
	t := main.Main()
	if t.Handler != "vide" {
		return
	}
	r.Expect("L88", v.Width == int64(t.Width) && v.Height == int64(t.Height), where, "%s: RESOLUTION %dx%d, sample entry %dx%d", v.URI, v.Width, v.Height, t.Width, t.Height)
	if frameRate > 0 && v.FrameRate > 0 {
		off := math.Abs(v.FrameRate-frameRate) / frameRate
		r.Expect("L89", off <= maxRateError, where, "%s: FRAME-RATE %.3f, measured %.3f", v.URI, v.FrameRate, frameRate)
	}
}

package transcode

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/stagecast/stagecast/internal/media"
)

// Rung is one step of a ladder.
type Rung struct {
	Name          string      `json:"name"`
	Width, Height int         `json:"-"`
	Bitrate       int         `json:"bitrate"` // bits per second
	Codec         media.Codec `json:"codec"`
}

// steps are the default rungs by their lines: the smaller side of the picture.
var steps = []step{
	{2160, 8_000_000}, {1080, 4_000_000}, {720, 2_000_000}, {480, 1_000_000}, {240, 500_000},
}

// step is a default size and what it is given.
type step struct{ lines, bitrate int }

// audioBitrate of the sound where nothing else is asked for, in bits per second.
const audioBitrate = 128_000

// maxRate is the highest frame rate that is encoded; faster sources are halved or thinned to it.
const maxRate = 60

// between is the bit rate for a size between two steps, in proportion to its pixels.
func between(above, below step, lines int) int {
	square := func(n int) int { return n * n }
	share := float64(square(lines)-square(below.lines)) / float64(square(above.lines)-square(below.lines))
	return (below.bitrate + int(share*float64(above.bitrate-below.bitrate))) / 10_000 * 10_000
}

// nominal is the bit rate for a size, between those of the steps or of the nearest.
func nominal(lines int) int {
	for i, s := range steps {
		switch {
		case lines < s.lines:
		case i == 0 || lines == s.lines:
			return s.bitrate
		default:
			return between(steps[i-1], s, lines)
		}
	}
	return steps[len(steps)-1].bitrate
}

// rungsOf a source are those that were asked for, up to the source's own size, and beside each the same in further codecs. Aspect and
// frame rate are kept, sizes are even, and nothing is scaled up.
func rungsOf(source *media.Track, spec Spec) (out []Rung) {
	if len(spec.rungs) == 0 {
		out = defaultRungs(source)
	}
	small := min(source.Width, source.Height)
	for _, w := range spec.rungs {
		if w.lines <= small {
			out = append(out, rung(source, w.lines, cmp.Or(w.bitrate, nominal(w.lines))).in(w.codec))
		}
	}
	if len(out) == 0 { // all are larger than the source
		lines := max(2, small&^1)
		out = []Rung{rung(source, lines, nominal(lines))}
	}
	for _, codec := range spec.more {
		for _, r := range out {
			if r.Codec == media.H264 {
				r.Bitrate = int(float64(r.Bitrate) * leaner)
				out = append(out, r.in(codec))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Rung) int {
		return cmp.Or(cmp.Compare(b.Width*b.Height, a.Width*a.Height), cmp.Compare(index(a.Codec == media.H264), index(b.Codec == media.H264)))
	})
	return slices.CompactFunc(out, func(a, b Rung) bool { return a.Name == b.Name })
}

// leaner is what HEVC and AV1 need of the bit rate of H.264.
const leaner = 0.6

// in is the rung in a codec, under a name of its own.
func (r Rung) in(c media.Codec) Rung {
	if r.Codec = c; c != media.H264 {
		r.Name += "-" + string(c)
	}
	return r
}

// defaultRungs are every default step up to the source's own size, and that size itself where it lies below the lowest step, or a
// quarter or more above the highest that fits.
func defaultRungs(source *media.Track) (out []Rung) {
	lines := max(2, min(source.Width, source.Height)&^1)
	for i, s := range steps {
		if s.lines > lines {
			continue
		}
		if len(out) == 0 && i > 0 && lines*4 >= s.lines*5 {
			out = append(out, rung(source, lines, between(steps[i-1], s, lines)))
		}
		out = append(out, rung(source, s.lines, s.bitrate))
	}
	if len(out) == 0 {
		out = []Rung{rung(source, lines, steps[len(steps)-1].bitrate)}
	}
	return out
}

// Steps are the rungs of a picture of that size on a machine that can encode them all.
func Steps(width, height int) []Rung { return defaultRungs(&media.Track{Width: width, Height: height}) }

// rung scales the source so that its smaller side has the given lines.
func rung(source *media.Track, lines, bitrate int) Rung {
	w, h := source.Width, source.Height
	small := min(w, h)
	return Rung{Name: fmt.Sprintf("%dp", lines), Width: scale(w, lines, small), Height: scale(h, lines, small), Bitrate: bitrate, Codec: media.H264}
}

// scale is n·a/b, rounded to the nearest even number that is not above n, and at least 2.
func scale(n, a, b int) int { return max(2, min(n&^1, (n*a+b)/(2*b)*2)) }

// rate is the constant frame rate that a source is encoded at: its own up to maxRate, else the rate divided; 30 where
// unknown.
func rate(source *media.Track) media.Rational {
	r := source.FrameRate
	if !r.Known() || r.Float() < 1 {
		return media.Rational{Num: 30, Den: 1}
	}
	for r.Float() > maxRate+0.01 {
		r.Den *= 2
	}
	return r
}

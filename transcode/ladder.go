package transcode

import (
	"fmt"
	"slices"

	"github.com/stagecast/stagecast/internal/media"
)

// Rung is one step of a ladder.
type Rung struct {
	Name          string `json:"name"`
	Width, Height int    `json:"-"`
	Bitrate       int    `json:"bitrate"` // bits per second
}

// Dropped is a rung that the source has room for and the machine has not.
type Dropped struct {
	Rung   string `json:"rung"`
	Reason string `json:"reason"`
}

// Plan is what one source is encoded into.
type Plan struct {
	Rungs   []Rung         `json:"rungs"` // best first; none for sound alone
	Rate    media.Rational `json:"-"`     // of all rungs
	Preset  string         `json:"preset"`
	Dropped []Dropped      `json:"dropped"`
}

// steps are the default rungs by their lines: the smaller side of the picture.
var steps = []step{
	{2160, 8_000_000}, {1080, 4_000_000}, {720, 2_000_000}, {480, 1_000_000}, {240, 500_000},
}

// step is a default size and what it is given.
type step struct{ lines, bitrate int }

// audioBitrate of the one sound rendition, in bits per second.
const audioBitrate = 128_000

// maxRate is the highest frame rate that is encoded; faster sources are halved or thinned to it.
const maxRate = 60

// decodeCost is what decoding costs beside encoding with testPreset, for a pixel.
const decodeCost = 0.18

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

// newPlan chooses the rungs for a source picture: every default step up to the source's own size, and that size itself
// where it lies below the lowest step, or a quarter or more above the highest that fits. Aspect and frame rate are kept, sizes are even. share is the part of the machine
// that the ladder may take.
//
// A machine that is too slow first gets a faster preset, as long as all rungs fit with it; then it loses rungs from the
// top, and keeps at least the lowest.
func newPlan(source *media.Track, capacity Capacity, share float64) Plan {
	p := Plan{Preset: testPreset, Rate: rate(source), Dropped: []Dropped{}}
	lines := max(2, min(source.Width, source.Height)&^1)
	for i, s := range steps {
		if s.lines > lines {
			continue
		}
		if len(p.Rungs) == 0 && i > 0 && lines*4 >= s.lines*5 {
			p.Rungs = append(p.Rungs, rung(source, lines, between(steps[i-1], s, lines)))
		}
		p.Rungs = append(p.Rungs, rung(source, s.lines, s.bitrate))
	}
	if len(p.Rungs) == 0 {
		p.Rungs = []Rung{rung(source, lines, steps[len(steps)-1].bitrate)}
	}
	if capacity.PixelsPerSecond == 0 {
		return p
	}
	budget := capacity.PixelsPerSecond * share
	decode := float64(source.Width*source.Height) * p.Rate.Float() * decodeCost
	for _, preset := range presets[:2] {
		if decode+p.pixels()*preset.cost <= budget {
			p.Preset = preset.name
			return p
		}
	}
	for len(p.Rungs) > 1 && decode+p.pixels() > budget {
		p.Dropped = append(p.Dropped, Dropped{p.Rungs[0].Name, fmt.Sprintf(
			"this machine encodes %.0f million pixels a second and may spend %.0f on a ladder; with %s it would take %.0f",
			capacity.PixelsPerSecond/1e6, budget/1e6, p.Rungs[0].Name, (decode+p.pixels())/1e6)})
		p.Rungs = p.Rungs[1:]
	}
	for _, preset := range presets {
		p.Preset = preset.name
		if decode+p.pixels()*preset.cost <= budget {
			break
		}
	}
	return p
}

// Steps are the rungs of a picture of that size on a machine that can encode them all.
func Steps(width, height int) []Rung {
	return newPlan(&media.Track{Width: width, Height: height}, Capacity{}, 1).Rungs
}

// pixels that all rungs together have in a second.
func (p *Plan) pixels() (n float64) {
	for _, r := range p.Rungs {
		n += float64(r.Width*r.Height) * p.Rate.Float()
	}
	return n
}

// rung scales the source so that its smaller side has the given lines.
func rung(source *media.Track, lines, bitrate int) Rung {
	w, h := source.Width, source.Height
	small := min(w, h)
	return Rung{Name: fmt.Sprintf("%dp", lines), Width: scale(w, lines, small), Height: scale(h, lines, small), Bitrate: bitrate}
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

// keeping adds the rungs of the plan before that this one has not, so that their playlists go on: at the source's own size where
// that is smaller, as nothing is scaled up.
func (p Plan) keeping(before []Rung, source *media.Track) Plan {
	has := make(map[string]bool)
	for _, r := range p.Rungs {
		has[r.Name] = true
	}
	p.Rungs = slices.Clone(p.Rungs)
	for _, r := range before {
		if !has[r.Name] {
			kept := rung(source, min(r.Width, r.Height), r.Bitrate)
			kept.Name = r.Name
			p.Rungs = append(p.Rungs, kept)
		}
	}
	slices.SortStableFunc(p.Rungs, func(a, b Rung) int { return b.Bitrate - a.Bitrate })
	return p
}

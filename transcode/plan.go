package transcode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

// Plan is what one source is encoded into, and by what.
type Plan struct {
	Rungs   []Rung         `json:"rungs"` // best first; none for sound alone
	Rate    media.Rational `json:"-"`     // of all rungs
	Device  device.Device  `json:"-"`     // that encodes them
	Preset  string         `json:"preset"`
	Dropped []Dropped      `json:"dropped"`
}

// Dropped is a rung that the source has room for and the machine has not.
type Dropped struct {
	Rung   string `json:"rung"`
	Reason string `json:"reason"`
}

// room is what a plan may take of one device.
type room struct {
	device.Entry
	share float64 // of the device, 0 to 1
}

// anywhere is the room of a machine that nobody has measured: everything fits.
func anywhere() room { return room{Entry: device.Entry{Device: device.Host()}, share: 1} }

// decodeCost is what decoding and scaling a pixel of the source costs on the processor, beside encoding one with its first preset: so
// the ladder of 1080p comes to what it takes when it is measured whole.
const decodeCost = 0.5

// cost of a plan with a preset, as a share of the device; 0 where its speed is not known.
func (r room) cost(source *media.Track, p *Plan, preset string) float64 {
	trial := r.Trial(media.H264)
	speed := trial.Speed(preset)
	if speed == 0 {
		return 0
	}
	cost := p.pixels() / speed
	if r.Kind == device.CPU && len(trial.Speeds) > 0 {
		cost += float64(source.Width*source.Height) * p.Rate.Float() * decodeCost / trial.Speeds[0].PixelsPerSecond
	}
	return cost
}

// newPlan chooses the rungs for a source picture, and the device: the first on which all of them fit, else the one that has room
// for the most. There is at least one room.
func newPlan(source *media.Track, rooms []room) Plan {
	whole := Plan{Rungs: rungsOf(source), Rate: rate(source), Dropped: []Dropped{}}
	var best Plan
	for i, r := range rooms {
		p := r.fit(source, whole)
		if i == 0 || len(p.Rungs) > len(best.Rungs) {
			best = p
		}
	}
	return best
}

// fit is the plan for one device. A device that is too slow first gets a faster preset, as long as all rungs fit with it and its
// picture is worth it; then it loses rungs from the top, and keeps at least the lowest.
func (r room) fit(source *media.Track, p Plan) Plan {
	p.Device = r.Device
	presets := r.Presets(media.H264)
	for _, preset := range presets[:min(2, len(presets))] {
		if r.cost(source, &p, preset) <= r.share {
			p.Preset = preset
			return p
		}
	}
	for len(p.Rungs) > 1 && r.cost(source, &p, presets[0]) > r.share {
		p.Dropped = append(p.Dropped[:len(p.Dropped):len(p.Dropped)], Dropped{p.Rungs[0].Name, fmt.Sprintf(
			"with it the ladder would take %.0f %% of %s, and %.0f %% are free for it", 100*r.cost(source, &p, presets[0]), r.ID, 100*max(0, r.share))})
		p.Rungs = p.Rungs[1:]
	}
	for _, preset := range presets {
		p.Preset = preset
		if r.cost(source, &p, preset) <= r.share {
			break
		}
	}
	return p
}

// lighter is a plan that costs less, for the reason given: without its top rung, or, where that is the only one, with a faster
// preset. ok is false where there is none.
func (p Plan) lighter(why error) (_ Plan, ok bool) {
	if len(p.Rungs) > 1 {
		p.Dropped = append(p.Dropped[:len(p.Dropped):len(p.Dropped)], Dropped{p.Rungs[0].Name, strings.TrimPrefix(why.Error(), "transcode: ")})
		p.Rungs = p.Rungs[1:]
		return p, true
	}
	presets := p.Device.Presets(media.H264)
	if i := slices.Index(presets, p.Preset); i >= 0 && i+1 < len(presets) {
		p.Preset = presets[i+1]
		return p, true
	}
	return p, false
}

// pixels that all rungs together have in a second.
func (p *Plan) pixels() (n float64) {
	for _, r := range p.Rungs {
		n += float64(r.Width*r.Height) * p.Rate.Float()
	}
	return n
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

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
	Rungs   []Rung         `json:"rungs"`  // best first; none for sound alone
	Rate    media.Rational `json:"-"`      // of all rungs
	Device  device.Device  `json:"-"`      // that encodes them
	Preset  string         `json:"preset"` // of its H.264
	Dropped []Dropped      `json:"dropped"`

	Audio  []int `json:"-"` // bit rates, best first
	bottom bool
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

// cost of a plan with a preset for its H.264, as a share of the device; 0 where its speed is not known.
func (r room) cost(source *media.Track, p *Plan, preset string) (cost float64) {
	for _, g := range p.Rungs {
		with := preset
		if g.Codec != media.H264 {
			with = r.Presets(g.Codec)[0]
		}
		if speed := r.Trial(g.Codec).Speed(with); speed > 0 {
			cost += float64(g.Width*g.Height) * p.Rate.Float() / speed
		}
	}
	if speeds := r.Trial(media.H264).Speeds; r.Kind == device.CPU && len(speeds) > 0 {
		cost += float64(source.Width*source.Height) * p.Rate.Float() * decodeCost / speeds[0].PixelsPerSecond
	}
	return cost
}

// newPlan chooses the rungs for a source picture, and the device: the first on which all of them fit, else the one that has room
// for the most. There is at least one room.
func newPlan(source *media.Track, spec Spec, rooms []room) Plan {
	whole := Plan{Rungs: rungsOf(source, spec), Rate: rate(source), Dropped: []Dropped{}, Audio: spec.audio, bottom: spec.bottom}
	if len(whole.Audio) == 0 {
		whole.Audio = []int{audioBitrate}
	}
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
// picture is worth it; then it loses rungs, and keeps at least one.
func (r room) fit(source *media.Track, p Plan) Plan {
	p.Device = r.Device
	p = r.able(p)
	presets := r.Presets(media.H264)
	for _, preset := range presets[:min(2, len(presets))] {
		if r.cost(source, &p, preset) <= r.share {
			p.Preset = preset
			return p
		}
	}
	for len(p.Rungs) > 1 && r.cost(source, &p, presets[0]) > r.share {
		p = p.without(fmt.Sprintf(
			"with it the ladder would take %.0f %% of %s, and %.0f %% are free for it", 100*r.cost(source, &p, presets[0]), r.ID, 100*max(0, r.share)))
	}
	for _, preset := range presets {
		p.Preset = preset
		if r.cost(source, &p, preset) <= r.share {
			break
		}
	}
	return p
}

// able leaves out what the device has no encoder for. Where that is everything, the rungs are in H.264.
func (r room) able(p Plan) Plan {
	all := p.Rungs
	p.Rungs = nil
	for _, g := range all {
		if tr := r.Trial(g.Codec); g.Codec == media.H264 || tr.Works || len(r.Trials) == 0 {
			p.Rungs = append(p.Rungs, g)
		} else {
			p.Dropped = append(p.Dropped, Dropped{g.Name, fmt.Sprintf("%s has no encoder for %s: %s", r.ID, g.Codec, tr.Reason)})
		}
	}
	if len(p.Rungs) > 0 {
		return p
	}
	for _, g := range all {
		g.Name, _, _ = strings.Cut(g.Name, "-")
		p.Rungs = append(p.Rungs, g.in(media.H264))
	}
	p.Rungs = slices.CompactFunc(p.Rungs, func(a, b Rung) bool { return a.Name == b.Name })
	return p
}

// without is the plan without the rung that is dropped first: one of a codec that not every player has, else the best or the least
// as it was asked for.
func (p Plan) without(why string) Plan {
	i := slices.IndexFunc(p.Rungs, func(r Rung) bool { return r.Codec != media.H264 })
	switch {
	case i >= 0:
	case p.bottom:
		i = len(p.Rungs) - 1
	default:
		i = 0
	}
	p.Dropped = append(slices.Clip(p.Dropped), Dropped{p.Rungs[i].Name, why})
	p.Rungs = slices.Delete(slices.Clone(p.Rungs), i, i+1)
	return p
}

// lighter is a plan that costs less, for the reason given: without a rung, or, where there is only one, with a faster preset. ok is
// false where there is none.
func (p Plan) lighter(why error) (_ Plan, ok bool) {
	if len(p.Rungs) > 1 {
		return p.without(strings.TrimPrefix(why.Error(), "transcode: ")), true
	}
	presets := p.Device.Presets(media.H264)
	if i := slices.Index(presets, p.Preset); i >= 0 && i+1 < len(presets) {
		p.Preset = presets[i+1]
		return p, true
	}
	return p, false
}

// as takes the size of the rung of that name before, where only rounding has made them differ: its playlist says one size.
func (r *Rung) as(before Rung, source *media.Track) {
	near := func(a, b int) bool { return a-b <= 2 && b-a <= 2 }
	if near(r.Width, before.Width) && near(r.Height, before.Height) && before.Width <= source.Width && before.Height <= source.Height {
		r.Width, r.Height = before.Width, before.Height
	}
}

// keeping adds the rungs of the plan before that this one has not, so that their playlists go on: at the source's own size where
// that is smaller, as nothing is scaled up.
func (p Plan) keeping(before []Rung, source *media.Track) Plan {
	has := make(map[string]int)
	p.Rungs = slices.Clone(p.Rungs)
	for i, r := range p.Rungs {
		has[r.Name] = i
	}
	for _, r := range before {
		if i, ok := has[r.Name]; ok {
			p.Rungs[i].as(r, source)
		} else {
			kept := rung(source, min(r.Width, r.Height), r.Bitrate)
			kept.Name, kept.Codec = r.Name, r.Codec
			p.Rungs = append(p.Rungs, kept)
		}
	}
	slices.SortStableFunc(p.Rungs, func(a, b Rung) int { return b.Bitrate - a.Bitrate })
	return p
}

package transcode

import (
	"errors"

	"github.com/stagecast/stagecast/internal/media"
)

// errSlow ends a job that falls behind its source: the next one starts at the live edge, with a lighter plan.
var errSlow = errors.New("transcode: this machine is too slow for the ladder")

// maxLag is how much of the source, in seconds, may wait for a process.
const maxLag = 4.0

// lag tells a process that is too slow from a source that sends in bursts.
type lag struct{ last float64 }

// behind is told how much of the source waits, in seconds, each time the feed is done with what waited before. What waits
// then is what has come meanwhile: more than maxLag twice, and the second time no less, is a process that does not catch up.
func (l *lag) behind(waiting float64) bool {
	slow := l.last > maxLag && waiting >= l.last
	l.last = waiting
	return slow
}

// span is how much of the source units are, in seconds.
func span(units []media.AccessUnit, track func(id int) *media.Track) float64 {
	if len(units) == 0 {
		return 0
	}
	first, last := &units[0], &units[len(units)-1]
	return media.Seconds(last.DTS, track(last.Track).ClockRate) - media.Seconds(first.DTS, track(first.Track).ClockRate)
}

// lighter is a plan that costs less: without its top rung, or, where that is the only one, with a faster preset. ok is
// false where there is none.
func (p Plan) lighter() (_ Plan, ok bool) {
	if len(p.Rungs) > 1 {
		p.Dropped = append(p.Dropped[:len(p.Dropped):len(p.Dropped)], Dropped{p.Rungs[0].Name, "this machine fell behind with it"})
		p.Rungs = p.Rungs[1:]
		return p, true
	}
	for i := range len(presets) - 1 {
		if presets[i].name == p.Preset {
			p.Preset = presets[i+1].name
			return p, true
		}
	}
	return p, false
}

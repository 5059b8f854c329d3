package transcode

import (
	"errors"

	"github.com/stagecast/stagecast/internal/media"
)

// The reasons for which a job is followed by one with another plan, which starts at the live edge.
var (
	errSlow  = errors.New("transcode: this machine fell behind with it")
	errYield = errors.New("transcode: another stream needs the room")
	errRoom  = errors.New("transcode: there is room for more rungs")
)

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

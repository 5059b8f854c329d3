package transcode

import "github.com/stagecast/stagecast/internal/media"

// Yields reports whether streams of no higher priority would give up rungs here for the last rung of another stream's picture. starting are
// the pictures that are about to start, by stream, as for Room.
func (p *Pool) Yields(stream string, picture *media.Track, priority int, starting map[string]*media.Track) bool {
	if p.devices == nil || picture == nil {
		return false
	}
	p.ledger.measured(p.devices.Table())
	return p.ledger.couldYield(stream, picture, priority, starting)
}

// couldYield reports whether there would be room for the last rung of a picture if the streams of no higher priority kept only theirs.
// It is false while a stream waits or is about to start: what they would give up is that one's.
func (l *ledger) couldYield(stream string, picture *media.Track, priority int, starting map[string]*media.Track) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table == nil || l.first() != nil {
		return false
	}
	for stream, p := range starting {
		if t := l.tasks[stream]; p != nil && (t == nil || len(t.plan.Rungs) == 0) {
			return false
		}
	}
	t := &task{stream: stream}
	rooms, _ := l.rooms(t)
	for _, r := range rooms {
		least := newPlan(picture, l.ladders.Of(stream), []room{{Entry: r.Entry}})
		free := l.free(r.Device, t)
		for _, o := range l.tasks {
			if o.plan.Device.ID != r.ID || len(o.plan.Rungs) < 2 || o.priority > priority {
				continue
			}
			kept := o.plan
			for len(kept.Rungs) > 1 {
				kept = kept.without("")
			}
			free += o.cost - r.cost(o.source, &kept, kept.Preset)
		}
		if r.cost(picture, &least, least.Preset) <= free {
			return true
		}
	}
	return false
}

package transcode

import "time"

// strikes are the failures of a stream's jobs on one device.
type strikes struct {
	count int
	last  time.Time
}

const (
	strikesOut  = 3               // that move a job to another device
	strikesFade = 2 * time.Minute // without another, they are forgotten
)

// out reports whether the device is left alone.
func (s strikes) out() bool { return s.count >= strikesOut }

// strike notes a failure of a stream's job on a device, and reports whether that was the one too many. Where no other device may take
// the job, none is: it is better to try again than not at all.
func (l *ledger) strike(now time.Time, stream, device string) (out bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(stream)
	s := t.struck[device]
	if now.Sub(s.last) > strikesFade {
		s.count = 0
	}
	s.count++
	s.last = now
	t.struck[device] = s
	if !s.out() {
		return false
	}
	if rooms, _ := l.rooms(t); len(rooms) == 0 {
		s.count = 0
		t.struck[device] = s
		return false
	}
	return true
}

// forgive forgets the failures on devices that have been left alone for long enough.
func (l *ledger) forgive(now time.Time, stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(stream)
	for id, s := range t.struck {
		if now.Sub(s.last) > strikesFade {
			delete(t.struck, id)
		}
	}
}

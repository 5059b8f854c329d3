package transcode

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

// ledger decides which ladders the devices of this process run. It knows what each costs by what was measured, refuses a rung before
// it refuses a stream, and has streams wait in the order of their priority and age. It starts nothing, and the time is an
// argument. It is safe for concurrent use.
type ledger struct {
	share   float64 // of the processor that one ladder may take
	ladders Ladders

	mu      sync.Mutex // guards everything below
	table   *device.Table
	order   []string // the devices that may be used; nil for all
	tasks   map[string]*task
	changed chan struct{} // closed when a task may have to look again
}

// task is a stream's place in the ledger.
type task struct {
	stream   string
	priority int // the higher goes first
	source   *media.Track
	waiting  time.Time // since when; zero while it runs
	plan     Plan      // while it runs
	cost     float64   // of plan.Device, 0 to 1
	wanted   string    // the stream that a rung of it is wanted for
	roomy    time.Time // since when there is room for more rungs than it has
	settle   time.Duration
	struck   map[string]strikes // by device
}

// The parts of a device that all ladders together may take: the server itself needs some of the processor.
const (
	fullProcessor = 0.85
	fullDevice    = 0.95
)

// The times for which there must be room before a ladder that lacks rungs is planned anew, which costs its viewers a moment: for
// one that lost them to another stream, and for one that fell behind, where it doubles each time.
const (
	settleRoom = 10 * time.Second
	settleSlow = time.Minute
	settleMost = 30 * time.Minute
)

func newLedger(share float64, order []string, ladders Ladders) *ledger {
	return &ledger{share: share, order: order, ladders: ladders, tasks: make(map[string]*task), changed: make(chan struct{})}
}

// measured takes a new table.
func (l *ledger) measured(t *device.Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table != t {
		l.table = t
		l.change()
	}
}

func (l *ledger) change() { // l.mu is held
	close(l.changed)
	l.changed = make(chan struct{})
}

// task of a stream, which is made where there is none.
func (l *ledger) task(stream string) *task { // l.mu is held
	t := l.tasks[stream]
	if t == nil {
		t = &task{stream: stream, priority: l.ladders.Priority(stream), settle: settleRoom, struck: make(map[string]strikes)}
		l.tasks[stream] = t
	}
	return t
}

// admit gives a stream its plan. Where there is no room, ok is false, why says so, and again is closed when it is worth asking anew.
func (l *ledger) admit(now time.Time, stream string, source *media.Track) (p Plan, ok bool, why string, again <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(stream)
	t.source, t.plan, t.cost = source, Plan{}, 0
	if t.waiting.IsZero() {
		t.waiting = now
	}
	rooms, why := l.rooms(t)
	if len(rooms) == 0 {
		return Plan{}, false, why, l.changed
	}
	if first := l.first(); first != t {
		return Plan{}, false, fmt.Sprintf("stream %s waits too, and goes first", first.stream), l.changed
	}
	p = newPlan(source, l.ladders.Of(stream), rooms)
	cost := l.costs(t, p)
	if cost > l.free(p.Device, t) && l.taken(p.Device.ID, t) > 0 {
		return Plan{}, false, l.yield(t, p.Device), l.changed
	}
	t.waiting, t.wanted, t.roomy = time.Time{}, "", time.Time{}
	t.plan, t.cost = p, cost
	l.change() // for those behind it
	return p, true, "", nil
}

// yield has another stream give up a rung, and says what is waited for.
func (l *ledger) yield(t *task, d device.Device) string { // l.mu is held
	var victim *task
	for _, o := range l.tasks {
		if o == t || o.plan.Device.ID != d.ID || len(o.plan.Rungs) < 2 || o.priority > t.priority {
			continue
		}
		if victim == nil || cmp.Or(cmp.Compare(o.priority, victim.priority), cmp.Compare(victim.cost, o.cost), cmp.Compare(o.stream, victim.stream)) < 0 {
			victim = o
		}
	}
	if victim == nil {
		return fmt.Sprintf("no room on %s: %.0f %% of it are taken", d.ID, 100*l.taken(d.ID, t))
	}
	victim.wanted = t.stream
	return "waiting for a rung of stream " + victim.stream
}

// first of those that wait.
func (l *ledger) first() (first *task) { // l.mu is held
	for _, t := range l.tasks {
		if !t.waiting.IsZero() && (first == nil || before(t, first) < 0) {
			first = t
		}
	}
	return first
}

func before(a, b *task) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), a.waiting.Compare(b.waiting), cmp.Compare(a.stream, b.stream))
}

// replaced says that a stream runs with another plan than it was given: a lighter one.
func (l *ledger) replaced(stream string, p Plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(stream)
	t.plan, t.cost, t.wanted = p, l.costs(t, p), ""
	l.change()
}

// slowed says that a stream fell behind with its plan: it waits longer before it tries more.
func (l *ledger) slowed(stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(stream)
	t.settle = min(max(settleSlow, 2*t.settle), settleMost)
}

// left says that a stream needs nothing any more.
func (l *ledger) left(stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tasks, stream)
	l.change()
}

// review is asked now and then for a stream that runs: errYield where another needs a rung of it, errRoom where it may have more
// than it has, else nil.
func (l *ledger) review(now time.Time, stream string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.task(stream)
	if t.wanted != "" {
		return errYield
	}
	rooms, _ := l.rooms(t)
	if len(t.plan.Dropped) == 0 || len(rooms) == 0 || l.first() != nil || len(newPlan(t.source, l.ladders.Of(t.stream), rooms).Rungs) <= len(t.plan.Rungs) {
		t.roomy = time.Time{}
		return nil
	}
	if t.roomy.IsZero() {
		t.roomy = now
	}
	if now.Sub(t.roomy) < t.settle {
		return nil
	}
	return errRoom
}

// rooms are the devices that a task may use, in the order that it should: those that were asked for in theirs, else the GPU with the
// most room first, and the processor last. why says what is wrong where there is none.
func (l *ledger) rooms(t *task) (out []room, why string) { // l.mu is held
	if l.table == nil {
		return []room{anywhere()}, ""
	}
	for _, e := range l.table.Devices {
		if !l.allowed(e.ID) || !e.Trial(media.H264).Works || t.struck[e.ID].out() {
			continue
		}
		share := l.free(e.Device, t)
		if e.Kind == device.CPU {
			share = min(share, l.share)
		}
		out = append(out, room{e, share})
	}
	slices.SortStableFunc(out, func(a, b room) int {
		if l.order != nil {
			return cmp.Compare(slices.Index(l.order, a.ID), slices.Index(l.order, b.ID))
		}
		if a.Kind == device.CPU || b.Kind == device.CPU {
			return cmp.Compare(index(a.Kind == device.CPU), index(b.Kind == device.CPU))
		}
		return cmp.Compare(b.share, a.share)
	})
	if len(out) == 0 {
		why = "none of the devices that may be used encodes: see 'stagecast doctor'"
	}
	return out, why
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *ledger) allowed(id string) bool { return l.order == nil || slices.Contains(l.order, id) }

// free is the share of a device that nobody but t has taken.
func (l *ledger) free(d device.Device, t *task) float64 { // l.mu is held
	full := fullDevice
	if d.Kind == device.CPU {
		full = fullProcessor
	}
	return max(0, full-l.taken(d.ID, t))
}

func (l *ledger) taken(id string, except *task) (sum float64) { // l.mu is held
	for _, o := range l.tasks {
		if o != except && o.plan.Device.ID == id {
			sum += o.cost
		}
	}
	return sum
}

// costs is what a plan takes of its device.
func (l *ledger) costs(t *task, p Plan) float64 { // l.mu is held
	if l.table == nil {
		return 0
	}
	if e := l.table.Device(p.Device.ID); e != nil {
		return room{Entry: *e}.cost(t.source, &p, p.Preset)
	}
	return 0
}

// load is the part of a device that is taken.
func (l *ledger) load(id string) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken(id, nil)
}

// fallback is why the processor encodes although this machine has another device that may be used; empty where none has, or where it
// was asked for first.
func (l *ledger) fallback(used device.Device) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table == nil || used.Kind != device.CPU || l.order != nil && l.order[0] == used.ID {
		return ""
	}
	for _, e := range l.table.Devices {
		if e.Kind == device.CPU || !l.allowed(e.ID) {
			continue
		}
		if tr := e.Trial(media.H264); !tr.Works {
			return fmt.Sprintf("%s: %s", e.ID, tr.Reason)
		}
		return fmt.Sprintf("%s has failed, or has no room", e.ID)
	}
	return ""
}

// fits reports whether there is room for a picture beside what runs and what is about to start, and which part of the device with the
// most room is taken. picture may be nil, for sound alone.
func (l *ledger) fits(stream string, picture *media.Track, starting map[string]*media.Track) (ok bool, load float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table == nil {
		return true, 0
	}
	rooms, _ := l.rooms(&task{stream: stream})
	for stream, p := range starting {
		if t := l.tasks[stream]; p != nil && len(rooms) > 0 && (t == nil || len(t.plan.Rungs) == 0) {
			planned := newPlan(p, l.ladders.Of(stream), rooms)
			for i := range rooms {
				if rooms[i].ID == planned.Device.ID {
					rooms[i].share = max(0, rooms[i].share-rooms[i].cost(p, &planned, planned.Preset))
				}
			}
		}
	}
	load = 1
	for _, r := range rooms {
		full := fullDevice
		if r.Kind == device.CPU {
			full = l.share
		}
		load = min(load, 1-r.share/full)
	}
	if len(rooms) == 0 || picture == nil {
		return len(rooms) > 0, load
	}
	p := newPlan(picture, l.ladders.Of(stream), rooms)
	for _, r := range rooms {
		if r.ID == p.Device.ID {
			return r.cost(picture, &p, p.Preset) <= r.share || len(l.tasks)+len(starting) == 0, load
		}
	}
	return false, load
}

// slot is the ladder that slots are counted in: every default rung of 1080p at 30 pictures a second.
var slot = media.Track{Codec: media.H264, Width: 1920, Height: 1080, FrameRate: media.Rational{Num: 30, Den: 1}}

// slots is how many more of them there is room for.
func (l *ledger) slots() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table == nil {
		return 0
	}
	for _, e := range l.table.Devices {
		if !l.allowed(e.ID) || !e.Trial(media.H264).Works {
			continue
		}
		p := Plan{Rungs: defaultRungs(&slot), Rate: slot.FrameRate}
		if cost := (room{Entry: e}).cost(&slot, &p, e.Presets(media.H264)[0]); cost > 0 {
			n += int(l.free(e.Device, nil) / cost)
		}
	}
	return n
}

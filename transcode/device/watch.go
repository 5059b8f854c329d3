package device

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// Watch keeps the table of a machine: what it had kept is there at once, what is new is tried. See NewWatch.
type Watch struct {
	machine Machine
	path    string // of the file that the table is kept in
	every   time.Duration
	log     *slog.Logger
	again   chan struct{}

	mu    sync.Mutex // guards everything below
	table *Table
	known chan struct{} // closed once there is a table
	facts Facts         // of the last look
}

// lookEvery is how often devices are looked at: for their load, and for whether they are still the same.
const lookEvery = 15 * time.Second

// NewWatch makes a Watch that keeps what it has measured in a file of the directory data.
func NewWatch(m Machine, data string, log *slog.Logger) *Watch {
	return &Watch{
		machine: m, path: filepath.Join(data, "devices.json"), every: lookEvery, log: log,
		again: make(chan struct{}, 1), known: make(chan struct{}),
	}
}

// Run looks at the devices until ctx ends, and tries them when they are new or have changed. It returns nil.
func (w *Watch) Run(ctx context.Context) error {
	t := time.NewTicker(w.every)
	defer t.Stop()
	machine, anew := "", false
	for {
		facts := w.machine.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.mu.Lock()
		w.facts = facts
		w.mu.Unlock()
		if now := facts.machine(); now != machine || anew {
			w.find(ctx, facts, now, anew)
			machine = now
		}
		anew = false
		select {
		case <-t.C:
		case <-w.again:
			anew = true
		case <-ctx.Done():
			return nil
		}
	}
}

// find takes the table of a machine from the file, or measures it.
func (w *Watch) find(ctx context.Context, facts Facts, machine string, anew bool) {
	if !anew {
		t, err := load(w.path, machine)
		if err != nil {
			w.log.Warn("what was measured before cannot be read, measuring again", "err", err)
		} else if t != nil {
			t.bind(facts.devices())
			w.set(t)
			t.tell(w.log)
			return
		}
	}
	var whole *Table
	for t := range Probe(ctx, w.machine, facts, time.Now().UTC()) {
		whole = t
		if w.Table() == nil {
			w.set(t) // a first stream need not wait for codecs that hardly any asks for
		}
	}
	if ctx.Err() != nil {
		return
	}
	w.set(whole)
	whole.tell(w.log)
	if err := save(w.path, machine, whole); err != nil {
		w.log.Warn("what was measured cannot be kept", "err", err)
	}
}

func (w *Watch) set(t *Table) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.table == nil {
		close(w.known)
	}
	w.table = t
}

// bind gives the devices of a table that was read from a file what the file does not hold.
func (t *Table) bind(devices []Device) {
	for _, d := range devices {
		if e := t.Device(d.ID); e != nil {
			e.Device = d
		}
	}
}

// tell logs what encodes, and what does not and why.
func (t *Table) tell(log *slog.Logger) {
	for _, e := range t.Devices {
		for _, tr := range e.Trials {
			l := log.With("device", e.ID, "name", e.Name, "codec", string(tr.Codec), "encoder", tr.Encoder)
			if !tr.Works {
				l.Warn("device does not encode", "reason", string(tr.Reason), "detail", tr.Detail, "fix", tr.Fix)
				continue
			}
			for _, s := range tr.Speeds[:min(1, len(tr.Speeds))] {
				l = l.With("preset", s.Preset, "megapixels_per_second", int(s.PixelsPerSecond/1e6))
			}
			l.Info("device encodes")
		}
	}
}

// Again has the devices tried anew. It does not wait for that.
func (w *Watch) Again() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// Table is the newest; nil as long as there is none.
func (w *Watch) Table() *Table {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.table
}

// Await blocks until there is a table, and returns it; nil when ctx ends first.
func (w *Watch) Await(ctx context.Context) *Table {
	select {
	case <-w.known:
		return w.Table()
	case <-ctx.Done():
		return nil
	}
}

// GPUs are the NVIDIA devices as they were at the last look.
func (w *Watch) GPUs() []GPU {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.facts.GPUs()
}

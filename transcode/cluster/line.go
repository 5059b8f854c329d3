package cluster

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// still is how long a ladder may say nothing before the next does not wait for it. Sound alone speaks twenty times a second.
const still = 500 * time.Millisecond

// seamWithin is how many segments the change from one ladder to the next may take.
const seamWithin = 3

// The ways in which a ladder follows on another.
const (
	HandedOver = "handed over" // between two segments: nothing is missing
	TakenOver  = "taken over"  // from one that was gone: the segment that was open is missing
)

// line is what the readers of this node see of a stream: the ladders of its workers, one after the other. Each segment is of one of them.
// Where the one before still goes on when the next has begun they change between two segments, which is the same publication if it is
// encoded alike; else readers are told that it is a new one.
type line struct {
	key     hub.Key
	hub     *hub.Hub
	segment int64 // seconds
	log     *slog.Logger
	begun   chan *pull // that can be read

	// Of run alone.
	pub     *hub.Publication // what readers see
	now     *pull            // that is read; nil: none
	last    time.Time        // when something came of it
	newest  int64            // segment that readers have something of
	skip    map[int]int64    // tracks of now that nothing was taken of yet, and with which segment they begin
	next    *pull            // that is to follow; nil: none
	offered time.Time
	held    []media.AccessUnit // its first
	seam    seam

	mu     sync.Mutex // guards status
	status LineStatus
}

// LineStatus is where a stream's ladder comes from.
type LineStatus struct {
	Node  string           `json:"node"` // that encodes; empty where nobody does
	Epoch int64            `json:"epoch"`
	Since time.Time        `json:"since"`
	Moves map[string]int64 `json:"moves"` // from one node to another so far, by how
	Move  string           `json:"move,omitempty"`
}

func newLine(key hub.Key, h *hub.Hub, segment time.Duration, log *slog.Logger) *line {
	if segment == 0 {
		segment = 2 * time.Second
	}
	return &line{
		key: key, hub: h, segment: int64(segment / time.Second), log: log.With("stream", key.Stream), begun: make(chan *pull),
		status: LineStatus{Moves: make(map[string]int64)},
	}
}

// run publishes until ctx ends.
func (l *line) run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case p := <-l.begun:
			l.offer(p, time.Now())
		case units, ok := <-l.reading():
			if !ok {
				l.ceased()
				continue
			}
			l.last = time.Now()
			l.write(units)
		case units, ok := <-l.peeking():
			l.peek(units, ok)
		case now := <-t.C:
			if l.next != nil && (now.Sub(l.last) > still || now.Sub(l.offered) > time.Duration(seamWithin*l.segment)*time.Second) {
				l.take(TakenOver)
			}
		case <-ctx.Done():
			l.close(hub.ErrLost)
			return
		}
	}
}

// reading is what comes of the ladder that is read.
func (l *line) reading() <-chan []media.AccessUnit {
	if l.now == nil {
		return nil
	}
	return l.now.units
}

// peeking is what comes of the next, until it is known where that begins: the rest waits there.
func (l *line) peeking() <-chan []media.AccessUnit {
	if l.next == nil || l.seam.known() {
		return nil
	}
	return l.next.units
}

// offer has a ladder follow on the one that is read: as soon as may be.
func (l *line) offer(p *pull, now time.Time) {
	if l.next != nil {
		l.next.cancel()
	}
	l.next, l.offered, l.held, l.seam = p, now, nil, newSeam(p.tracks, l.segment)
	if l.now == nil || now.Sub(l.last) > still {
		l.take(TakenOver)
	}
}

// peek looks at what comes first of the next.
func (l *line) peek(units []media.AccessUnit, ok bool) {
	if !ok {
		l.next, l.held = nil, nil
		return
	}
	l.held = append(l.held, units...)
	l.seam.see(units, l.newest)
}

// write hands units on: those of segments that are of this ladder.
func (l *line) write(units []media.AccessUnit) {
	for _, u := range units {
		t := l.pub.Track(u.Track)
		if t == nil {
			continue
		}
		slot := slotOf(t, u, l.segment)
		if from, waits := l.skip[u.Track]; waits {
			if slot < from || t.Kind() == media.Video && !u.RandomAccess {
				continue
			}
			delete(l.skip, u.Track)
		}
		if l.next != nil && l.seam.known() && slot >= l.seam.at {
			l.seam.reached(u.Track)
			continue
		}
		l.newest = max(l.newest, slot)
		l.pub.Write(u)
	}
	if l.next != nil && l.seam.known() && l.seam.complete(l.pub.Tracks) {
		l.take(HandedOver)
	}
}

// take goes on with the next ladder: from the seam where it is handed over, else with all that it has.
func (l *line) take(how string) {
	before, p, held := l.now, l.next, l.held
	skip := make(map[int]int64)
	if how == HandedOver {
		for _, t := range p.tracks {
			skip[t.ID] = l.seam.at
		}
	}
	l.now, l.last, l.skip, l.next, l.held = p, time.Now(), skip, nil, nil
	if before != nil {
		before.cancel()
	}
	if how != HandedOver || l.pub.Err() != nil || !sameTracks(l.pub.Tracks, p.tracks) {
		id := p.ID
		if newest := l.hub.Newest(l.key); newest != nil {
			id = max(id, newest.ID+1)
		}
		pub, err := l.hub.Publish(l.key, id, p.tracks)
		if err != nil { // a ladder without tracks: relay lets none through
			l.log.Error("ladder cannot be published", "err", err)
			p.cancel()
			l.now = nil
			return
		}
		l.pub = pub
	}
	l.note(p, how)
	l.write(held)
}

// ceased ends with the ladder that is read, or goes on with the next.
func (l *line) ceased() {
	if l.next != nil {
		l.take(TakenOver)
		return
	}
	l.close(l.now.reason)
}

func (l *line) close(reason error) {
	if l.pub != nil {
		l.pub.Close(reason)
	}
	l.now = nil
}

// note says whose ladder is read now.
func (l *line) note(p *pull, how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.status
	if s.Node == "" {
		how = ""
	} else if s.Node != p.Node {
		s.Moves[how]++
		s.Move = how
	}
	l.log.Info("ladder read", "node", p.Node, "epoch", p.Epoch, "before", s.Node, "move", how)
	s.Node, s.Epoch, s.Since = p.Node, p.Epoch, time.Now().UTC()
}

// Lines are where the ladders of this node's streams come from, by stream.
func (l *Ladders) Lines() map[string]LineStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]LineStatus, len(l.lines))
	for stream, n := range l.lines {
		n.mu.Lock()
		s := n.status
		s.Moves = maps.Clone(s.Moves)
		n.mu.Unlock()
		out[stream] = s
	}
	return out
}

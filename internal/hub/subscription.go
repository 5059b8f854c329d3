package hub

import (
	"context"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// The bounds of what waits in one Subscription. A reader that falls behind them loses everything queued and goes on at the
// next random access point of each video track.
const (
	queueBytes = 32 << 20
	queueUnits = 8192
)

// Subscription is one reader's end of a Publication. It is for one reader.
type Subscription struct {
	pub  *Publication
	wake chan struct{} // holds a token while there is something to read or the end to see

	mu      sync.Mutex // guards everything below
	queue   []media.AccessUnit
	bytes   int
	first   time.Time // when the oldest unit of queue came
	since   time.Time // the same of what Next has returned last
	err     error
	waiting map[int]bool // video tracks that wait for a random access point
	dropped int64
}

// Publication that is read.
func (s *Subscription) Publication() *Publication { return s.pub }

func (s *Subscription) push(u media.AccessUnit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	if len(s.queue) >= queueUnits || s.bytes+len(u.Payload) > queueBytes {
		s.dropped += int64(len(s.queue))
		s.queue, s.bytes = nil, 0
		s.awaitRandomAccess()
	}
	if s.waiting[u.Track] {
		if !u.RandomAccess {
			s.dropped++
			return
		}
		delete(s.waiting, u.Track)
	}
	if len(s.queue) == 0 {
		s.first = time.Now()
	}
	s.queue = append(s.queue, u)
	s.bytes += len(u.Payload)
	s.signal()
}

// awaitRandomAccess makes every video track of the publication start at its next random access point.
func (s *Subscription) awaitRandomAccess() {
	s.waiting = make(map[int]bool)
	for i := range s.pub.Tracks {
		if t := &s.pub.Tracks[i]; t.Kind() == media.Video {
			s.waiting[t.ID] = true
		}
	}
}

func (s *Subscription) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = reason
		s.signal()
	}
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next returns every access unit that waits, oldest first, and blocks until there is at least one. The slice is the
// caller's until its next call of Next; pass it back as buf to have its space used again, or nil.
//
// After the last unit it returns the reason for which the Publication ended (ErrEnded, ErrLost, ErrReplaced), or ctx's
// error when that ends first.
func (s *Subscription) Next(ctx context.Context, buf []media.AccessUnit) ([]media.AccessUnit, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			units := s.queue
			clear(buf[:cap(buf)]) // let go of the payloads
			s.queue, s.bytes, s.since = buf[:0], 0, s.first
			s.mu.Unlock()
			return units, nil
		}
		err := s.err
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Since is when the first of the access units came that Next has returned last.
func (s *Subscription) Since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

// Dropped is how many access units this reader has lost so far because it fell behind.
func (s *Subscription) Dropped() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Close ends the reading. Closing again does nothing.
func (s *Subscription) Close() {
	s.pub.mu.Lock()
	delete(s.pub.subs, s)
	s.pub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = nil
	if s.err == nil {
		s.err = context.Canceled
	}
}

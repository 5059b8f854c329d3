package hub

import (
	"sync"

	"github.com/stagecast/stagecast/internal/media"
)

// backlogBytes bounds what a Publication keeps for readers that come late: the units since the last random access point.
// A group of pictures larger than this is not kept, and such readers start at the next random access point.
const backlogBytes = 4 << 20

// Publication is the writer's end of one set of tracks. It is safe for concurrent use; Write is for one writer.
//
// Its tracks never change: a writer whose tracks change publishes anew under the same key.
type Publication struct {
	Key    Key
	ID     int64
	Tracks []media.Track

	hasVideo bool

	mu       sync.Mutex // guards everything below
	subs     map[*Subscription]struct{}
	backlog  []media.AccessUnit // since the last random access point of the first video track
	bytes    int                // of backlog
	tooLarge bool               // the group of pictures outgrew backlogBytes: nothing is kept until the next begins
	err      error              // set once, when closed
	written  int64
}

// Track with the given ID; nil where there is none.
func (p *Publication) Track(id int) *media.Track {
	for i := range p.Tracks {
		if p.Tracks[i].ID == id {
			return &p.Tracks[i]
		}
	}
	return nil
}

// Write hands one access unit to every Subscription. It never blocks. Units written after Close are dropped.
func (p *Publication) Write(u media.AccessUnit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	p.written++
	p.keep(u)
	for s := range p.subs {
		s.push(u)
	}
}

// keep adds u to the backlog, which starts anew at each random access point of the video, or holds nothing without video:
// sound can be joined anywhere.
func (p *Publication) keep(u media.AccessUnit) {
	if !p.hasVideo {
		return
	}
	if u.RandomAccess && p.isVideo(u.Track) && u.Track == p.firstVideo() {
		p.restart(u)
	}
	if p.tooLarge {
		return
	}
	if p.bytes += len(u.Payload); p.bytes > backlogBytes {
		p.backlog, p.bytes, p.tooLarge = nil, 0, true
		return
	}
	p.backlog = append(p.backlog, u)
}

// restart begins the backlog anew with a random access point of the first video track, and leaves in it what other video
// tracks have sent from the random access point of that time on: they may come first.
func (p *Publication) restart(u media.AccessUnit) {
	from := make(map[int]bool)
	kept := p.backlog[:0]
	p.bytes, p.tooLarge = 0, false
	for _, b := range p.backlog {
		if b.RandomAccess && p.isVideo(b.Track) && b.Track != u.Track {
			from[b.Track] = b.PTS >= u.PTS-media.VideoClockRate/500
		}
		if from[b.Track] {
			kept = append(kept, b)
			p.bytes += len(b.Payload)
		}
	}
	clear(p.backlog[len(kept):])
	p.backlog = kept
}

func (p *Publication) isVideo(id int) bool {
	t := p.Track(id)
	return t != nil && t.Kind() == media.Video
}

func (p *Publication) firstVideo() int {
	for i := range p.Tracks {
		if p.Tracks[i].Kind() == media.Video {
			return p.Tracks[i].ID
		}
	}
	return 0
}

// Close ends the Publication for all its readers, with the reason that they will see after what is queued for them: one of
// this package's errors. Closing again does nothing.
func (p *Publication) Close(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	p.err = reason
	p.backlog = nil
	for s := range p.subs {
		s.end(reason)
	}
}

// Err is nil while the Publication is open, and the reason of its end after.
func (p *Publication) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Subscribe starts to read, from the last random access point where that is still kept. The caller must Close it.
func (p *Publication) Subscribe() *Subscription {
	s := &Subscription{pub: p, wake: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hasVideo && (len(p.backlog) == 0 && p.written > 0) {
		s.awaitRandomAccess()
	}
	for _, u := range p.backlog {
		s.push(u)
	}
	if p.err != nil {
		s.end(p.err)
		return s
	}
	p.subs[s] = struct{}{}
	return s
}

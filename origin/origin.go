// Package origin keeps the live renditions, in memory and on disk, and serves them over HTTP: playlists that block until what
// was asked for is there, parts that are waited for by their hinted name, whole segments. What it had listed it lists again
// after a restart.
//
// It renders each state of a playlist at most once, whatever the number of viewers, and never copies media for a viewer.
// What is in a playlist is decided by package packager; what stands in front of the origin, by whoever runs it.
package origin

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// Config of an Origin. The zero value has the defaults.
type Config struct {
	Window time.Duration // what playlists list, at most; 60 s when zero. Objects stay that long after they have left it
	Tiers  *store.Tiered // where everything is kept, and found again after a restart: see Restore; nil: in memory alone
	Disk   int64         // bytes that may be on the disk of Tiers; 0: any
}

// Origin is a packager.Sink and an http.Handler (see ServeHTTP). It is safe for concurrent use.
type Origin struct {
	config Config
	log    *slog.Logger
	now    func() time.Time
	store  store.Store

	mu      sync.RWMutex // guards streams
	streams map[string]*stream

	metrics metrics
}

// New makes an empty Origin.
func New(c Config, log *slog.Logger) *Origin {
	if c.Window == 0 {
		c.Window = time.Minute
	}
	o := &Origin{config: c, log: log, now: time.Now, streams: make(map[string]*stream), store: store.NewMemory()}
	if c.Tiers != nil {
		o.store = c.Tiers
	}
	o.metrics.init(o)
	return o
}

// Declare makes a stream known that has not been published yet, so that its viewers can wait for it.
func (o *Origin) Declare(name string) { o.ensure(name) }

func (o *Origin) stream(name string) *stream {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.streams[name]
}

func (o *Origin) ensure(name string) *stream {
	if s := o.stream(name); s != nil {
		return s
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.streams[name]
	if s == nil {
		s = newStream(name)
		if o.config.Tiers != nil {
			s.journal = newJournal(o.store, name, o.log)
		}
		o.streams[name] = s
	}
	return s
}

// patience is for how long an update waits for the disk. It is the most that a disk which hangs delays the live edge by, once:
// see store.Tiered.
const patience = 250 * time.Millisecond

// Put implements packager.Sink. What it is given is on disk, with the record of it, before anybody can see it, unless the disk
// is behind: then it is in memory.
func (o *Origin) Put(u packager.Update) {
	now := o.now()
	s := o.ensure(u.Stream)
	r := s.ensure(u.Rendition, u.Kind)
	for !r.touch() { // it has just been forgotten
		s.remove(r)
		r = s.ensure(u.Rendition, u.Kind)
	}
	o.makeRoom(u)
	fresh, err := r.keep(o.store, u)
	if err != nil {
		o.log.Error("media cannot be kept", "stream", u.Stream, "rendition", u.Rendition, "err", err)
	}
	r.lag = u.Lag
	noted := s.note(r, u.Playlist, fresh, now)
	if len(fresh) > 0 || noted {
		o.settle(s)
	}
	target := defaultStay / 5
	if u.Playlist != nil {
		target = time.Duration(u.Playlist.TargetDuration) * time.Second
	}
	r.store(fresh, target, now)
	o.discard(r.expire(now))
	if u.Playlist == nil {
		return
	}
	r.publish(u.Playlist)
	r.retire(r.listed, u.Playlist, now)
	r.listed = u.Playlist
	if u.Part != nil {
		o.metrics.added.Observe(o.now().Sub(u.Arrived).Seconds())
	}
	if u.Playlist.Ended {
		o.forgetLater(s, r)
	}
}

// settle waits until the disk has what was put, for as long as that is worth it.
func (o *Origin) settle(s *stream) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if o.store.Sync(ctx) == nil && s.journal != nil {
		o.discard(s.journal.superseded())
	}
}

// discard removes what is not needed any more.
func (o *Origin) discard(unused []store.Key) {
	for _, k := range unused {
		if err := o.store.Remove(k); err != nil {
			o.log.Error("what is not needed any more cannot be removed", "object", k.String(), "err", err)
		}
	}
}

// makeRoom lets the oldest segments go, of any stream, where an update would not fit on the disk. What is listed stays.
func (o *Origin) makeRoom(u packager.Update) {
	if o.config.Tiers == nil || o.config.Disk == 0 || u.Part == nil {
		return
	}
	limit := o.config.Disk - o.config.Disk/64 // the rest is for journals
	for o.config.Tiers.Stats().Size+int64(u.Part.Size()) > limit {
		var first *rendition
		var segment departure
		for _, s := range o.all() {
			for _, r := range s.all() {
				if d, ok := r.oldest(); ok && (first == nil || d.at.Before(segment.at)) {
					first, segment = r, d
				}
			}
		}
		if first == nil {
			return
		}
		o.discard(first.dismiss(segment.name))
	}
}

// Present implements packager.Sink.
func (o *Origin) Present(p packager.Presentation) {
	s := o.ensure(p.Stream)
	s.notePresentation(p, o.now())
	s.present(p)
	if p.State == packager.Ended {
		for _, r := range s.all() {
			o.forgetLater(s, r)
		}
	}
}

func (o *Origin) all() []*stream {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Collect(maps.Values(o.streams))
}

// Streams are the names of the streams that the origin knows.
func (o *Origin) Streams() []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	names := make([]string, 0, len(o.streams))
	for name := range o.streams {
		names = append(names, name)
	}
	return names
}

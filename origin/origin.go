// Package origin keeps the live renditions in memory and serves them over HTTP: playlists that block until what was asked
// for is there, parts that are waited for by their hinted name, whole segments.
//
// It renders each state of a playlist at most once, whatever the number of viewers, and never copies media for a viewer.
// What is in a playlist is decided by package packager; what stands in front of the origin, by whoever runs it.
package origin

import (
	"log/slog"
	"sync"
	"time"

	"github.com/stagecast/stagecast/packager"
)

// Config of an Origin. The zero value has the defaults.
type Config struct {
	Window time.Duration // what playlists list, at most; 60 s when zero. Objects stay that long after they have left it
}

// Origin is a packager.Sink and an http.Handler (see ServeHTTP). It is safe for concurrent use.
type Origin struct {
	config Config
	log    *slog.Logger
	now    func() time.Time

	mu      sync.RWMutex // guards streams
	streams map[string]*stream

	metrics metrics
}

// New makes an empty Origin.
func New(c Config, log *slog.Logger) *Origin {
	if c.Window == 0 {
		c.Window = time.Minute
	}
	o := &Origin{config: c, log: log, now: time.Now, streams: make(map[string]*stream)}
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
		o.streams[name] = s
	}
	return s
}

// Put implements packager.Sink.
func (o *Origin) Put(u packager.Update) {
	now := o.now()
	s := o.ensure(u.Stream)
	r := s.ensure(u.Rendition, u.Kind)
	for !r.store(u, now) { // it has just been forgotten
		s.remove(r)
		r = s.ensure(u.Rendition, u.Kind)
	}
	r.expire(now)
	if u.Playlist == nil {
		return
	}
	r.publish(u.Playlist, now)
	if u.Part != nil {
		o.metrics.added.Observe(o.now().Sub(u.Arrived).Seconds())
	}
	if u.Playlist.Ended {
		s.forgetLater(r, o.config.Window)
	}
}

// Present implements packager.Sink.
func (o *Origin) Present(p packager.Presentation) {
	s := o.ensure(p.Stream)
	s.present(p)
	if p.State == packager.Ended {
		for _, r := range s.all() {
			s.forgetLater(r, o.config.Window)
		}
	}
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

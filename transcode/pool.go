package transcode

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Pool runs the transcoding of the streams of this process. It is safe for concurrent use.
type Pool struct {
	config Config
	hub    *hub.Hub
	log    *slog.Logger

	mu       sync.Mutex // guards everything below
	capacity Capacity
	meters   map[string]*meter
}

// NewPool makes a Pool that takes Source publications from h and publishes Ladder ones there.
func NewPool(c Config, h *hub.Hub, log *slog.Logger) *Pool {
	return &Pool{config: c.withDefaults(), hub: h, log: log, meters: make(map[string]*meter)}
}

// Calibrate measures what the machine can encode, in about a second. Without it every source gets its whole ladder.
func (p *Pool) Calibrate(ctx context.Context) error {
	c, err := calibrate(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.capacity = c
	p.mu.Unlock()
	p.log.Info("machine measured", "cores", c.Cores, "megapixels_per_second", int(c.PixelsPerSecond/1e6), "preset", c.Preset)
	return nil
}

// Capacity is what Calibrate found.
func (p *Pool) Capacity() Capacity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.capacity
}

// StatusOf describes a stream's transcoding; nil where there has been none.
func (p *Pool) StatusOf(stream string) any {
	p.mu.Lock()
	m := p.meters[stream]
	p.mu.Unlock()
	if m == nil {
		return nil
	}
	return m.status()
}

// Run transcodes every source of a stream, one after the other, until ctx ends. It returns nil.
func (p *Pool) Run(ctx context.Context, stream string) error {
	key := hub.Key{Stream: stream, Stage: hub.Source}
	var source *hub.Publication
	var rungs []Rung // whose playlists must go on
	for {
		began := time.Now()
		var err error
		if source, err = p.hub.Await(ctx, key, source); err != nil {
			return nil
		}
		if time.Since(began) > p.config.Keep {
			rungs = nil
		}
		if pictures(source) > 1 {
			rungs = p.pass(ctx, source)
		} else {
			rungs = p.encode(ctx, source, rungs)
		}
		if err := source.Err(); errors.Is(err, hub.ErrEnded) || errors.Is(err, hub.ErrOver) {
			rungs = nil
		}
	}
}

// The waits before a process is started again: the first is short, because most crashes are single.
const (
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// encode runs jobs for one source until it ends, with the rungs of the one before it, and returns the rungs that there were
// at its end.
func (p *Pool) encode(ctx context.Context, source *hub.Publication, before []Rung) []Rung {
	log := p.log.With("stream", source.Key.Stream)
	m := p.meter(source.Key.Stream)
	plan := p.plan(source, before)
	m.planned(plan)
	for _, d := range plan.Dropped {
		log.Warn("rung dropped", "rung", d.Rung, "reason", d.Reason)
	}
	for _, r := range plan.Rungs {
		log.Info("rung planned", "rung", r.Name, "width", r.Width, "height", r.Height, "bitrate", r.Bitrate, "preset", plan.Preset)
	}
	backoff := firstBackoff
	for id := source.ID; ; id = max(id+1, time.Now().UnixMilli()) {
		began := time.Now()
		ended, err := p.once(ctx, source, plan, id, m)
		if ended || ctx.Err() != nil {
			return plan.Rungs
		}
		log.Error("transcoding failed, starting it again", "err", err, "wait", backoff)
		m.restarted(err)
		if lighter, ok := plan.lighter(); ok && errors.Is(err, errSlow) {
			log.Warn("plan made lighter", "rungs", len(lighter.Rungs), "preset", lighter.Preset, "reason", errSlow)
			plan = lighter
			m.planned(plan)
		}
		if time.Since(began) > time.Minute {
			backoff = firstBackoff
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return plan.Rungs
		}
		backoff = min(backoff*2, lastBackoff)
	}
}

// once runs one job. ended is true when the source has ended.
func (p *Pool) once(ctx context.Context, source *hub.Publication, plan Plan, id int64, m *meter) (ended bool, err error) {
	sub := source.Subscribe()
	defer sub.Close()
	j := &job{
		source: source, sub: sub, config: p.config, plan: plan, meter: m,
		publish: func(tracks []media.Track) (*hub.Publication, error) {
			return p.hub.Publish(hub.Key{Stream: source.Key.Stream, Stage: hub.Ladder}, id, tracks)
		},
	}
	ended, reason, err := j.run(ctx)
	m.dropped(sub.Dropped())
	if reason != nil && errors.Is(reason, context.Canceled) {
		return true, nil
	}
	return ended, err
}

func (p *Pool) meter(stream string) *meter {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.meters[stream]
	if m == nil {
		m = &meter{}
		p.meters[stream] = m
	}
	return m
}

// plan for the source's picture.
func (p *Pool) plan(source *hub.Publication, before []Rung) Plan {
	for i := range source.Tracks {
		if t := &source.Tracks[i]; t.Kind() == media.Video {
			return newPlan(t, p.Capacity(), p.config.Share).keeping(before, t)
		}
	}
	return Plan{Preset: testPreset, Rungs: []Rung{}, Dropped: []Dropped{}}
}

var (
	speedDesc    = prometheus.NewDesc("stagecast_transcode_speed_ratio", "Media time out of a stream's ladder against the clock.", []string{"stream"}, nil)
	restartsDesc = prometheus.NewDesc("stagecast_transcode_restarts_total", "Times that a stream's ffmpeg was started again.", []string{"stream"}, nil)
	lostDesc     = prometheus.NewDesc("stagecast_transcode_lost_units_total", "Access units that a stream's ffmpeg was too slow for.", []string{"stream"}, nil)
)

// Describe implements prometheus.Collector.
func (p *Pool) Describe(ch chan<- *prometheus.Desc) {
	ch <- speedDesc
	ch <- restartsDesc
	ch <- lostDesc
}

// Collect implements prometheus.Collector.
func (p *Pool) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for stream, m := range p.meters {
		s := m.status()
		ch <- prometheus.MustNewConstMetric(speedDesc, prometheus.GaugeValue, s.Speed, stream)
		ch <- prometheus.MustNewConstMetric(restartsDesc, prometheus.CounterValue, float64(s.Restarts), stream)
		ch <- prometheus.MustNewConstMetric(lostDesc, prometheus.CounterValue, float64(s.Lost), stream)
	}
}

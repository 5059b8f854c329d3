package transcode

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

// Pool runs the transcoding of the streams of this process. It is safe for concurrent use.
type Pool struct {
	config  Config
	hub     *hub.Hub
	devices *device.Watch // nil: nothing is known of the machine, and everything is tried
	ledger  *ledger
	log     *slog.Logger

	mu     sync.Mutex // guards meters
	meters map[string]*meter
}

// NewPool makes a Pool that takes Source publications from h and publishes Ladder ones there. What the machine can do it asks of
// devices, which the caller runs; where that is nil every source gets its whole ladder.
func NewPool(c Config, h *hub.Hub, devices *device.Watch, log *slog.Logger) *Pool {
	c = c.withDefaults()
	return &Pool{
		config: c, hub: h, devices: devices, ledger: newLedger(c.Share, c.Devices, c.Ladders), log: log,
		meters: make(map[string]*meter),
	}
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

// Room reports whether a stream's picture would be given at least its lowest rung beside what runs and the pictures that are about to start, by
// stream, and which part of the device with the most room is taken, 0 to 1.
func (p *Pool) Room(stream string, picture *media.Track, starting map[string]*media.Track) (ok bool, load float64) {
	if p.devices != nil {
		p.ledger.measured(p.devices.Table())
	}
	return p.ledger.fits(stream, picture, starting)
}

// Run transcodes every source of a stream, one after the other, until ctx ends. It returns nil.
func (p *Pool) Run(ctx context.Context, stream string) error {
	key := hub.Key{Stream: stream, Stage: hub.Source}
	source := p.hub.Newest(key)
	if source != nil && source.Err() == nil {
		source = nil // it is to be encoded
	}
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
	stream := source.Key.Stream
	log := p.log.With("stream", stream)
	m := p.meter(stream)
	defer p.ledger.left(stream)
	plan, ok := p.admit(ctx, source, before)
	backoff := firstBackoff
	for id := source.ID; ok; id = max(id+1, time.Now().UnixMilli()) {
		began := time.Now()
		ended, err := p.once(ctx, source, plan, id, m)
		if ended || ctx.Err() != nil {
			break
		}
		m.restarted(err)
		if errors.Is(err, errRoom) {
			log.Info("ladder planned anew: there is room for more", "rungs", len(plan.Rungs))
			plan, ok = p.admit(ctx, source, plan.Rungs)
			continue
		}
		if errors.Is(err, errYield) {
			plan = p.lighten(source, plan, m, errYield)
			continue
		}
		if errors.Is(err, errSlow) {
			p.ledger.slowed(stream)
			plan = p.lighten(source, plan, m, errSlow)
		}
		log.Error("transcoding failed, starting it again", "err", err, "reason", reasonOf(err), "device", plan.Device.ID, "wait", backoff)
		if time.Since(began) > time.Minute {
			backoff = firstBackoff
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return plan.Rungs
		}
		backoff = min(backoff*2, lastBackoff)
		if againstDevice(err) && p.ledger.strike(time.Now(), stream, plan.Device.ID) {
			log.Error("device left alone for this stream, after three failures", "device", plan.Device.ID)
			p.devices.Again()
			plan, ok = p.admit(ctx, source, plan.Rungs)
			backoff = firstBackoff
		}
	}
	return plan.Rungs
}

// admit waits until there is room for a source, and returns its plan. ok is false when the source or ctx has ended before.
func (p *Pool) admit(ctx context.Context, source *hub.Publication, before []Rung) (plan Plan, ok bool) {
	stream := source.Key.Stream
	log, m := p.log.With("stream", stream), p.meter(stream)
	picture := pictureOf(source)
	if picture == nil {
		spec := p.config.Ladders.Of(stream)
		plan = Plan{Rungs: []Rung{}, Dropped: []Dropped{}, Device: device.Host(), Audio: spec.audio}
		if len(plan.Audio) == 0 {
			plan.Audio = []int{audioBitrate}
		}
		m.planned(plan)
		return plan, true
	}
	if p.devices != nil {
		p.ledger.measured(p.devices.Table())
	}
	said, since := "", time.Now()
	for {
		p.ledger.forgive(time.Now(), stream)
		var why string
		var again <-chan struct{}
		if plan, ok, why, again = p.ledger.admit(time.Now(), stream, picture); ok {
			break
		}
		m.waiting(since, why)
		if why != said {
			log.Warn("ladder waits for room", "reason", why)
			said = why
		}
		select {
		case <-again:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return plan, false
		}
		if source.Err() != nil {
			return plan, false
		}
	}
	m.queued(time.Since(since))
	plan = plan.keeping(before, picture)
	p.adopt(source, plan, m)
	if reason := p.ledger.fallback(plan.Device); reason != "" {
		log.Warn("encoding on the processor, though there is another device", "reason", reason)
		m.note(reason)
	}
	return plan, true
}

// adopt says what is planned.
func (p *Pool) adopt(source *hub.Publication, plan Plan, m *meter) {
	log := p.log.With("stream", source.Key.Stream)
	m.planned(plan)
	for _, d := range plan.Dropped {
		log.Warn("rung dropped", "rung", d.Rung, "reason", d.Reason)
	}
	for _, r := range plan.Rungs {
		log.Info("rung planned", "rung", r.Name, "width", r.Width, "height", r.Height, "codec", string(r.Codec), "bitrate", r.Bitrate, "device", plan.Device.ID, "preset", plan.Preset)
	}
	p.ledger.replaced(source.Key.Stream, plan)
}

// lighten is a plan that costs less, where there is one.
func (p *Pool) lighten(source *hub.Publication, plan Plan, m *meter, why error) Plan {
	lighter, ok := plan.lighter(why)
	if !ok {
		p.ledger.replaced(source.Key.Stream, plan)
		return plan
	}
	p.log.Warn("plan made lighter", "stream", source.Key.Stream, "rungs", len(lighter.Rungs), "preset", lighter.Preset, "reason", why)
	m.planned(lighter)
	p.ledger.replaced(source.Key.Stream, lighter)
	return lighter
}

// once runs one job. ended is true when the source has ended.
func (p *Pool) once(ctx context.Context, source *hub.Publication, plan Plan, id int64, m *meter) (ended bool, err error) {
	sub := source.Subscribe()
	defer sub.Close()
	j := &job{
		source: source, sub: sub, config: p.config, plan: plan, meter: m,
		review: func(now time.Time) error { return p.ledger.review(now, source.Key.Stream) },
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

// pictureOf a source; nil where it is sound alone.
func pictureOf(source *hub.Publication) *media.Track {
	for i := range source.Tracks {
		if t := &source.Tracks[i]; t.Kind() == media.Video {
			return t
		}
	}
	return nil
}

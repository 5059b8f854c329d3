package packager

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// longestTarget is the longest target duration, in seconds, that a source's key frames can bring about.
const longestTarget = 10

// tick is how often the Packager looks whether something is overdue.
const tick = 50 * time.Millisecond

// Packager makes one stream's renditions. See New.
type Packager struct {
	config Config
	stream string
	hub    *hub.Hub
	sink   Sink
	log    *slog.Logger

	mu         sync.Mutex // guards everything below
	state      State
	since      time.Time // when the broadcast began
	token      string    // of the broadcast, in object names
	generation int64
	signature  string // of the renditions and their codecs
	target     int    // target duration in seconds; 0 before it is known
	published  bool   // every rendition has had a whole segment in this broadcast
	order      []*rendition
	byName     map[string]*rendition
	lives      map[string]int // by the name of a track: which life its next rendition is in; 1 where there is none
	byTrack    map[int]*rendition
	started    bool               // the publication's first slot is known
	startedAt  time.Time          // since when
	away       bool               // there is no publication, or none of its segments has begun: gaps are listed for all renditions
	early      []media.AccessUnit // units that came before it was
	arrived    time.Time          // when the units that are being placed came
	lead       lead
	forced     bool // the leader's next segment starts without a key frame
	forcedCuts int64
}

// New makes a Packager for one stream, which takes the stream's publications from h.
func New(c Config, stream string, h *hub.Hub, sink Sink, log *slog.Logger) *Packager {
	return &Packager{
		config: c.withDefaults(), stream: stream, hub: h, sink: sink, log: log.With("stream", stream),
		state: Idle, byName: make(map[string]*rendition), lives: make(map[string]int),
	}
}

// Run packages every publication of the stream, one after the other, until ctx ends. It returns nil.
func (p *Packager) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.watch(ctx) })
	g.Go(func() error { return p.follow(ctx) })
	return g.Wait()
}

// follow reads one publication after the other.
func (p *Packager) follow(ctx context.Context) error {
	key := hub.Key{Stream: p.stream, Stage: p.config.Stage}
	var last *hub.Publication
	patience := p.resume(time.Now())
	for {
		pub, err := p.await(ctx, key, last, patience)
		if err != nil {
			return nil
		}
		if pub == nil { // nobody came back
			p.end()
			patience = nil
			continue
		}
		last = pub
		err = p.pack(ctx, pub)
		if ctx.Err() != nil {
			return nil
		}
		patience = time.After(p.lost(err))
	}
}

// await returns the next publication, or nil when patience runs out first.
func (p *Packager) await(ctx context.Context, key hub.Key, last *hub.Publication, patience <-chan time.Time) (*hub.Publication, error) {
	if patience == nil {
		return p.hub.Await(ctx, key, last)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	errPatience := errors.New("patience")
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-patience:
			cancel(errPatience)
		case <-stop:
		}
	})
	pub, err := p.hub.Await(ctx, key, last)
	if err != nil && context.Cause(ctx) == errPatience {
		return nil, nil
	}
	return pub, err
}

// pack reads one publication to its end and returns the reason of that.
func (p *Packager) pack(ctx context.Context, pub *hub.Publication) error {
	sub := pub.Subscribe()
	defer sub.Close()
	if err := p.begin(pub); err != nil {
		p.log.Error("stream cannot be packaged", "err", err)
		return err
	}
	var units []media.AccessUnit
	for {
		var err error
		if units, err = sub.Next(ctx, units); err != nil {
			return err
		}
		p.mu.Lock()
		p.arrived = sub.Since()
		for i := range units {
			p.unit(units[i])
		}
		p.mu.Unlock()
	}
}

// begin prepares the renditions of a publication.
func (p *Packager) begin(pub *hub.Publication) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == Idle || p.state == Ended || !p.published {
		p.token = strconv.FormatInt(pub.ID, 36)
		p.since = time.Now().UTC()
		p.state, p.published = Starting, false
		clear(p.lives)
		for _, r := range p.byName {
			r.forget()
			r.token = p.token
		}
	}
	gone := p.byName
	p.byName, p.byTrack, p.order = make(map[string]*rendition), make(map[int]*rendition), nil
	p.lead = lead{}
	for _, t := range pub.Tracks {
		t.Rendition = lifeName(t.Rendition, max(1, p.lives[t.Rendition]))
		r := gone[t.Rendition]
		if r == nil {
			r = newRendition(p.config, p.token)
		}
		r.config = p.config
		delete(gone, t.Rendition)
		if err := r.use(t); err != nil {
			return err
		}
		r.fresh, r.begins, r.lastTicks = r.number > 0, math.MaxInt64, 0
		p.byName[t.Rendition], p.byTrack[t.ID] = r, r
		p.order = append(p.order, r)
		if t.Kind() == media.Video && !t.Aligned && p.lead.leader == nil {
			p.lead.leader = r
		}
	}
	for name, r := range gone {
		p.put(r, nil, nil, true)
		p.ended(name)
	}
	p.started, p.early, p.forced = false, nil, false
	p.resign()
	p.present()
	p.log.Info("packaging", "renditions", len(p.order), "profile", string(p.config.Profile))
	return nil
}

// sign is what a player must load the stream anew for when it changes.
func (p *Packager) sign() string {
	signature := p.token
	for _, r := range p.order {
		signature += "|" + r.track.Rendition + "=" + r.mapped
	}
	return signature
}

// resign gives the presentation a new generation if its renditions or their codecs have changed.
func (p *Packager) resign() {
	if signature := p.sign(); signature != p.signature {
		p.signature = signature
		p.generation = max(p.generation+1, time.Now().UnixMilli())
	}
}

// unit takes one unit of the current publication.
func (p *Packager) unit(u media.AccessUnit) {
	r := p.byTrack[u.Track]
	if r == nil {
		return
	}
	if !p.start(r, u) {
		return
	}
	r.arrive(u, time.Now())
	if u, ok := r.settle(u); ok {
		p.place(r, u)
	}
}

// place puts a unit of known duration into its segment.
func (p *Packager) place(r *rendition, u media.AccessUnit) {
	if p.lead.leader != nil {
		p.led(r, u)
	} else {
		p.aligned(r, u)
	}
}

// settle holds a unit back whose duration is not known until the next one tells it.
func (r *rendition) settle(u media.AccessUnit) (media.AccessUnit, bool) {
	if r.held == nil && u.Duration > 0 {
		return u, true
	}
	held := r.held
	r.held = &u
	if held == nil {
		return u, false
	}
	held.Duration = u.DTS - held.DTS
	return *held, true
}

// start finds the segment with which all renditions of a publication begin: the one of its first picture, of the leader
// where there is one, or sound where there is no picture. It reports whether r's unit can be placed.
func (p *Packager) start(r *rendition, u media.AccessUnit) bool {
	if p.started {
		return true
	}
	follower := r.track.Kind() == media.Audio || p.lead.leader != nil && r != p.lead.leader
	if p.hasVideo() && (follower || !u.RandomAccess) {
		if len(p.early) < followLimit*4 && follower {
			p.early = append(p.early, u)
		}
		return false
	}
	if p.away && !p.endAway(r, u) {
		return false
	}
	number := r.slot(u.PTS)
	if r == p.lead.leader && len(r.listed) > 0 {
		number = r.number // it is counted on
	}
	for _, o := range p.order {
		number = max(number, o.number)
		if o.inGap() || o.opened {
			number = max(number, o.number+1) // what is open is the last publication's
		}
	}
	p.started, p.startedAt, p.away = true, time.Now(), false
	p.beginAt(number)
	early := p.early
	p.early = nil
	for _, e := range early {
		if o := p.byTrack[e.Track]; media.Rescale(e.PTS, o.track.ClockRate, r.track.ClockRate) >= u.PTS-r.track.ClockRate/40 {
			p.unit(e)
		}
	}
	return true
}

// endAway ends the gaps that were listed while the encoder was away, where segments are counted: the unit begins the next.
// It reports false for a unit of a time that has been listed as a gap.
func (p *Packager) endAway(r *rendition, u media.AccessUnit) bool {
	if r != p.lead.leader {
		return true
	}
	at := media.Time(u.PTS, r.track.ClockRate)
	if r.tooLate(at) {
		r.dropped++
		return false
	}
	if r.gapDue(p.gapStart(r), at) {
		for _, o := range p.order {
			if len(o.listed) > 0 {
				p.endGapAt(o, at)
			}
		}
	}
	return true
}

// beginAt makes the publication's first segment the one with the given number. A rendition that joins has the number of
// discontinuities there that the others have.
//
// RFC 8216bis, 6.2.4: matching content has the same Discontinuity Sequence Number in all Media Playlists.
func (p *Packager) beginAt(number int64) {
	var discs int64
	for _, o := range p.order {
		after := o.discs
		if o.fresh {
			after++
		}
		if o.lostAt < number {
			after++
		}
		discs = max(discs, after)
	}
	for _, o := range p.order {
		if len(o.listed) == 0 {
			o.number = number
			if !o.fresh {
				o.discs = discs
			}
		}
		o.begins = number
	}
}

func (p *Packager) hasVideo() bool {
	for _, r := range p.order {
		if r.track.Kind() == media.Video {
			return true
		}
	}
	return false
}

// add puts a unit into r's open segment, and hands on the part that it closes.
func (p *Packager) add(r *rendition, u media.AccessUnit) {
	if part := r.add(u); part != nil {
		p.put(r, part, nil, false)
	}
	r.lag = r.arrived.Sub(r.head.ProgramDateTime) - span(r.ticks, r.track.ClockRate)
}

// part closes r's open part and hands it on.
func (p *Packager) part(r *rendition) {
	if part := r.closePart(); part != nil {
		p.put(r, part, nil, false)
	}
}

// close closes r's open segment and hands it on with its last part.
func (p *Packager) close(r *rendition) {
	if !r.opened {
		return
	}
	part := r.closePart()
	segment := r.closeSegment()
	if len(segment.Chunks) == 0 {
		segment = nil // all of it was put before a restart
	}
	p.settleTarget(r)
	r.trim()
	p.put(r, part, segment, false)
	if len(r.listed) == 1 {
		for _, o := range p.order { // whose playlists have no report of r yet
			if o != r && len(o.listed) > 0 {
				p.put(o, nil, nil, false)
			}
		}
	}
	p.present()
}

// settleTarget fixes the target duration with the stream's first whole segment.
func (p *Packager) settleTarget(r *rendition) {
	if p.target != 0 || (p.lead.leader != nil && r != p.lead.leader) {
		return
	}
	p.target = int(p.config.SegmentDuration / time.Second)
	if rounded := int((r.listed[len(r.listed)-1].segment.Duration + 500*time.Millisecond) / time.Second); p.lead.leader != nil {
		p.target = max(p.target, rounded)
	}
}

// reach closes what r has open and lists gaps, so that its open segment is the one with the given number.
func (p *Packager) reach(r *rendition, number int64) {
	if !r.inGap() {
		p.close(r)
	}
	p.fill(r, number, forever)
}

// put hands on what has come of r, with its playlist as it then is.
//
// Nothing is published before every rendition has a whole segment: each playlist then has a report of each other one
// (RFC 8216bis, B.1), and players find what they ask for.
func (p *Packager) put(r *rendition, part, segment *Object, ended bool) {
	u := Update{
		Stream: p.stream, Rendition: r.track.Rendition, Kind: r.track.Kind(), Header: r.header, Part: part, Segment: segment,
		Arrived: p.arrived, Lag: r.lag,
	}
	r.header = nil
	if p.published {
		u.Playlist = r.playlist(p.target, ended, p.reports(r))
	}
	p.sink.Put(u)
	if !p.published && p.whole() {
		p.published = true
		for _, o := range p.order {
			p.put(o, nil, nil, ended)
		}
	}
}

// whole reports that every rendition has a whole segment.
func (p *Packager) whole() bool {
	for _, r := range p.order {
		if len(r.listed) == 0 {
			return false
		}
	}
	return p.target != 0 && len(p.order) > 0
}

// reports are those of all renditions but r.
func (p *Packager) reports(r *rendition) []hls.RenditionReport {
	out := make([]hls.RenditionReport, 0, len(p.order))
	for _, o := range p.order {
		if o != r && len(o.listed) > 0 {
			out = append(out, o.report())
		}
	}
	return out
}

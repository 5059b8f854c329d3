package whip

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// peer is one session: an encoder that was answered, and its connection.
type peer struct {
	server  *Server
	id      string // secret enough: whoever knows it and the key may end the session
	key     [sha256.Size]byte
	session *ingest.Session
	offer   *offer
	place   place
	pc      *webrtc.PeerConnection
	log     *slog.Logger
	settled func() // gives the place among the waiting back

	tracks  chan arrival
	events  chan event
	changed chan struct{} // holds a token when the state of the connection has changed
	goodbye chan struct{} // closed by DELETE
	once    sync.Once     // of goodbye

	mu         sync.Mutex // guards everything below
	ice        credentials
	candidates int
	fragments  bucket
}

// credentials of one ICE session, on the encoder's side, and the entity tag that names it.
type credentials struct{ ufrag, pwd, tag string }

// arrival is a track of which something has come.
type arrival struct {
	remote   *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
}

// newSecret has 120 random bits.
func newSecret() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// listen has the connection tell of itself. It is called before anything can happen.
func (p *peer) listen() {
	p.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		select {
		case p.tracks <- arrival{t, r}: // there is room for all that were offered
		default:
		}
	})
	p.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) {
		select {
		case p.changed <- struct{}{}:
		default:
		}
	})
}

// run is the whole life of the session after its answer.
func (p *peer) run(ctx context.Context) {
	var reading sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	f := p.newFeed()
	err := p.receive(ctx, f, &reading)
	p.session.End(err)
	f.drops.End()
	p.settled()
	cancel()
	p.close()
	reading.Wait()
	p.log.Debug("connection ended", "reason", string(ingest.ReasonOf(err)))
}

// close ends the connection, and returns when all that belongs to it has ended.
func (p *peer) close() {
	if err := p.pc.GracefulClose(); err != nil {
		p.log.Debug("close", "error", err)
	}
}

func (p *peer) newFeed() *feed {
	f := &feed{
		sink: p.session, drops: wire.NewDrops(causes, p.server.metrics.dropped, p.log), interval: p.server.cfg.KeyframeInterval, request: p.requestKeyframe,
	}
	for _, c := range p.offer.codecs {
		f.picture = f.picture || c.codec.Kind() == media.Video
		f.sound = f.sound || c.codec.Kind() == media.Audio
	}
	return f
}

// requestKeyframe sends a Picture Loss Indication (RFC 4585, 6.3.1).
func (p *peer) requestKeyframe(t *track) {
	p.server.metrics.requests.Inc()
	if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.remote.SSRC())}}); err != nil {
		p.log.Debug("key frame request", "error", err)
	}
}

// receive does everything up to the reason of the end; nil means that the encoder said goodbye.
func (p *peer) receive(ctx context.Context, f *feed, reading *sync.WaitGroup) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("panic", "panic", r, "stack", string(debug.Stack()))
			err = &ingest.Error{Reason: ingest.ReasonInternal}
		}
	}()
	all := &clocks{}
	w := watch{cfg: p.server.cfg, since: time.Now()}
	l := link{pc: p.pc, session: p.session, metrics: p.server.metrics}
	defer l.report()
	ticks := time.NewTicker(tickEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return &ingest.Error{Reason: ingest.ReasonShutdown}
		case <-p.session.Done():
			return p.session.Cause()
		case <-p.goodbye:
			return nil
		case <-p.changed:
			if err := w.state(p.pc.ConnectionState(), time.Now()); err != nil {
				return err
			}
		case a := <-p.tracks:
			t := p.track(a, all)
			p.log.Debug("track", "codec", string(t.codec), "layer", wire.Printable(a.remote.RID()))
			l.tracks = append(l.tracks, t)
			reading.Go(func() { t.read(ctx, p.events) })
			reading.Go(t.reports)
		case e := <-p.events:
			before := f.units
			if err := f.handle(e); err != nil {
				return err
			}
			if f.units > before {
				w.media(e.arrived)
				p.settled()
			}
		case now := <-ticks.C:
			if err := f.tick(now); err != nil {
				return err
			}
			if err := w.overdue(now, f.fault); err != nil {
				return err
			}
			l.tick(now)
		}
	}
}

// track makes a track of what has arrived.
func (p *peer) track(a arrival, all *clocks) *track {
	t := &track{remote: a.remote, receiver: a.receiver, layer: a.remote.RID() != "", patience: shortPatience}
	for _, c := range p.offer.codecs {
		if c.kind == a.remote.Kind() {
			t.codec, t.clock = c.codec, all.track(int64(c.params.ClockRate))
			if c.resends {
				t.patience = patience
			}
		}
	}
	return t
}

package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/wire"
)

// ErrURL says what the URL of a camera must look like.
var ErrURL = errors.New("rtsp://USER:PASSWORD@HOST:PORT/PATH or rtsps://…, all but the host optional")

// Camera is an RTSP server elsewhere that a stream is fetched from. Media comes over UDP, or interleaved where none arrives
// that way within 3 s, and over TLS always. It is a pull.Source.
type Camera struct {
	url *url.URL // may hold a password

	// MediaTimeout is the time to the first picture or sound, and from each to the next.
	MediaTimeout time.Duration
	// TLS is for rtsps; the system's authorities when nil.
	TLS *tls.Config
}

// NewCamera reads the URL of a camera. The error is ErrURL: nothing of the URL is in it, as that holds secrets.
func NewCamera(u *url.URL) (*Camera, error) {
	if u.Scheme != "rtsp" && u.Scheme != "rtsps" || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "" {
		return nil, ErrURL
	}
	return &Camera{url: u, MediaTimeout: 10 * time.Second}, nil
}

// Protocol implements pull.Source.
func (c *Camera) Protocol() string { return c.url.Scheme + "-pull" }

const (
	connectTimeout = 10 * time.Second // of TCP
	connectWait    = 20 * time.Second // of all requests up to PLAY together
)

// inPacket is an RTP packet of a pulled session, or a report.
type inPacket struct {
	track  *track
	rtp    *rtp.Packet // nil: it is a report
	report senderReport
}

// pulling is one attempt.
type pulling struct {
	camera  *Camera
	client  *gortsplib.Client
	log     *slog.Logger
	medias  []*description.Media // those that are taken
	tracks  []*track
	agent   string
	inbox   chan inPacket
	link    linkMeter
	waiting sync.WaitGroup // for the client to end
}

// Fetch implements pull.Source.
func (c *Camera) Fetch(ctx context.Context, admit pull.Admit, log *slog.Logger) error {
	p := &pulling{camera: c, inbox: make(chan inPacket, mailboxSize), log: log.With("remote", c.url.Host)}
	p.client = p.newClient()
	if err := p.client.Start2(); err != nil {
		return pullError(err)
	}
	defer p.waiting.Wait()
	defer p.client.Close()
	defer context.AfterFunc(ctx, p.client.Close)()

	hurry := time.AfterFunc(connectWait, p.client.Close)
	err := p.describe((*base.URL)(c.url))
	if err == nil {
		err = p.play()
	}
	if !hurry.Stop() && err != nil {
		err = ingest.Errorf(ingest.ReasonUnreachable, "no stream within %v", connectWait)
	}
	if err != nil {
		return err
	}
	session, err := admit(ctx, ingest.Request{Remote: c.url.Host, Clock: wireClock, Agent: p.agent})
	if err != nil {
		return err
	}
	err = p.run(ctx, session)
	session.End(err)
	return err
}

func (p *pulling) newClient() *gortsplib.Client {
	return &gortsplib.Client{
		Scheme: p.camera.url.Scheme, Host: p.camera.url.Host, TLSConfig: p.camera.TLS, UserAgent: "Stagecast",
		DialContext: (&net.Dialer{Timeout: connectTimeout, Control: pull.Control}).DialContext,
		ListenPacket: func(network, address string) (net.PacketConn, error) {
			c, err := new(net.ListenConfig).ListenPacket(context.Background(), network, address)
			if u, ok := c.(*net.UDPConn); ok {
				_ = u.SetReadBuffer(udpReadBuffer) // as much as the kernel allows
			}
			return c, err
		},
		OnResponse:        p.restrain,
		OnPacketsLost:     func(n uint64) { p.link.lost.Add(n) },
		OnDecodeError:     func(error) {},
		OnTransportSwitch: func(error) { p.log.Debug("no media over UDP, going on interleaved") },
	}
}

var sourceParameter = regexp.MustCompile(`(?i);\s*(source|destination)=[^;,]*`)

// restrain takes out of a response what would lead us elsewhere: we stay with the host that was named, and with the
// addresses that it was allowed to have.
func (p *pulling) restrain(r *base.Response) {
	delete(r.Header, "Location")
	for i, v := range r.Header["Transport"] {
		r.Header["Transport"][i] = sourceParameter.ReplaceAllString(v, "")
	}
	if name := r.Header["Server"]; len(name) > 0 && p.agent == "" {
		p.agent = wire.Printable(name[0])
	}
	if len(r.Body) > maxSDP {
		r.Body = nil // no session description is that long
	} else if checkDescription(r.Body) != nil {
		r.Body = nil
	}
}

// describe asks what there is (RFC 2326, 10.2), and chooses.
func (p *pulling) describe(u *base.URL) error {
	d, _, err := p.client.Describe(u)
	if err != nil {
		return pullError(err)
	}
	tracks, err := chooseTracks(d.Medias, false)
	if err != nil {
		return err
	}
	for i, t := range tracks {
		if t == nil {
			continue
		}
		p.tracks = append(p.tracks, t)
		p.medias = append(p.medias, d.Medias[i])
		if _, err := p.client.Setup(d.BaseURL, d.Medias[i], 0, 0); err != nil {
			return pullError(err)
		}
	}
	return nil
}

// play has the packets of all tracks come (RFC 2326, 10.5).
func (p *pulling) play() error {
	for i, t := range p.tracks {
		m := p.medias[i]
		p.client.OnPacketRTP(m, t.format, func(packet *rtp.Packet) { p.put(inPacket{track: t, rtp: packet}) })
		p.client.OnPacketRTCP(m, func(packet rtcp.Packet) {
			if sr, ok := packet.(*rtcp.SenderReport); ok {
				p.put(inPacket{track: t, report: newSenderReport(sr)})
			}
		})
	}
	if _, err := p.client.Play(nil); err != nil {
		return pullError(err)
	}
	return nil
}

// put is called by the client's goroutines.
func (p *pulling) put(in inPacket) {
	select {
	case p.inbox <- in:
		p.link.received.Add(1)
	default:
		p.link.overflow.Add(1)
	}
}

// take is called by ours.
func (p *pulling) take(f *feed, in inPacket) error {
	if in.rtp == nil {
		in.track.report = in.report
		return nil
	}
	return f.packet(in.track, in.rtp)
}

// run takes packets until the end, whatever that is.
func (p *pulling) run(ctx context.Context, session wire.Session) error {
	f := newFeed(session, p.tracks, wire.NewDrops(causes, nil, p.log), p.log)
	defer f.drops.End()
	gone := make(chan error, 1)
	p.waiting.Go(func() { gone <- p.client.Wait() })
	timer := time.NewTimer(p.camera.MediaTimeout)
	defer timer.Stop()
	for {
		select {
		case in := <-p.inbox:
			units := f.units
			if err := p.take(f, in); err != nil {
				return err
			}
			if f.units > units {
				timer.Reset(p.camera.MediaTimeout)
			}
			p.link.report(session, time.Now(), nil)
		case <-timer.C:
			return p.silent(f)
		case <-session.Done():
			return session.Cause()
		case err := <-gone:
			return lostError(ctx, err)
		case <-ctx.Done():
			return &ingest.Error{Reason: ingest.ReasonShutdown}
		}
	}
}

// silent is why a source without media is left.
func (p *pulling) silent(f *feed) error {
	if f.units > 0 {
		return &ingest.Error{Reason: ingest.ReasonTimeout}
	}
	return &ingest.Error{Reason: ingest.ReasonNoMedia, Err: f.drops.Last}
}

// lostError is what the end of an admitted client's connection means.
func lostError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &ingest.Error{Reason: ingest.ReasonShutdown}
	}
	if errors.As(err, new(liberrors.ErrClientUDPTimeout)) || errors.As(err, new(liberrors.ErrClientTCPTimeout)) {
		return &ingest.Error{Reason: ingest.ReasonTimeout}
	}
	return ingest.Errorf(ingest.ReasonDisconnected, "the source closed the connection")
}

// pullError is what a failure before any media means. The texts of the library are left out where they may hold what the
// source sent, or the URL.
func pullError(err error) error {
	if e := (*ingest.Error)(nil); errors.As(err, &e) {
		return e
	}
	var status liberrors.ErrClientBadStatusCode
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &status) && status.Code == base.StatusUnauthorized:
		return ingest.Errorf(ingest.ReasonRefused, "the source wants another user or password")
	case errors.As(err, &status):
		return ingest.Errorf(ingest.ReasonUnreachable, "the source answers %d", int(status.Code))
	case errors.As(err, &certificate):
		return ingest.Errorf(ingest.ReasonUnreachable, "the source's certificate is not valid for its name")
	case errors.As(err, &network):
		return &ingest.Error{Reason: ingest.ReasonUnreachable, Err: fmt.Errorf("%s: %w", network.Op, network.Err)}
	}
	return ingest.Errorf(ingest.ReasonUnreachable, "the source does not speak RTSP as we do")
}

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"slices"

	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtsp"
	"github.com/stagecast/stagecast/ingest/slate"
	"github.com/stagecast/stagecast/ingest/srt"
	"github.com/stagecast/stagecast/ingest/whip"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/control"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/telemetry"
	"github.com/stagecast/stagecast/internal/web"
	"github.com/stagecast/stagecast/origin"
	"github.com/stagecast/stagecast/origin/preview"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
	"github.com/stagecast/stagecast/player"
	"github.com/stagecast/stagecast/transcode"
	"github.com/stagecast/stagecast/transcode/device"
)

// server is the parts of one process, in the order media flows.
type server struct {
	config   *Config
	log      *slog.Logger
	registry *prometheus.Registry
	started  time.Time
	roles    roles
	streams  auth.Streams // and their keys
	names    []string
	token    string
	pulls    []*pull.Pull
	tls      secure

	joined  *joined // nil: there is no cluster
	hub     *hub.Hub
	gate    *ingest.Gate
	whip    *whip.Server
	devices *device.Watch // nil: nothing is encoded
	pool    *transcode.Pool
	disk    *store.Disk // nil, as tiers: everything is in memory
	tiers   *store.Tiered
	origin  *origin.Origin
	ready   chan struct{} // closed once every port is open and the machine is measured
	stopped chan struct{} // closed when the end begins
}

// run starts everything and blocks until ctx ends or a part fails. The banner goes to out, the log to logs.
func run(ctx context.Context, c *Config, out, logs io.Writer) error {
	s, err := newServer(c, logs)
	if err != nil {
		return err
	}
	defer s.close()
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if s.joined, err = s.join(ctx); err != nil {
		listeners.close()
		return err
	}
	defer s.joined.close()
	s.banner(out, listeners)
	return s.serve(ctx, listeners)
}

func newServer(c *Config, logs io.Writer) (*server, error) {
	log, err := telemetry.NewLog(logs, c.Log)
	if err != nil {
		return nil, err
	}
	s := &server{
		config: c, log: log, registry: telemetry.NewRegistry(), started: time.Now(),
		hub: hub.New(), ready: make(chan struct{}), stopped: make(chan struct{}),
	}
	if s.roles, err = parseRoles(c.Role); err != nil {
		return nil, err
	}
	if err := s.secrets(); err != nil {
		return nil, err
	}
	if err := s.preparePulls(); err != nil {
		return nil, err
	}
	if err := s.prepareTLS(); err != nil {
		return nil, err
	}
	publishers, err := s.publishers()
	if err != nil {
		return nil, err
	}
	shown, err := s.slate()
	if err != nil {
		return nil, err
	}
	s.gate = ingest.NewGate(ingest.Config{
		MaxSessions: c.MaxSessions, PassedOn: c.Ladder == "off", Slate: shown, Grace: c.HLS.Grace,
	}, publishers, s.hub, log)
	kept, err := parseDisk(c.Disk)
	if err != nil {
		return nil, err
	}
	if s.disk, s.tiers, err = kept.open(c.Data, log); err != nil {
		return nil, err
	}
	s.origin = origin.New(origin.Config{Window: c.HLS.Window, Tiers: s.tiers, Disk: kept.bytes}, log)
	if err := s.origin.Restore(); err != nil {
		s.close()
		return nil, err
	}
	allowed, err := parseDevices(c.Devices)
	if err != nil {
		return nil, err
	}
	ladders, err := c.ladders()
	if err != nil {
		return nil, err
	}
	for _, name := range ladders.Streams() {
		if s.roles.streams() && !slices.Contains(s.names, name) {
			return nil, fmt.Errorf("ladder: there is no stream %q", name)
		}
	}
	if c.Ladder != "off" && s.roles.transcode {
		s.devices = device.NewWatch(&device.Local{}, c.Data, log)
	}
	s.pool = transcode.NewPool(transcode.Config{Keep: c.HLS.Grace, Devices: allowed, Ladders: ladders}, s.hub, s.devices, log)
	for _, name := range s.names {
		s.origin.Declare(name)
	}
	s.registry.MustRegister(s.gate, s.pool)
	s.registry.MustRegister(s.origin.Collectors()...)
	return s, nil
}

// publishers decides who may publish.
func (s *server) publishers() (ingest.Authorizer, error) {
	c := s.config.Auth
	p := &auth.Publishers{Keys: auth.NewKeys(s.streams), Streams: s.names}
	allow, err := auth.ParseAllow(c.Allow)
	if err != nil {
		return nil, fmt.Errorf("auth.allow: %w", err)
	}
	for _, name := range allow.Streams() {
		if !slices.Contains(s.names, name) {
			return nil, fmt.Errorf("auth.allow: there is no stream %q", name)
		}
	}
	if c.JWT != "" {
		keys, err := auth.NewKeySet(c.JWT, s.log)
		if err != nil {
			return nil, fmt.Errorf("auth.jwt: %w", err)
		}
		p.Tokens = auth.NewTokens(keys)
	}
	if c.Webhook != "" {
		if p.Hook, err = auth.NewWebhook(c.Webhook); err != nil {
			return nil, fmt.Errorf("auth.webhook: %w", err)
		}
	}
	return allow.Before(auth.LimitAttempts(p)), nil
}

// close lets go of what newServer has opened.
func (s *server) close() {
	if s.disk != nil {
		s.disk.Close()
	}
}

// slate is what viewers see while an encoder is away; nil: nothing.
func (s *server) slate() (ingest.Slate, error) {
	path := s.config.Slate
	switch path {
	case "off":
		return nil, nil
	case "auto":
		path = ""
	}
	m, err := slate.New(context.Background(), path)
	if err != nil {
		return nil, fmt.Errorf("slate: %w", err)
	}
	return m, nil
}

// secrets reads or makes the stream keys and the operator's token.
func (s *server) secrets() (err error) {
	if s.streams, err = auth.ParseStreams(s.config.Streams); err != nil {
		return err
	}
	if len(s.streams) == 0 && s.roles.streams() {
		if s.streams, err = auth.KeptStreams(s.config.Data); err != nil {
			return err
		}
	}
	s.names = s.streams.Names()
	if s.token = s.config.Admin.Token; s.token == "" {
		s.token, err = auth.Secret(s.config.Data, "admin-token")
	}
	return err
}

// listeners are the open ports.
type listeners struct {
	rtmp, rtmps, rtsp, rtsps, http, https, admin net.Listener
	rtspUDP                                      *rtsp.UDP
	srt                                          *srt.Server // nil: none
	webrtc                                       *whip.Ports
	challenges                                   net.Listener // nil: none
}

func (l *listeners) close() {
	if l.srt != nil {
		l.srt.Close()
	}
	if l.webrtc != nil {
		l.webrtc.Close()
	}
	if l.rtspUDP != nil {
		l.rtspUDP.Close()
	}
	for _, one := range []net.Listener{l.rtmp, l.rtmps, l.rtsp, l.rtsps, l.http, l.https, l.admin, l.challenges} {
		if one != nil {
			one.Close()
		}
	}
}

// listen opens every port before anything starts, so that one that is taken is said at once and by name.
func (s *server) listen(ctx context.Context) (*listeners, error) {
	l := &listeners{}
	for _, p := range []struct {
		to      *net.Listener
		key     string
		address string
		tls     bool
		wanted  bool
	}{
		{&l.rtmp, "rtmp.address", s.config.RTMP.Address.Plain, false, s.roles.ingest},
		{&l.rtmps, "rtmp.address", s.config.RTMP.Address.TLS, true, s.roles.ingest},
		{&l.rtsp, "rtsp.address", s.config.RTSP.Address.Plain, false, s.roles.ingest},
		{&l.rtsps, "rtsp.address", s.config.RTSP.Address.TLS, true, s.roles.ingest},
		{&l.http, "http.address", s.config.HTTP.Address.Plain, false, s.roles.streams()},
		{&l.https, "http.address", s.config.HTTP.Address.TLS, true, s.roles.streams()},
		{&l.admin, "admin.address", s.config.Admin.Address, false, true},
	} {
		if p.tls && s.tls.doors == nil || p.address == "" || !p.wanted {
			continue
		}
		opened, err := new(net.ListenConfig).Listen(ctx, "tcp", p.address)
		if err != nil {
			l.close()
			return nil, portError(p.key, err)
		}
		*p.to = opened
	}
	if l.http != nil {
		s.listenForChallenges(ctx, l)
	}
	if !s.roles.ingest {
		return l, nil
	}
	if l.rtsp != nil && s.config.RTSP.Address.UDP != "" {
		opened, err := rtsp.ListenUDP(ctx, s.config.RTSP.Address.UDP)
		if err != nil {
			l.close()
			return nil, portError("rtsp.address", err)
		}
		l.rtspUDP = opened
	}
	if s.config.SRT.Address != "" {
		phrases, err := srt.ParsePassphrases(s.config.SRT.Passphrase)
		if err == nil {
			l.srt, err = srt.Listen(srt.Config{Address: s.config.SRT.Address, Passphrases: phrases}, s.gate, s.log)
		}
		if err != nil {
			l.close()
			return nil, portError("srt.address", err)
		}
	}
	var err error
	if l.webrtc, err = whip.Listen(ctx, s.config.WebRTC.Address); err != nil {
		l.close()
		return nil, portError("webrtc.address", err)
	}
	return l, nil
}

// portError says what to do about a port that cannot be opened.
func portError(key string, err error) error {
	return fmt.Errorf("%s: %w: is another server running? Choose another port with --%s or %s", key, err, key, environment(key))
}

// serve runs the parts. They stop in two steps: first the broadcasters' end, then the viewers'.
func (s *server) serve(ctx context.Context, l *listeners) error {
	viewers, stopViewers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopViewers()
	g, down := errgroup.WithContext(viewers) // ends when a part fails
	up, stopUp := context.WithCancel(down)
	defer stopUp()
	defer context.AfterFunc(ctx, func() {
		close(s.stopped)
		s.gate.Close()
		s.drain(ctx)
		stopUp()
		time.AfterFunc(200*time.Millisecond, stopViewers) // answers that wait for the last part get it
	})()

	if s.tiers != nil {
		g.Go(func() error { return s.tiers.Run(down) }) // longer than anything is put
	}
	measured := make(chan struct{})
	if s.devices != nil {
		g.Go(func() error { return s.devices.Run(up) })
	}
	g.Go(func() error { // while viewers of before a restart are served already
		if s.devices == nil || s.devices.Await(up) != nil {
			close(measured)
			close(s.ready)
		}
		return nil
	})
	stage := hub.Ladder
	if s.config.Ladder == "off" {
		stage = hub.Source
	}
	if s.joined != nil {
		s.serveCluster(g, up, down, measured)
	}
	for _, name := range s.names {
		if !s.roles.origin {
			break
		}
		p := packager.New(packager.Config{
			Stage: stage, Profile: packager.Profile(s.config.HLS.Profile), Window: s.config.HLS.Window, Grace: s.config.HLS.Grace,
			Past: s.origin.Past(name),
		}, name, s.hub, s.origin, s.log)
		g.Go(func() error { return p.Run(up) })
		if stage == hub.Ladder && s.joined == nil {
			g.Go(func() error {
				select {
				case <-measured:
				case <-up.Done():
				}
				return s.pool.Run(up, name)
			})
		}
	}
	s.origin.Abandon()
	if l.rtmp != nil {
		s.serveRTMP(g, up, rtmp.Config{Listener: l.rtmp})
	}
	if l.rtmps != nil {
		s.serveRTMP(g, up, rtmp.Config{Listener: l.rtmps, TLS: s.tls.doors})
	}
	if l.rtsp != nil {
		s.serveRTSP(g, up, rtsp.Config{Listener: l.rtsp, UDP: l.rtspUDP, Plain: s.asksOthers()})
	}
	if l.rtsps != nil {
		s.serveRTSP(g, up, rtsp.Config{Listener: l.rtsps, TLS: s.tls.doors, Plain: s.asksOthers()})
	}
	if l.http != nil {
		s.serveTLS(g, down, l)
	}
	g.Go(func() error { return boundGarbage(up) })
	g.Go(func() error { return s.gate.Run(up) })
	if l.srt != nil {
		s.registry.MustRegister(l.srt.Collector())
		g.Go(func() error { return l.srt.Run(up) })
	}
	for _, p := range s.pulls {
		g.Go(func() error { return p.Run(up, s.gate, s.log) })
	}
	if l.webrtc != nil {
		s.serveWHIP(g, up, l.webrtc)
	}
	if l.http != nil {
		plain := s.viewers()
		if s.tls.acme != nil {
			plain = s.tls.acme.Challenges(plain)
		}
		s.serveHTTP(g, down, "viewers", l.http, nil, plain)
	}
	if l.https != nil {
		s.serveHTTP(g, down, "viewers over TLS", l.https, s.tls.https, s.viewers())
	}
	s.serveHTTP(g, down, "admin", l.admin, nil, s.admin(l))
	if s.config.Demo {
		g.Go(func() error { return s.demo(up, l.rtmp.Addr().String()) })
	}
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *server) serveRTMP(g *errgroup.Group, ctx context.Context, c rtmp.Config) {
	r := rtmp.New(c, s.gate, s.log)
	s.registry.MustRegister(r.Collector())
	g.Go(func() error { return r.Run(ctx) })
}

func (s *server) serveWHIP(g *errgroup.Group, ctx context.Context, p *whip.Ports) {
	c := whip.Config{Ports: p, Host: s.config.WebRTC.Host, URL: strings.TrimSuffix(s.config.HTTP.URL, "/")}
	if s.config.Ladder == "off" {
		c.KeyframeInterval = 2 * time.Second // segments are cut at the encoder's own
	}
	s.whip = whip.New(c, s.gate, s.log)
	s.registry.MustRegister(s.whip.Collector())
	g.Go(func() error { return s.whip.Run(ctx) })
}

// asksOthers reports whether keys may be for somebody else to judge.
func (s *server) asksOthers() bool { return s.config.Auth.JWT != "" || s.config.Auth.Webhook != "" }

func (s *server) serveRTSP(g *errgroup.Group, ctx context.Context, c rtsp.Config) {
	r := rtsp.New(c, s.gate, s.log)
	s.registry.MustRegister(r.Collector())
	g.Go(func() error { return r.Run(ctx) })
}

func (s *server) serveHTTP(g *errgroup.Group, ctx context.Context, name string, l net.Listener, t *tls.Config, h http.Handler) {
	w := &web.Server{Name: name, Listener: l, TLS: t, Handler: h, Log: s.log}
	g.Go(func() error { return w.Run(ctx) })
}

// viewers are the routes of the public port.
func (s *server) viewers() http.Handler {
	r := chi.NewRouter()
	s.health(r)
	r.Get("/", func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, "/"+s.names[0], http.StatusFound)
	})
	r.Handle("/assets/*", player.Assets())
	if s.whip != nil {
		r.Handle(whip.Root, s.whip)
		r.Handle(whip.Root+"/*", s.whip)
	}
	r.Get("/embed/{stream}", s.page(player.Embed()))
	r.Get("/{stream}", s.page(player.Watch()))
	r.Head("/{stream}", s.page(player.Watch()))
	previews := preview.New(s.origin)
	r.HandleFunc("/{stream}/*", func(w http.ResponseWriter, req *http.Request) {
		if preview.Serves(req.URL.Path) {
			previews.ServeHTTP(w, req)
			return
		}
		s.origin.ServeHTTP(w, req)
	})
	return r
}

// page serves a stream's page, or 404 where there is no such stream.
func (s *server) page(h http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.streams.Key(chi.URLParam(r, "stream")) == "" {
			http.Error(w, "There is no stream of this name.", http.StatusNotFound)
			return
		}
		h.ServeHTTP(w, r)
	}
}

// admin are the routes of the operator's port. Health and metrics need no token: the port is private.
func (s *server) admin(l *listeners) http.Handler {
	api := &control.API{
		Version: version, Started: s.started, Gate: s.gate, Origin: s.origin, Key: s.streams.Key, Backup: s.streams.Backup,
		RTMP: s.rtmpURL(l), SRT: s.srtURL(l), RTSP: rtspHost(l), Viewers: s.viewersURL(l),
		Ladder: s.pool.StatusOf, Cluster: s.clusterStatus, Drain: s.drainNow, Machine: func() any { return s.pool.Machine() }, Multitrack: multitrack(s.rtmpURL(l)),
	}
	r := chi.NewRouter()
	s.health(r)
	r.Handle("/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	r.Mount("/api/v1", auth.Operator(s.token, api.Routes()))
	r.Handle("/debug/pprof/*", http.HandlerFunc(pprof.Index))
	r.HandleFunc("/debug/pprof/profile", pprof.Profile)
	r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	r.Handle("/assets/*", player.Assets())
	r.Handle("/", player.Status())
	return r
}

// health answers /healthz while the process works, and /readyz while it takes viewers and broadcasters.
func (s *server) health(r chi.Router) {
	ok := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	}
	r.Get("/healthz", ok)
	r.Get("/readyz", func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-s.stopped:
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		default:
		}
		select {
		case <-s.ready:
			ok(w, req)
		default:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	})
}

func (s *server) rtmpURL(l *listeners) string {
	if l.rtmp == nil {
		return ""
	}
	return "rtmp://" + host(l.rtmp) + "/live"
}

func (s *server) viewersURL(l *listeners) string {
	if s.config.HTTP.URL != "" {
		return strings.TrimSuffix(s.config.HTTP.URL, "/")
	}
	if l.http == nil {
		return ""
	}
	return "http://" + host(l.http)
}

func (s *server) srtURL(l *listeners) string {
	if l.srt == nil {
		return ""
	}
	return "srt://" + host(l.srt)
}

// rtspHost is what stands behind user and key in an address.
func rtspHost(l *listeners) string {
	if l.rtsp == nil {
		return ""
	}
	return host(l.rtsp)
}

// host is what to type to reach a listener from this machine.
func host(l interface{ Addr() net.Addr }) string {
	name, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(name); ip == nil || ip.IsUnspecified() {
		name = "localhost"
	}
	return net.JoinHostPort(name, port)
}

// bannerForViewers says where a stream is seen; nothing where it is not.
func (s *server) bannerForViewers(b *strings.Builder, l *listeners, name string) {
	if s.roles.origin {
		fmt.Fprintf(b, "    Watch         %s/%s\n", s.viewersURL(l), name)
		fmt.Fprintf(b, "    HLS           %s/%s/index.m3u8\n", s.viewersURL(l), name)
	}
	b.WriteString("\n")
}

// banner says what to do next. The keys go to the terminal of whoever starts the server, never to the log.
func (s *server) banner(out io.Writer, l *listeners) {
	var b strings.Builder
	b.WriteString("\n  Stagecast " + version + " is running. Stop it with Ctrl+C.\n\n")
	for _, name := range s.names {
		fmt.Fprintf(&b, "  Stream %q\n", name)
		if !s.roles.ingest {
			s.bannerForViewers(&b, l, name)
			continue
		}
		fmt.Fprintf(&b, "    OBS server    %s     (Settings → Stream → Service: Custom)\n", s.rtmpURL(l))
		fmt.Fprintf(&b, "    OBS key       %s\n", s.streams.Key(name))
		if key := s.streams.Backup(name); key != "" {
			fmt.Fprintf(&b, "    Backup's key  %s, in place of the key, for a second encoder\n", key)
		}
		if l.rtsp != nil {
			fmt.Fprintf(&b, "    RTSP          rtsp://user:KEY@%s/%s, the same key as KEY\n", rtspHost(l), name)
		}
		if l.srt != nil {
			fmt.Fprintf(&b, "    SRT           %s?streamid=%s\n", s.srtURL(l), s.streams.Key(name))
		}
		fmt.Fprintf(&b, "    OBS WHIP      %s%s, bearer token: the same key\n", s.viewersURL(l), whip.Root)
		for _, p := range s.pulls {
			if p.Stream == name {
				fmt.Fprintf(&b, "    Pulled from   %s\n", p.From)
			}
		}
		s.bannerForViewers(&b, l, name)
	}
	if s.joined != nil {
		fmt.Fprintf(&b, "  Node            %s (%s), read by others from %s\n", s.joined.node.ID, s.config.Role, s.joined.node.URL)
	}
	fmt.Fprintf(&b, "  Status page     http://%s/\n", host(l.admin))
	fmt.Fprintf(&b, "    Admin token   %s\n\n", s.token)
	if s.config.Demo {
		b.WriteString("  The demo picture is on its way: open the watch page.\n\n")
	}
	_, _ = io.WriteString(out, b.String())
	if f, ok := out.(*os.File); ok {
		_ = f.Sync()
	}
}

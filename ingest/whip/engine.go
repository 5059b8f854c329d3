package whip

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// engine makes peer connections that all use the same ports.
type engine struct {
	settings webrtc.SettingEngine
	udp      *ice.UDPMuxDefault
	tcp      *ice.TCPMuxDefault
	host     string
	port     int
}

// newEngine takes the ports over.
func newEngine(c Config, log *slog.Logger) (*engine, error) {
	logs := pionLogs{log}
	e := &engine{host: c.Host, port: c.Ports.Number()}
	e.udp = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: logs.NewLogger("ice"), UDPConn: steadyPacketConn{c.Ports.udp}})
	e.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: &steadyListener{Listener: c.Ports.tcp, places: wire.NewLimiter(maxTCP, maxPeerTCP)}, Logger: logs.NewLogger("ice"),
		ReadBufferSize: 64, WriteBufferSize: 64 << 10, // packets, and bytes: we send reports
		FirstStunBindTimeout: tcpTimeout, AliveDurationForConnFromStun: tcpTimeout,
	})
	s := &e.settings
	s.LoggerFactory = logs
	s.SetICEUDPMux(e.udp)
	s.SetICETCPMux(e.tcp)
	s.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true) // for a browser on this machine
	s.SetIPFilter(func(ip net.IP) bool { return !ip.IsLinkLocalUnicast() })
	s.DisableActiveTCP(true)
	s.SetICETimeouts(3*time.Second, c.MediaTimeout, 2*time.Second)
	s.SetReceiveMTU(maxPacket)
	// A packet that is sent again may be as old as reorder has patience for.
	s.SetSRTPReplayProtectionWindow(window)
	return e, nil
}

// close ends all that still uses the ports.
func (e *engine) close() {
	_ = e.udp.Close()
	_ = e.tcp.Close()
}

// connection makes a peer connection that knows the codecs of an offer and no others.
func (e *engine) connection(o *offer) (*webrtc.PeerConnection, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range o.codecs {
		if err := m.RegisterCodec(c.params, c.kind); err != nil {
			return nil, err
		}
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(m); err != nil {
		return nil, err
	}
	interceptors := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(interceptors); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureTWCCSender(m, interceptors); err != nil {
		return nil, err
	}
	requests, err := nack.NewGeneratorInterceptor(nack.GeneratorSize(window), nack.GeneratorInterval(nackEvery), nack.GeneratorMaxNacksPerPacket(nackTimes))
	if err != nil {
		return nil, err
	}
	interceptors.Add(requests)
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(interceptors),
		webrtc.WithSettingEngine(e.settings)).NewPeerConnection(webrtc.Configuration{})
}

// place looks the public address up.
func (e *engine) place(ctx context.Context) (place, error) {
	p := place{port: e.port}
	if e.host == "" {
		return p, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", e.host)
	if err != nil {
		return place{}, ingest.Errorf(ingest.ReasonInternal, "the public address for media: %w", err)
	}
	for _, ip := range found[:min(len(found), 4)] {
		p.host = append(p.host, ip.Unmap())
	}
	return p, nil
}

// negotiate gives an offer to a connection, and returns the answer with all our addresses in it. The error is an
// *ingest.Error.
func (p place) negotiate(ctx context.Context, pc *webrtc.PeerConnection, offer string) (string, error) {
	refused := func(err error) (string, error) {
		return "", ingest.Errorf(ingest.ReasonBadMessage, "the offer cannot be answered: %s", wire.Printable(err.Error()))
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return refused(err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return refused(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return refused(err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ingest.Errorf(ingest.ReasonInternal, "our own addresses were not found in time")
	}
	text, err := p.answer(pc.LocalDescription().SDP)
	if err != nil {
		return refused(err)
	}
	return text, nil
}

// pionLogs passes on what pion warns of, as detail for who looks for it.
type pionLogs struct{ log *slog.Logger }

func (l pionLogs) NewLogger(scope string) logging.LeveledLogger {
	w := lineWriter{l.log.With("scope", scope)}
	return logging.NewDefaultLeveledLoggerForScope(scope, logging.LogLevelWarn, w)
}

type lineWriter struct{ log *slog.Logger }

func (w lineWriter) Write(b []byte) (int, error) {
	w.log.Debug(wire.Printable(strings.TrimSpace(string(b))))
	return len(b), nil
}

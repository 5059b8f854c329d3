// Package acme obtains certificates from a certification authority (RFC 8555) and renews them, while the server runs.
package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/stagecast/stagecast/internal/certificate"
)

// ErrConfig says what the setting must look like.
var ErrConfig = errors.New("tls is acme:NAME,NAME of this server, without wildcards, and may have email=ADDRESS and ca=URL of an ACME directory")

// Config of a Manager.
type Config struct {
	Names []string // this server's, as viewers and encoders type them
	Email string   // where the authority sends warnings; may be empty
	CA    string   // its directory; the usual public one when empty
}

// Ports of ours that the authority's challenges come to, whichever way they get there from 80 and 443 of a name.
type Ports struct {
	HTTP  int // where Challenges is served
	HTTPS int // where HTTPS is served; 0: nowhere
}

// Parse reads "live.example.org,cdn.example.org,email=ops@example.org".
func Parse(text string) (c Config, err error) {
	for _, entry := range strings.Split(text, ",") {
		entry = strings.TrimSpace(entry)
		name, value, named := strings.Cut(entry, "=")
		switch {
		case !named && entry != "" && !strings.ContainsAny(entry, ":/@* "):
			c.Names = append(c.Names, strings.ToLower(entry))
		case named && name == "email" && strings.Contains(value, "@"):
			c.Email = value
		case named && name == "ca":
			if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Host == "" {
				return Config{}, ErrConfig
			}
			c.CA = value
		default:
			return Config{}, fmt.Errorf("%q: %w", entry, ErrConfig)
		}
	}
	if len(c.Names) == 0 {
		return Config{}, ErrConfig
	}
	return c, nil
}

// Manager keeps the certificates of a server's names. It is safe for concurrent use; Run it once.
type Manager struct {
	config Config
	dir    string
	log    *slog.Logger

	engine atomic.Pointer[engine] // nil before Run
	told   atomic.Int64           // the second in which a refused handshake was last logged
}

// engine is certmagic, which is alive from the moment it is made.
type engine struct {
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
}

// New makes a Manager that keeps keys and certificates under dir.
func New(c Config, dir string, log *slog.Logger) *Manager {
	return &Manager{config: c, dir: dir, log: log}
}

// Run obtains what is missing, and renews what ends, until ctx ends. Until there is a certificate, handshakes fail.
func (m *Manager) Run(ctx context.Context, p Ports) error {
	e := &engine{}
	silent := zap.NewNop() // what matters of it comes as events
	e.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return e.magic, nil },
		Logger:           silent,
	})
	defer e.cache.Stop()
	e.magic = certmagic.New(e.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: m.dir}, Logger: silent,
		OnEvent:           func(_ context.Context, name string, data map[string]any) error { m.report(p, name, data); return nil },
		DefaultServerName: m.config.Names[0], FallbackServerName: m.config.Names[0], // encoders come by address, too
	})
	// With our own ports certmagic finds them taken and opens none: 80 and 443 are not everybody's to open.
	e.issuer = certmagic.NewACMEIssuer(e.magic, certmagic.ACMEIssuer{
		CA: m.config.CA, Email: m.config.Email, Agreed: true, Logger: silent,
		AltHTTPPort: p.HTTP, AltTLSALPNPort: p.HTTPS, DisableTLSALPNChallenge: p.HTTPS == 0,
	})
	e.magic.Issuers = []certmagic.Issuer{e.issuer}
	m.engine.Store(e)
	if err := e.magic.ManageAsync(ctx, m.config.Names); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	<-ctx.Done()
	return nil
}

// report tells the log what goes on.
func (m *Manager) report(p Ports, event string, data map[string]any) {
	switch name := data["identifier"]; event {
	case "cert_obtaining":
		m.log.Info("certificate asked for", "name", name)
	case "cert_obtained":
		m.log.Info("certificate obtained", "name", name)
	case "cert_failed":
		fix := fmt.Sprintf("Have %s lead to this machine, and port 80 of it to our %d", name, p.HTTP)
		if p.HTTPS != 0 {
			fix += fmt.Sprintf(", or 443 to our %d", p.HTTPS)
		}
		m.log.Error("certificate not obtained, it will be tried again", "name", name, "err", data["error"], "fix", fix)
	}
}

// TLS serves the certificates.
func (m *Manager) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: m.certificate}
}

// HTTPS is TLS for the viewers' port, which the authority's challenges inside TLS come to (RFC 8737).
func (m *Manager) HTTPS() *tls.Config {
	c := m.TLS()
	c.NextProtos = []string{challengeProtocol}
	return c
}

const challengeProtocol = "acme-tls/1" // RFC 8737, 3

// ErrNone ends handshakes before there is a certificate.
var ErrNone = errors.New("the certificate has not been obtained yet: the log says why")

func (m *Manager) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if e := m.engine.Load(); e != nil {
		if c, err := e.magic.GetCertificate(hello); err == nil {
			return c, nil
		}
	}
	if now := time.Now().Unix(); m.told.Swap(now) != now {
		m.log.Warn("TLS connections are refused", "name", m.config.Names[0], "err", ErrNone)
	}
	return nil, ErrNone
}

// Challenges answers those over HTTP (RFC 8555, 8.3) before next.
func (m *Manager) Challenges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e := m.engine.Load(); e != nil && e.issuer.HandleHTTPChallenge(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Collector tells when the certificates end.
func (m *Manager) Collector() prometheus.Collector {
	return certificate.Ends(func(yield func(string, time.Time)) {
		e := m.engine.Load()
		if e == nil {
			return
		}
		for _, name := range m.config.Names {
			for _, c := range e.cache.AllMatchingCertificates(name) {
				if c.Leaf != nil {
					yield(name, c.Leaf.NotAfter)
					break
				}
			}
		}
	})
}

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
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/stagecast/stagecast/internal/certificate"
)

// ErrConfig says what the setting must look like.
var ErrConfig = errors.New("tls.acme is NAME,NAME of this server, and may have email=ADDRESS and ca=URL of an ACME directory")

// Config of a Manager.
type Config struct {
	Names []string // this server's, as viewers and encoders type them
	Email string   // where the authority sends warnings; may be empty
	CA    string   // its directory; the usual public one when empty
}

// Parse reads "live.example.org,cdn.example.org,email=ops@example.org".
func Parse(text string) (c Config, err error) {
	for _, entry := range strings.Split(text, ",") {
		entry = strings.TrimSpace(entry)
		name, value, named := strings.Cut(entry, "=")
		switch {
		case !named && entry != "" && !strings.ContainsAny(entry, ":/@ "):
			c.Names = append(c.Names, entry)
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
	log    *slog.Logger
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
}

// New makes a Manager that keeps keys and certificates under dir. The error is of a setting; nothing is asked of anybody yet.
func New(c Config, dir string, log *slog.Logger) *Manager {
	m := &Manager{config: c, log: log}
	silent := zap.NewNop() // what matters of it comes as events
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.magic, nil },
		Logger:           silent,
	})
	m.magic = certmagic.New(m.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: dir}, Logger: silent, OnEvent: m.event,
		DefaultServerName: c.Names[0], FallbackServerName: c.Names[0],
	})
	m.issuer = certmagic.NewACMEIssuer(m.magic, certmagic.ACMEIssuer{CA: c.CA, Email: c.Email, Agreed: true, Logger: silent})
	m.magic.Issuers = []certmagic.Issuer{m.issuer}
	return m
}

// event tells the log what goes on.
func (m *Manager) event(_ context.Context, event string, data map[string]any) error {
	switch name := data["identifier"]; event {
	case "cert_obtaining":
		m.log.Info("certificate asked for", "name", name)
	case "cert_obtained":
		m.log.Info("certificate obtained", "name", name)
	case "cert_failed":
		m.log.Error("certificate not obtained; it will be tried again. The name must lead to this server, on port 80 or 443 from outside",
			"name", name, "err", data["error"])
	}
	return nil
}

// Run obtains what is missing, and renews what ends, until ctx ends. Until there is a certificate, handshakes fail.
func (m *Manager) Run(ctx context.Context) error {
	defer m.cache.Stop()
	if err := m.magic.ManageAsync(ctx, m.config.Names); err != nil {
		return fmt.Errorf("tls.acme: %w", err)
	}
	<-ctx.Done()
	return nil
}

// TLS serves the certificates, and the authority's challenges inside TLS (RFC 8737).
func (m *Manager) TLS() *tls.Config {
	c := m.magic.TLSConfig()
	c.MinVersion = tls.VersionTLS12
	return c
}

// Challenges answers those over HTTP (RFC 8555, 8.3) before next.
func (m *Manager) Challenges(next http.Handler) http.Handler {
	return m.issuer.HTTPChallengeHandler(next)
}

// Collector tells when the certificates end.
func (m *Manager) Collector() prometheus.Collector {
	return certificate.Ends(func(yield func(string, time.Time)) {
		for _, name := range m.config.Names {
			for _, c := range m.cache.AllMatchingCertificates(name) {
				if c.Leaf != nil {
					yield(name, c.Leaf.NotAfter)
					break
				}
			}
		}
	})
}

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/internal/certificate"
	"github.com/stagecast/stagecast/internal/certificate/acme"
)

// tlsSetting is where the certificate comes from: two files, an authority, or nowhere.
type tlsSetting struct {
	certificate, key string
	order            acme.Config
}

// parseTLS reads the setting.
func parseTLS(text string) (c tlsSetting, err error) {
	if names, ordered := strings.CutPrefix(text, "acme:"); ordered {
		c.order, err = acme.Parse(names)
		return c, err
	}
	certificate, key, _ := strings.Cut(text, ",")
	c.certificate, c.key = strings.TrimSpace(certificate), strings.TrimSpace(key)
	if (c.certificate == "") != (c.key == "") {
		return c, errors.New("give the certificate and its private key, CERTIFICATE.pem,KEY.pem, or acme:NAME")
	}
	return c, nil
}

// secure is what TLS is served with. The zero value is no certificate.
type secure struct {
	doors, https *tls.Config // of broadcasters' and of viewers' ports; nil: none
	files        *certificate.Files
	acme         *acme.Manager
}

// prepareTLS reads the certificate, or makes what will obtain it.
func (s *server) prepareTLS() error {
	c, err := parseTLS(s.config.TLS)
	switch {
	case err != nil:
		return err
	case c.certificate != "":
		files, err := certificate.Load(c.certificate, c.key, s.log)
		if err != nil {
			return err
		}
		s.tls = secure{doors: files.Config(), https: files.Config(), files: files}
		s.registry.MustRegister(files.Collector())
	case len(c.order.Names) > 0:
		m := acme.New(c.order, filepath.Join(s.config.Data, "certificates"), s.log)
		s.tls = secure{doors: m.TLS(), https: m.HTTPS(), acme: m}
		s.registry.MustRegister(m.Collector())
	}
	return nil
}

// listenForChallenges opens port 80 beside the viewers' port, where that is another one. Nobody depends on it: what goes to port 80
// outside may lead to the viewers' port, or what goes to 443 to HTTPS.
func (s *server) listenForChallenges(ctx context.Context, l *listeners) {
	if s.tls.acme == nil || portOf(l.http) == httpPort {
		return
	}
	host, _, _ := net.SplitHostPort(s.config.HTTP.Address.Plain)
	opened, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "80"))
	if err != nil {
		s.log.Info("port 80 is not ours for the authority's challenges: have it lead to http.address, or 443 to its tls://", "err", err)
		return
	}
	l.challenges = opened
}

const httpPort = 80

// serveTLS keeps the certificate.
func (s *server) serveTLS(g *errgroup.Group, ctx context.Context, l *listeners) {
	switch {
	case s.tls.files != nil:
		g.Go(func() error { return s.tls.files.Run(ctx) })
	case s.tls.acme != nil:
		ports := acme.Ports{HTTP: portOf(l.http)}
		if l.https != nil {
			ports.HTTPS = portOf(l.https)
		}
		g.Go(func() error { return s.tls.acme.Run(ctx, ports) })
		if l.challenges != nil {
			s.serveHTTP(g, ctx, "challenges", l.challenges, nil, s.tls.acme.Challenges(http.NotFoundHandler()))
		}
	}
}

// portOf is the port that a listener has.
func portOf(l net.Listener) int {
	at, _ := l.Addr().(*net.TCPAddr) // of tcp, it is no other
	return at.Port
}

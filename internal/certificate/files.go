// Package certificate keeps the certificate that TLS is served with: from files, which may be replaced while the server runs.
// It owns the metric of when it ends, and no listener.
package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lookEvery is the time between two looks at the files. They are read whole: whatever renews them may keep their times.
const lookEvery = 5 * time.Second

// Files is a certificate and its key in two PEM files, as they are on disk now. It is safe for concurrent use.
type Files struct {
	certificate, key string
	log              *slog.Logger
	now              func() time.Time

	current atomic.Pointer[tls.Certificate]
	seen    []byte // of both files, when last looked at; for Run alone
}

// Load reads both files. The error says what is wrong with them.
func Load(certificate, key string, log *slog.Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, log: log, now: time.Now}
	text, pair, err := f.read()
	if err != nil {
		return nil, err
	}
	f.use(text, pair)
	return f, nil
}

// Run takes the files again whenever they have changed, until ctx ends. Files that do not make a certificate, such as half of
// a new pair, are reported once, and the one in use stays.
func (f *Files) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			f.look()
		}
	}
}

func (f *Files) look() {
	text, pair, err := f.read()
	switch {
	case bytes.Equal(text, f.seen):
	case err != nil:
		f.seen = text
		f.log.Error("certificate not reloaded, the one before stays in use", "file", f.certificate, "err", err)
	default:
		f.use(text, pair)
		f.log.Info("certificate reloaded", "file", f.certificate, "name", Name(pair.Leaf), "ends", pair.Leaf.NotAfter)
	}
}

func (f *Files) use(text []byte, pair *tls.Certificate) {
	f.seen = text
	f.current.Store(pair)
	if !f.now().Before(pair.Leaf.NotAfter) {
		f.log.Error("the certificate has ended: replace the files, the new one is taken without a restart",
			"file", f.certificate, "name", Name(pair.Leaf), "ended", pair.Leaf.NotAfter)
	}
}

// read is the bytes of both files, or the error in place of them, and what they make.
func (f *Files) read() (text []byte, pair *tls.Certificate, err error) {
	chain, err := os.ReadFile(f.certificate)
	if err != nil {
		return []byte(err.Error()), nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := os.ReadFile(f.key)
	if err != nil {
		return []byte(err.Error()), nil, fmt.Errorf("private key: %w", err)
	}
	text = append(append(chain, 0), key...)
	made, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return text, nil, fmt.Errorf("the certificate and its private key must be PEM files of one pair, the chain beginning with the server's own certificate: %w", err)
	}
	return text, &made, nil
}

// Config serves the certificate in use at each handshake.
func (f *Files) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current.Load(), nil },
	}
}

// Collector tells when the certificate in use ends.
func (f *Files) Collector() prometheus.Collector {
	return Ends(func(yield func(string, time.Time)) {
		leaf := f.current.Load().Leaf
		yield(Name(leaf), leaf.NotAfter)
	})
}

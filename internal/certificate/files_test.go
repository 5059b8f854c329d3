package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var until = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// pair are PEM texts of a new certificate for a name.
func pair(t *testing.T, name string, end time.Time) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// onDisk is a Files of two files, and a way to write either.
func onDisk(t *testing.T, name string) (f *Files, write func(certificate, key []byte), log *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	write = func(certificate, key []byte) {
		for name, text := range map[string][]byte{"cert.pem": certificate, "key.pem": key} {
			if text != nil {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
			}
		}
	}
	write(pair(t, name, until))
	log = &bytes.Buffer{}
	f, err := Load(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	return f, write, log
}

// served is the name in the certificate that a client is shown.
func served(t *testing.T, c *tls.Config) string {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Server(far, c).HandshakeContext(context.Background())
	}()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "any", MinVersion: tls.VersionTLS12})
	require.NoError(t, client.HandshakeContext(context.Background()))
	<-done
	return client.ConnectionState().PeerCertificates[0].DNSNames[0]
}

func TestFilesAreTakenAgainWhenTheyChange(t *testing.T) {
	f, write, log := onDisk(t, "first.test")
	c := f.Config() // as the doors have it since the start
	require.Equal(t, "first.test", served(t, c))
	f.look()
	require.Empty(t, log.String(), "what has not changed is not reloaded")

	write(pair(t, "second.test", until.AddDate(1, 0, 0)))
	f.look()
	require.Equal(t, "second.test", served(t, c))
	require.Contains(t, log.String(), "certificate reloaded")
	require.Contains(t, log.String(), "name=second.test")
	metrics := prometheus.NewPedanticRegistry()
	metrics.MustRegister(f.Collector())
	families, err := metrics.Gather()
	require.NoError(t, err)
	require.Equal(t, "stagecast_tls_certificate_end_time_seconds", families[0].GetName())
	require.Equal(t, "second.test", families[0].GetMetric()[0].GetLabel()[0].GetValue())
	require.EqualValues(t, until.AddDate(1, 0, 0).Unix(), families[0].GetMetric()[0].GetGauge().GetValue())
}

func TestHalfANewPairLeavesTheOldOneInUse(t *testing.T) {
	f, write, log := onDisk(t, "first.test")
	certificate, key := pair(t, "second.test", until)
	write(certificate, nil)
	f.look()
	f.look()
	require.Equal(t, "first.test", served(t, f.Config()))
	require.Equal(t, 1, strings.Count(log.String(), "certificate not reloaded"), "said once: %s", log)
	write(nil, key)
	f.look()
	require.Equal(t, "second.test", served(t, f.Config()))

	require.NoError(t, os.Remove(f.key))
	f.look()
	f.look()
	require.Equal(t, "second.test", served(t, f.Config()))
	require.Equal(t, 2, strings.Count(log.String(), "certificate not reloaded"), log)
	require.NotContains(t, log.String(), "PRIVATE")
}

func TestRunLooksByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, write, log := onDisk(t, "first.test")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		write(pair(t, "second.test", until))
		time.Sleep(lookEvery)
		synctest.Wait()
		require.Equal(t, "second.test", Name(f.current.Load().Leaf))
		require.Contains(t, log.String(), "certificate reloaded")
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestFilesThatMakeNoCertificateAreNamed(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, err := Load(certificate, key, log)
	require.ErrorContains(t, err, "certificate: ")
	one, _ := pair(t, "one.test", until)
	_, two := pair(t, "two.test", until)
	require.NoError(t, os.WriteFile(certificate, one, 0o600))
	_, err = Load(certificate, key, log)
	require.ErrorContains(t, err, "private key: ")
	require.NoError(t, os.WriteFile(key, two, 0o600))
	_, err = Load(certificate, key, log)
	require.ErrorContains(t, err, "must be PEM files of one pair")
}

func TestACertificateThatHasEndedIsSaid(t *testing.T) {
	f, write, log := onDisk(t, "first.test")
	write(pair(t, "old.test", time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)))
	f.look()
	require.Contains(t, log.String(), "the certificate has ended")
}

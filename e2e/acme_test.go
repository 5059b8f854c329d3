//go:build e2e

package e2e_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pebble is a certification authority for tests, built from source.
const pebble = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"

// authority is one that runs.
type authority struct {
	directory string
	root      string       // file with the certificate of its own HTTPS server
	client    *http.Client // knows that
	manage    string
}

// startAuthority has names checked at the given ports of this machine.
func startAuthority(t *testing.T, httpPort, tlsPort int) *authority {
	t.Helper()
	dir := t.TempDir()
	install := exec.Command("go", "install", pebble)
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=-mod=mod")
	out, err := install.CombinedOutput()
	require.NoError(t, err, "pebble could not be built: %s", out)

	certificate, key := selfSigned(t)
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	a := &authority{root: write("root.pem", certificate)}
	listen, manage := freeTCP(t), freeTCP(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "certificate": a.root, "privateKey": write("key.pem", key),
		"httpPort": httpPort, "tlsPort": tlsPort, "retryAfter": map[string]int{"authz": 1, "order": 1},
	}})
	require.NoError(t, err)
	cmd := exec.Command(filepath.Join(dir, "pebble"), "-config", write("pebble.json", config), "-strict")
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	said := &capture{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the authority said:\n%s", said.tail(20))
		}
	})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	a.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	a.directory, a.manage = "https://"+listen+"/dir", "https://"+manage
	await(t, "the authority answers", func() bool { _, err := a.get(a.directory); return err == nil })
	return a
}

func (a *authority) get(url string) ([]byte, error) {
	resp, err := a.client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// selfSigned is a certificate of this machine that signs itself.
func selfSigned(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// freeTCP is a TCP port that nobody has.
func freeTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	return a.Port
}

// TestCertificateObtained has the server get its own certificate, and publishes and watches over it.
func TestCertificateObtained(t *testing.T) {
	plain, https, rtmps := freeTCP(t), freeTCP(t), freeTCP(t)
	a := startAuthority(t, portOf(t, plain), portOf(t, https))
	t.Setenv("SSL_CERT_FILE", a.root)
	s := start(t, "--tls.acme", "localhost,email=ops@example.org,ca="+a.directory,
		"--http.address", plain+",tls://"+https, "--rtmp.address", "127.0.0.1:0,tls://"+rtmps)
	root, err := a.get(a.manage + "/roots/0")
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(root))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
	var last error
	ok := func() bool {
		resp, err := client.Get("https://" + https + "/healthz")
		if last = err; err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK && resp.ProtoMajor == 2
	}
	await(t, "viewers are served over the certificate", ok)
	require.NoError(t, last)

	s.client(liveKey, "ffmpeg", append(programme{}.arguments(), "-flvflags", "no_duration_filesize", "-f", "flv", "rtmps://"+rtmps+"/live/"+liveKey)...)
	s.awaitLive("live")
	in := s.input("live")
	require.NotNil(t, in)
	assert.Equal(t, "rtmps", in.Protocol)
	metrics := &bytes.Buffer{}
	resp, err := http.Get(s.adminURL("/metrics"))
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = metrics.ReadFrom(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, metrics.String(), `stagecast_tls_certificate_end_time_seconds{name="localhost"}`)
	s.stop()
}

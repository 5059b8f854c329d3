//go:build e2e

package e2e_test

import (
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
	"strings"
	"sync"
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
	stop      func()
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
	a.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		a.stop()
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

// secureClient is an HTTP client that trusts a root alone, as one that types the name localhost.
func secureClient(root []byte) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
}

// servesHTTP2 reports whether a server answers over HTTP/2 with a certificate that the client trusts.
func servesHTTP2(c *http.Client, address string) bool {
	resp, err := c.Get("https://" + address + "/healthz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && resp.ProtoMajor == 2
}

// TestCertificateObtained has the server get its own certificate by each of the two ways, and publishes and watches over it.
func TestCertificateObtained(t *testing.T) {
	for _, way := range []string{"HTTP", "TLS"} {
		t.Run(way, func(t *testing.T) {
			plain, https, rtmps, closed := freeTCP(t), freeTCP(t), freeTCP(t), freeTCP(t)
			http01, tlsALPN01 := plain, closed
			if way == "TLS" {
				http01, tlsALPN01 = closed, https
			}
			a := startAuthority(t, portOf(t, http01), portOf(t, tlsALPN01))
			t.Setenv("SSL_CERT_FILE", a.root)
			args := []string{"--tls", "acme:localhost,email=ops@example.org,ca=" + a.directory, "--data", t.TempDir(),
				"--http.address", plain + ",tls://" + https, "--rtmp.address", "127.0.0.1:0,tls://" + rtmps}
			s := start(t, args...)
			root, err := a.get(a.manage + "/roots/0")
			require.NoError(t, err)
			client := secureClient(root)
			await(t, "viewers are served over the certificate", func() bool { return servesHTTP2(client, https) })

			s.client(liveKey, "ffmpeg", append(programme{}.arguments(), "-flvflags", "no_duration_filesize", "-f", "flv", "rtmps://"+rtmps+"/live/"+liveKey)...)
			s.awaitLive("live")
			in := s.input("live")
			require.NotNil(t, in)
			assert.Equal(t, "rtmps", in.Protocol)
			assert.Contains(t, s.metrics(), `stagecast_tls_certificate_end_time_seconds{name="localhost"}`)
			s.stop()

			a.stop() // what has been obtained is kept
			s = start(t, args...)
			await(t, "viewers are served over the certificate again", func() bool { return servesHTTP2(client, https) })
			s.stop()
		})
	}
}

// TestCertificateNotObtained has a server without a certificate serve all the same, and say what is the matter.
func TestCertificateNotObtained(t *testing.T) {
	t.Parallel()
	https, rtmps := freeTCP(t), freeTCP(t)
	s := start(t, "--tls", "acme:localhost,ca=https://"+freeTCP(t)+"/dir",
		"--http.address", "127.0.0.1:0,tls://"+https, "--rtmp.address", "127.0.0.1:0,tls://"+rtmps)
	s.publish(liveKey, programme{})
	s.awaitLive("live")
	s.client(otherKey, "ffmpeg", append(programme{}.arguments(), "-f", "flv", "rtmps://"+rtmps+"/live/"+otherKey)...)
	await(t, "the journal says that there is no certificate yet", func() bool {
		for _, a := range s.operator().Attempts {
			if a.Protocol == "rtmps" && strings.Contains(a.Detail, "has not been obtained yet") {
				return true
			}
		}
		return false
	})
	_, err := tls.Dial("tcp", https, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	require.Error(t, err)
	await(t, "the log says why and what to do", func() bool {
		log := s.log.String()
		return strings.Contains(log, "certificate not obtained") && strings.Contains(log, "Have localhost lead to this machine") &&
			strings.Contains(log, "TLS connections are refused")
	})
	s.stop()
}

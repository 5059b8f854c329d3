package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Conditions are awaited for at most deadline; it is reached only when something is broken.
const (
	deadline = 20 * time.Second
	tick     = 5 * time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is what the server writes; said is closed once the banner is there.
type terminal struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	said chan struct{}
	once sync.Once
}

func newTerminal() *terminal { return &terminal{said: make(chan struct{})} }

func (w *terminal) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.once.Do(func() { close(w.said) })
	return w.text.Write(p)
}

func (w *terminal) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// running is a server in this process.
type running struct {
	viewers, admin, rtmp string // base URLs, and host:port
	token                string
	banner, logs         *terminal
	client               *http.Client
	stop                 func()
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	cleanEnvironment(t)
	r := &running{banner: newTerminal(), logs: newTerminal()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, append([]string{
			"--data", t.TempDir(), "--ladder", "off", "--streams", "live=key-of-live,two=key-of-two",
			"--http.address", "127.0.0.1:0,tls://127.0.0.1:0", "--rtmp.address", "127.0.0.1:0,tls://127.0.0.1:0", "--srt.address", "127.0.0.1:0",
			"--rtsp.address", "127.0.0.1:0,tls://127.0.0.1:0,udp://127.0.0.1:0", "--webrtc.address", "127.0.0.1:0", "--admin.address", "127.0.0.1:0",
		}, args...), r.banner, r.logs)
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(r.stop)
	select {
	case <-r.banner.said:
	case err := <-ended:
		require.FailNow(t, "ended at once", "%v", err)
	}
	text := r.banner.String()
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.NotNil(t, m, "%s in %s", pattern, text)
		return m[1]
	}
	r.viewers, r.admin = find(`Watch\s+(http://[^/]+)/`), find(`Status page\s+(http://[^/]+)/`)
	r.rtmp, r.token = find(`OBS server\s+rtmp://([^/]+)/live`), find(`Admin token\s+(\S+)`)
	r.client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r
}

// get answers with the status, the body and the header.
func (r *running) get(t *testing.T, url, token string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := r.client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body), res.Header
}

func TestServerAnswersOnBothPorts(t *testing.T) {
	r := start(t)
	require.Eventually(t, func() bool { code, _, _ := r.get(t, r.viewers+"/readyz", ""); return code == http.StatusOK }, deadline, tick)
	for _, base := range []string{r.viewers, r.admin} {
		for _, path := range []string{"/healthz", "/readyz"} {
			code, body, header := r.get(t, base+path, "")
			require.Equal(t, http.StatusOK, code, base+path)
			require.Equal(t, "ok\n", body)
			require.Equal(t, "no-store", header.Get("Cache-Control"))
		}
	}
	code, _, header := r.get(t, r.viewers+"/", "")
	require.Equal(t, http.StatusFound, code)
	require.Equal(t, "/live", header.Get("Location"))
	for path, want := range map[string]int{"/none": 404, "/embed/none": 404, "/none/index.m3u8": 404, "/api/v1/status": 404, "/metrics": 404} {
		code, _, _ := r.get(t, r.viewers+path, "")
		require.Equal(t, want, code, path)
	}
	code, body, _ := r.get(t, r.admin+"/metrics", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "stagecast_ingest_sessions 0")
	require.NotContains(t, body, "key-of-")
}

func TestStatusIsForTheOperator(t *testing.T) {
	r := start(t)
	for _, wrong := range []string{"", "guess", "key-of-live"} {
		code, body, _ := r.get(t, r.admin+"/api/v1/status", wrong)
		require.Equal(t, http.StatusUnauthorized, code)
		require.NotContains(t, body, "live")
	}
	code, body, _ := r.get(t, r.admin+"/api/v1/status", r.token)
	require.Equal(t, http.StatusOK, code)
	require.NotContains(t, body, "key-of-")
	var status struct {
		Version string
		Streams []struct {
			Name string
			URLs map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &status))
	require.Len(t, status.Streams, 2)
	require.Equal(t, r.viewers+"/live/index.m3u8", status.Streams[0].URLs["hls"])

	code, body, _ = r.get(t, r.admin+"/api/v1/streams/two/connect", r.token)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `"rtmp":{"key":"key-of-two","server":"rtmp://`+r.rtmp+`/live"}`)
	require.Contains(t, body, `"srt":{"server":"srt://127.0.0.1:`)
	require.Contains(t, body, `"whip":{"server":"`+r.viewers+`/whip"}`)
	require.Contains(t, body, `"rtsp":{"server":"rtsp://user:key-of-two@127.0.0.1:`)
	code, _, _ = r.get(t, r.admin+"/api/v1/streams/none/connect", r.token)
	require.Equal(t, http.StatusNotFound, code)
}

func TestSecretsStayOutOfTheLogAndTheCommandLineStaysOutOfProfiles(t *testing.T) {
	r := start(t, "--log", "debug")
	require.Contains(t, r.banner.String(), "key-of-live", "the terminal is the operator's")
	code, _, _ := r.get(t, r.admin+"/debug/pprof/cmdline", "")
	require.Equal(t, http.StatusNotFound, code, "it would show --streams")
	r.stop()
	require.Contains(t, r.logs.String(), "listening")
	require.NotContains(t, r.logs.String(), "key-of-")
	require.NotContains(t, r.logs.String(), r.token)
}

func TestATakenPortIsSaidByItsKey(t *testing.T) {
	cleanEnvironment(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	takenUDP, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer takenUDP.Close()
	keys := map[string]net.Addr{
		"rtmp.address": taken.Addr(), "http.address": taken.Addr(), "admin.address": taken.Addr(), "srt.address": takenUDP.LocalAddr(),
	}
	for key, at := range keys {
		args := []string{"--data", t.TempDir(), "--ladder", "off"}
		for other := range keys {
			address := "127.0.0.1:0"
			if other == key {
				address = at.String()
			}
			args = append(args, "--"+other, address)
		}
		err := execute(context.Background(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, key+": ")
		require.ErrorContains(t, err, "--"+key)
		require.ErrorContains(t, err, environment(key))
	}
}

func TestWithACertificateBothDoorsHaveTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", cert).CombinedOutput()
	require.NoError(t, err, string(out))
	r := start(t, "--tls", cert+","+key)
	code, body, _ := r.get(t, r.admin+"/metrics", "")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, `stagecast_rtmp_connections{protocol="rtmps"} 0`)
	require.Contains(t, body, `stagecast_rtmp_connections{protocol="rtmp"} 0`)
}

func TestKeysAndTokenAreMadeOnceAndKept(t *testing.T) {
	data := t.TempDir()
	first := start(t, "--data", data, "--streams", "")
	require.True(t, strings.Contains(first.banner.String(), `Stream "live"`))
	first.stop()
	second := start(t, "--data", data, "--streams", "")
	require.Equal(t, first.token, second.token)
	kept, err := os.ReadFile(filepath.Join(data, "streams"))
	require.NoError(t, err)
	_, secret, _ := strings.Cut(strings.TrimSpace(string(kept)), "=")
	require.Contains(t, second.banner.String(), secret)
}

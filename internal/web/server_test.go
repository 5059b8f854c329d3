package web_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a Server on a port of its own. stop ends it and returns what Run did.
func serve(t *testing.T, h http.HandlerFunc, logs io.Writer) (url string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &web.Server{Name: "test", Listener: l, Handler: h, Log: slog.New(slog.NewTextHandler(logs, nil))}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return "http://" + l.Addr().String(), stop
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func TestHeldRequestsAreToldOfTheEndAndStillAnswered(t *testing.T) {
	held := make(chan struct{})
	url, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(held)
		<-r.Context().Done()
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "stopping")
	}, io.Discard)
	type answer struct {
		code int
		body string
	}
	got := make(chan answer, 1)
	go func() {
		res, err := client.Get(url)
		if err != nil {
			got <- answer{body: err.Error()}
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		got <- answer{res.StatusCode, string(body)}
	}()
	<-held
	require.NoError(t, stop())
	require.Equal(t, answer{http.StatusServiceUnavailable, "stopping"}, <-got)
	_, err := net.Dial("tcp", url[len("http://"):])
	require.Error(t, err, "the port is free again")
}

func TestAPanicEndsItsRequestAlone(t *testing.T) {
	var logs bytes.Buffer
	url, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("broken handler")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	}, &logs)
	for _, path := range []string{"/panic?token=secret", "/abort"} {
		_, err := client.Get(url + path)
		require.Error(t, err)
	}
	res, err := client.Get(url)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	res.Body.Close()
	require.NoError(t, stop())
	require.Equal(t, 1, bytes.Count(logs.Bytes(), []byte("request panicked")), "an abort is no trouble")
	require.Contains(t, logs.String(), "broken handler")
	require.NotContains(t, logs.String(), "secret")
}

func TestAHeaderThatIsTooLargeIsRefused(t *testing.T) {
	url, _ := serve(t, func(http.ResponseWriter, *http.Request) {}, io.Discard)
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header.Set("X-Long", string(bytes.Repeat([]byte("x"), 64<<10)))
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := &web.Server{Name: "viewers", Address: l.Addr().String(), Log: slog.New(slog.DiscardHandler)}
	require.ErrorContains(t, s.Run(context.Background()), "viewers: ")
}

func TestAListenerThatBreaksIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	s := &web.Server{Name: "viewers", Listener: l, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.ErrorContains(t, s.Run(ctx), "viewers: ")
}

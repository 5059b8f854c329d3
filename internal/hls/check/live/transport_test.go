package live_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
)

// inProcess is a transport without a network: it works on the fake clock of a synctest bubble, and takes no time.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	in, out := io.Pipe()
	w := &responseWriter{header: make(http.Header), body: out, started: make(chan struct{})}
	stop := context.AfterFunc(req.Context(), func() { out.CloseWithError(req.Context().Err()) })
	go func() {
		defer stop()
		served := req.Clone(req.Context())
		if served.Body == nil {
			served.Body = http.NoBody
		}
		t.handler.ServeHTTP(w, served)
		w.WriteHeader(http.StatusOK)
		out.Close()
	}()
	select {
	case <-w.started:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: w.status, Header: w.sent, Body: in, Request: req, Proto: "HTTP/2.0", ProtoMajor: 2,
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13}}, nil
}

// responseWriter passes a body on as it is written.
type responseWriter struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	started      chan struct{}
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
		close(w.started)
	}
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// changed runs a handler and lets change alter what it answered before it is sent.
func changed(h http.Handler, w http.ResponseWriter, r *http.Request, change func(*httptest.ResponseRecorder)) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if r.Context().Err() != nil {
		return
	}
	change(rec)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

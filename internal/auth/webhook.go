package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

const (
	hookWithin  = 3 * time.Second
	hookAtOnce  = 32
	hookBytes   = 16 << 10 // of an answer
	hookHeaders = 16 << 10
)

// Webhook asks another server who may publish, for each attempt anew. What it does not answer in time is refused.
//
// It is sent a Question by POST, and answers 2xx for yes, with an Answer where the question names no stream, and 401 or 403
// for no. Any other answer is a failure. Where there is a secret, it is sent as a bearer token.
type Webhook struct {
	url    string
	secret string // empty: none
	client *http.Client
	places chan struct{}
	within time.Duration
}

// Question is what a Webhook is sent.
type Question struct {
	Protocol string `json:"protocol"`
	Stream   string `json:"stream,omitempty"` // where the encoder names it
	Key      string `json:"key"`              // secret
	Address  string `json:"address"`          // and port of the encoder
	Agent    string `json:"agent,omitempty"`
}

// Answer is what it may answer.
type Answer struct {
	Stream string `json:"stream"` // NAME or NAME/backup
}

// NewWebhook reads "https://example.com/publish,secret=SECRET", the secret being optional; http is for loopback alone.
func NewWebhook(setting string) (*Webhook, error) {
	to, secret, _ := strings.Cut(setting, ",secret=")
	if err := CheckURL(to); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(secret, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("the secret has characters that no HTTP header may have")
	}
	return &Webhook{url: to, secret: secret, client: newClient(hookWithin), places: make(chan struct{}, hookAtOnce), within: hookWithin}, nil
}

// ask is the stream that the hook says the request may publish. The error is an *ingest.Error and holds no secret.
func (w *Webhook) ask(ctx context.Context, r ingest.Request) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, w.within)
	defer cancel()
	select {
	case w.places <- struct{}{}:
		defer func() { <-w.places }()
	case <-ctx.Done():
		return "", ingest.Errorf(ingest.ReasonAuthUnavailable, "the webhook is busy")
	}
	question, err := json.Marshal(Question{Protocol: r.Protocol, Stream: r.Stream, Key: r.Key, Address: r.Remote, Agent: r.Agent})
	if err != nil {
		return "", &ingest.Error{Reason: ingest.ReasonInternal, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(question))
	if err != nil {
		return "", &ingest.Error{Reason: ingest.ReasonInternal, Err: hideURL(err)}
	}
	req.Header.Set("Content-Type", "application/json")
	if w.secret != "" {
		req.Header.Set("Authorization", "Bearer "+w.secret)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return "", &ingest.Error{Reason: ingest.ReasonAuthUnavailable, Err: hideURL(err)}
	}
	defer resp.Body.Close()
	return answer(resp, r.Stream)
}

func answer(resp *http.Response, stream string) (string, error) {
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "", ingest.Errorf(ingest.ReasonWrongKey, "the webhook answers %d", code)
	case code < 200 || code > 299:
		return "", ingest.Errorf(ingest.ReasonAuthUnavailable, "the webhook answers %d", code)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, hookBytes+1))
	if err != nil || len(text) > hookBytes {
		return "", ingest.Errorf(ingest.ReasonAuthUnavailable, "the webhook's answer breaks off or is too long")
	}
	var a Answer
	if text = bytes.TrimSpace(text); len(text) > 0 && json.Unmarshal(text, &a) != nil {
		return "", ingest.Errorf(ingest.ReasonAuthUnavailable, "the webhook's answer is no JSON")
	}
	if a.Stream == "" {
		a.Stream = stream
	}
	if a.Stream == "" {
		return "", ingest.Errorf(ingest.ReasonAuthUnavailable, "the webhook says yes and names no stream, and neither does the encoder")
	}
	return a.Stream, nil
}

// newClient follows no redirects: a question with a secret goes where the operator said and nowhere else.
func newClient(within time.Duration) *http.Client {
	return &http.Client{
		Timeout:       within,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: hookHeaders, MaxConnsPerHost: hookAtOnce,
			DisableKeepAlives: true, TLSHandshakeTimeout: within,
		},
	}
}

// hideURL takes the URL out of an error: what stands behind its question mark may be a secret.
func hideURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

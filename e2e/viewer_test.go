//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/control"
	"github.com/stagecast/stagecast/internal/hls"
)

// viewers is one HTTP client for all requests of the tests: as many connections as it takes, and no answer is waited for
// longer than a held playlist request may take.
var viewers = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// fetch is a GET. Its body is read whole.
func fetch(ctx context.Context, url string, headers ...string) (code int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := viewers.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return resp.StatusCode, body, err
}

// status is the status code of a GET, 0 where there is no answer.
func status(url string) int {
	code, _, _ := fetch(context.Background(), url)
	return code
}

// state is that of a stream as its page is told it.
func (s *server) state(stream string) string {
	var st struct{ State string }
	if _, body, err := fetch(context.Background(), s.url("/"+stream+"/status.json")); err == nil {
		_ = json.Unmarshal(body, &st)
	}
	return st.State
}

func (s *server) awaitState(stream, state string) {
	s.t.Helper()
	await(s.t, stream+" is "+state, func() bool { return s.state(stream) == state })
}

// operator asks for what the status page shows.
func (s *server) operator() control.Status {
	s.t.Helper()
	code, body, err := fetch(s.t.Context(), s.adminURL("/api/v1/status"), "Authorization", "Bearer "+adminToken)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, code, "%s", body)
	var st control.Status
	require.NoError(s.t, json.Unmarshal(body, &st), "%s", body)
	return st
}

// multivariant is the stream's Multivariant Playlist; nil where there is none.
func (s *server) multivariant(stream string) *hls.ParsedMultivariant {
	code, body, err := fetch(context.Background(), s.url("/"+stream+"/index.m3u8"))
	if err != nil || code != http.StatusOK {
		return nil
	}
	p, err := hls.ParseMultivariant(body)
	require.NoError(s.t, err, "%s", body)
	return p
}

// awaitLive blocks until a stream plays, and returns the URL of its first variant.
func (s *server) awaitLive(stream string) (playlist string) {
	s.t.Helper()
	s.awaitState(stream, "live")
	p := s.multivariant(stream)
	require.NotNil(s.t, p, "a live stream has a Multivariant Playlist")
	require.NotEmpty(s.t, p.Variants)
	return resolve(s.t, s.url("/"+stream+"/index.m3u8"), p.Variants[0].URI)
}

func resolve(t *testing.T, base, ref string) string {
	t.Helper()
	b, err := url.Parse(base)
	require.NoError(t, err)
	u, err := b.Parse(ref)
	require.NoError(t, err)
	return u.String()
}

// reload is a Media Playlist, asked for with the directives in query.
func reload(ctx context.Context, playlist, query string) (*hls.ParsedMedia, error) {
	u := playlist
	if query != "" {
		u += "?" + query
	}
	code, body, err := fetch(ctx, u)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("?%s was answered %d", query, code)
	}
	return hls.ParseMedia(body)
}

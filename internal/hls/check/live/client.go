package live

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

const (
	maxMediaBytes = 64 << 20
	maxRedirects  = 5
	maxWait       = 30 * time.Second // for any answer; longer than a reload may be held
	origin        = "https://player.example"
)

// answer is what came back for one request.
type answer struct {
	url     string // without query
	query   string
	status  int
	header  http.Header
	sent    time.Time
	first   time.Time // the first byte of the body, or its end where it is empty
	arrived time.Time // the last byte
	body    []byte    // decoded where it came gzip-encoded
}

// held is how long the answer took to begin.
func (a *answer) held() time.Duration { return a.first.Sub(a.sent) }

// client sends requests as a browser's player does, and reports what concerns every one of them.
type client struct {
	http   *http.Client
	report *check.Report
}

func newClient(c *http.Client, report *check.Report) *client {
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{http: &own, report: report}
}

// get fetches a resource. Each of the headers is "Name: value"; the caller's replace the client's own.
func (c *client) get(ctx context.Context, u string, headers ...string) (*answer, error) {
	return c.do(ctx, http.MethodGet, u, headers...)
}

func (c *client) do(ctx context.Context, method, u string, headers ...string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for range maxRedirects {
		a, next, err := c.once(ctx, method, u, headers)
		if err != nil || next == "" {
			return a, err
		}
		u = next
	}
	return nil, fmt.Errorf("%s: more than %d redirects", u, maxRedirects)
}

// once sends one request. next is where the answer redirects to.
func (c *client) once(ctx context.Context, method, u string, headers []string) (a *answer, next string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, u, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Origin", origin)
	req.Header.Set("Accept-Encoding", "identity")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	a = &answer{query: req.URL.RawQuery, sent: time.Now()}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, "", withoutURL(err)
	}
	defer resp.Body.Close()
	plain := *req.URL
	plain.RawQuery = ""
	a.url, a.status, a.header = plain.String(), resp.StatusCode, resp.Header
	c.connection(resp)
	if err := a.read(resp); err != nil {
		return nil, "", err
	}
	location := resp.Header.Get("Location")
	redirected := resp.StatusCode >= 300 && resp.StatusCode < 400 && location != ""
	c.report.Expect("L104", !redirected, a.url, "%d redirects to %s", resp.StatusCode, location)
	if !redirected {
		return a, "", nil
	}
	ref, err := req.URL.Parse(location)
	if err != nil {
		return nil, "", err
	}
	return a, ref.String(), nil
}

// withoutURL is the cause of an http.Client's error: who reports it names the resource already.
func withoutURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// connection checks what the connection was. Plain HTTP is left out: it is for the machine's own use.
func (c *client) connection(resp *http.Response) {
	if resp.TLS == nil {
		return
	}
	host := resp.Request.URL.Host
	c.report.Expect("L96", resp.ProtoMajor >= 2, host, "answered in %s", resp.Proto)
	c.report.Expect("L105", resp.TLS.Version >= tls.VersionTLS12, host, "%s", tls.VersionName(resp.TLS.Version))
}

// read takes the body in, and notes when its first and last bytes came.
func (a *answer) read(resp *http.Response) error {
	var in io.Reader = &firstByte{in: resp.Body, at: &a.first}
	encoded := resp.Header.Get("Content-Encoding") == "gzip" && resp.Request.Method != http.MethodHead
	if encoded && resp.StatusCode == http.StatusOK {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		in = z
	}
	body, err := io.ReadAll(io.LimitReader(in, maxMediaBytes+1))
	a.arrived = time.Now()
	if a.first.IsZero() {
		a.first = a.arrived
	}
	if len(body) > maxMediaBytes {
		return fmt.Errorf("body of more than %d bytes", maxMediaBytes)
	}
	a.body = body
	return err
}

// firstByte notes when the first byte was read.
type firstByte struct {
	in io.Reader
	at *time.Time
}

func (f *firstByte) Read(b []byte) (int, error) {
	n, err := f.in.Read(b)
	if n > 0 && f.at.IsZero() {
		*f.at = time.Now()
	}
	return n, err
}

// reload asks for a Media Playlist.
func (c *client) reload(ctx context.Context, t *rendition, query string, headers ...string) (*answer, error) {
	u := *t.url
	u.RawQuery = query
	return c.get(ctx, u.String(), headers...)
}

// resolve is the URL of what a playlist names.
func (t *rendition) resolve(uri string) string {
	u, err := t.url.Parse(uri)
	if err != nil {
		return uri
	}
	return u.String()
}

func position(p hls.Position) check.Directives { return check.Directives{Blocking: true, At: p} }

package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Client reads publications of other nodes. It is safe for concurrent use.
type Client struct {
	node   string
	secret Secret
	http   *http.Client
}

// NewClient makes a Client of a cluster, for a node of that name.
func NewClient(node string, secret Secret) *Client {
	return &Client{node: node, secret: secret, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext, ResponseHeaderTimeout: 2 * time.Second,
			MaxResponseHeaderBytes: mostHeader, DisableCompression: true, Protocols: protocols(),
		},
	}}
}

// protocols: HTTP/2 without TLS, so that one connection between two nodes carries all their streams.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Protocols that a Server of package http must speak for Client.
func Protocols() *http.Protocols {
	p := protocols()
	p.SetHTTP1(true) // for tools
	return p
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Pull publishes a publication of another node in h, until it or ctx ends. id is given the one that it has there, and says under which
// it is published here. The error is the reason of the publication's end, one of package hub's, where it was told; what was published
// here has ended with it, and with hub.ErrLost where it was not.
func (c *Client) Pull(ctx context.Context, base string, key hub.Key, h *hub.Hub, id func(int64) int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+Prefix+"/"+key.Stream+"/"+string(key.Stage), nil)
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	req.Header.Set(nodeHeader, c.node)
	c.secret.sign(req, time.Now())
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return ErrNone
	default:
		return fmt.Errorf("%w: %s", ErrPeer, resp.Status)
	}
	told, err := decodeHead(resp.Header.Get(publicationHeader))
	if err != nil {
		return err
	}
	body := &watched{r: resp.Body}
	defer body.watch(func() { cancel(ErrSilent) })()
	in := cmaf.NewChunkReader(body, mostUnit)
	if err := in.Header(); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	pub, err := h.Publish(key, id(told.ID), told.Tracks)
	if err != nil {
		return err
	}
	err = copyUnits(in, pub)
	if errors.Is(err, io.EOF) {
		if reason, ok := ends[resp.Trailer.Get(endTrailer)]; ok {
			pub.Close(reason)
			return reason
		}
	}
	pub.Close(hub.ErrLost)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("relay: %w", err)
}

func copyUnits(in *cmaf.ChunkReader, pub *hub.Publication) error {
	last := make(map[int]int64)
	for {
		id, dts, s, err := in.Next()
		if err != nil {
			return err
		}
		t := pub.Track(int(id))
		if t == nil || dts > 1<<62 {
			return fmt.Errorf("%w: track %d at %d", ErrPeer, id, dts)
		}
		u := media.AccessUnit{
			Track: t.ID, DTS: int64(dts), PTS: int64(dts) + int64(s.CompositionOffset), Duration: int64(s.Duration),
			RandomAccess: s.RandomAccess, Payload: s.Payload,
		}
		if before, ok := last[t.ID]; ok && u.DTS <= before {
			return fmt.Errorf("%w: track %d goes back", ErrPeer, id)
		}
		last[t.ID] = u.DTS
		pub.Write(u)
	}
}

// watched is a body whose silence is noticed.
type watched struct {
	r    io.Reader
	came atomic.Bool
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if n > 0 {
		w.came.Store(true)
	}
	return n, err
}

// watch calls silent when nothing has come for about as long as may be, until stop is called.
func (w *watched) watch(silent func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(silence)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if !w.came.Swap(false) {
					silent()
					return
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

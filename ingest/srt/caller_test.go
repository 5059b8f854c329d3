package srt_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/srt"
)

func caller(t *testing.T, text string) (*srt.Caller, error) {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return srt.NewCaller(u)
}

func TestCallerURLs(t *testing.T) {
	for _, good := range []string{"srt://host:8890", "srt://[::1]:1?latency=20&streamid=x%2Cy&passphrase=ten%20letters", "srt://host:9?mode=caller"} {
		_, err := caller(t, good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"srt://host", "srt://:8890", "srt://secret@host:1", "srt://host:1?latency=1", "srt://host:1?latency=secret", "srt://host:1?passphrase=secret",
		"srt://host:1?mode=listener", "srt://host:1?other=secret", "srt://host:1?streamid=%zz",
	} {
		_, err := caller(t, bad)
		require.ErrorIs(t, err, srt.ErrURL, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}

// listen is a listener elsewhere, which sends a stream to whoever calls with the right streamid.
func listen(t *testing.T, streamID string, ts []byte) (address string) {
	t.Helper()
	l, err := gosrt.Listen("srt", "127.0.0.1:0", gosrt.DefaultConfig())
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			req, err := l.Accept2()
			if err != nil {
				return
			}
			if req.StreamId() != streamID {
				req.Reject(gosrt.REJX_FORBIDDEN)
				continue
			}
			if conn, err := req.Accept(); err == nil {
				feed(conn, ts)
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}

// feed writes a stream until its end or that of the connection.
func feed(c gosrt.Conn, ts []byte) {
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for ; len(ts) > 0; ts = ts[min(1316, len(ts)):] {
		if _, err := c.Write(ts[:min(1316, len(ts))]); err != nil {
			return
		}
		<-pace.C
	}
}

// fetch runs a pull until the journal or the inputs show what the condition wants.
func (d *desk) fetch(c *srt.Caller, what string, condition func() bool) {
	d.t.Helper()
	p := &pull.Pull{Stream: "live", Key: key, Source: c}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, d.gate, slog.New(slog.NewTextHandler(d.log, nil))) }()
	await(d.t, what, condition)
	cancel()
	require.NoError(d.t, <-ended)
}

func TestCaller(t *testing.T) {
	d := serve(t, srt.Config{})
	c, err := caller(t, "srt://"+listen(t, "x,y", programme(t))+"?streamid=x%2Cy")
	require.NoError(t, err)
	d.fetch(c, "it is on air", func() bool { return len(d.gate.Inputs()) == 1 })
	a := d.attempt(1)
	require.Equal(t, "live", a.Stream)
	require.Equal(t, ingest.ReasonShutdown, a.Reason)
}

func TestCallerRefused(t *testing.T) {
	d := serve(t, srt.Config{})
	c, err := caller(t, "srt://"+listen(t, "right", nil)+"?streamid=wrong-"+key)
	require.NoError(t, err)
	d.fetch(c, "the journal has it", func() bool { return len(d.gate.Attempts()) > 0 })
	require.Equal(t, ingest.ReasonRefused, d.attempt(1).Reason)
}

func TestCallerOfNobody(t *testing.T) {
	d := serve(t, srt.Config{})
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer free.Close() // it is there, and never answers
	for address, reason := range map[string]ingest.Reason{
		free.LocalAddr().String(): ingest.ReasonUnreachable, "169.254.169.254:80": ingest.ReasonForbidden, "no-such-host.invalid:1": ingest.ReasonUnreachable,
	} {
		c, err := caller(t, "srt://"+address)
		require.NoError(t, err)
		n := len(d.gate.Attempts())
		d.fetch(c, "the journal has it", func() bool { return len(d.gate.Attempts()) > n })
		require.Equal(t, reason, d.attempt(n+1).Reason)
	}
}

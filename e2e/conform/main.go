// Command conform puts a running Low-Latency HLS server to the test as a strict client from outside, and prints which
// rules it keeps, breaks, or was not seen to reach. It exits with 1 where a MUST or an A-MUST is broken.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/stagecast/stagecast/internal/hls/check/live"
)

type options struct {
	URL      string        `arg:"" help:"Multivariant or Media Playlist, such as http://127.0.0.1:8080/live/index.m3u8."`
	For      time.Duration `default:"60s" help:"How long to follow the stream."`
	Slack    time.Duration `default:"150ms" help:"What the network and the schedulers at both ends may add to a time."`
	Insecure bool          `help:"Accept any certificate."`
}

var errBroken = errors.New("a MUST or an A-MUST is broken")

func main() {
	var opt options
	k := kong.Parse(&opt, kong.Description("Tests a Low-Latency HLS server from outside."))
	k.FatalIfErrorf(opt.run())
}

func (o *options) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	transport := &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: o.Insecure}}
	report, err := live.Run(ctx, live.Config{URL: o.URL, Duration: o.For, Slack: o.Slack, Client: &http.Client{Transport: transport}})
	if err != nil {
		return err
	}
	if err := report.WriteText(os.Stdout); err != nil {
		return err
	}
	if !report.Conforms() {
		return errBroken
	}
	return nil
}

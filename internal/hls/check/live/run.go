// Package live is a strict client of a running Low-Latency HLS server: it follows every rendition as the best of players
// would, asks all that a player should not, and reports which rules were kept.
//
// It owns its requests and their times. What the answers mean is decided in internal/hls/check and internal/cmaf/check.
package live

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// Config says what to test. URL is the only field that must be set.
type Config struct {
	URL      string        // of a Multivariant Playlist, or of a single Media Playlist
	Duration time.Duration // default 60 s: every probe has its turn, and segments leave a short window
	Client   *http.Client  // default: HTTP/1.1 with keep-alive, or HTTP/2 on https; its CheckRedirect is not used
	Slack    time.Duration // what network and schedulers may add to a time; default check.DefaultSlack
	Prompt   time.Duration // what "at once" means; default three quarters of a part target, at least 200 ms
}

// Run tests a server until the duration is over, every playlist has ended, or ctx ends. The error is for a server that
// cannot be tested at all; all else is in the Report.
func Run(ctx context.Context, cfg Config) (*check.Report, error) {
	if cfg.Duration == 0 {
		cfg.Duration = time.Minute
	}
	if cfg.Slack == 0 {
		cfg.Slack = check.DefaultSlack
	}
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if cfg.Client == nil {
		transport := &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64}
		defer transport.CloseIdleConnections()
		cfg.Client = &http.Client{Transport: transport}
	}
	report := &check.Report{}
	r := &runner{cfg: cfg, report: report, client: newClient(cfg.Client, report), checker: check.NewChecker(report),
		align: cmaf.Alignment{Report: report}, sums: make(map[string]sum)}
	r.checker.Slack = cfg.Slack
	ctx, cancel := context.WithTimeout(ctx, cfg.Duration)
	defer cancel()
	if err := r.discover(ctx, base); err != nil {
		return nil, err
	}
	r.run(ctx)
	r.conclude()
	return report, nil
}

// runner is one test of one server.
type runner struct {
	cfg        Config
	report     *check.Report
	client     *client
	base       *url.URL
	playlist   *hls.ParsedMultivariant // nil: a single Media Playlist
	renditions []*rendition
	tasks      sync.WaitGroup // requests beside the loops of run

	mu      sync.Mutex // guards what follows
	checker *check.Checker
	align   cmaf.Alignment
	sums    map[string]sum
}

// rendition is one Media Playlist of the presentation.
type rendition struct {
	url   *url.URL
	video bool
	feed  feed
	media media
}

// run follows all renditions until ctx ends or all of them have ended.
func (r *runner) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var followers, others sync.WaitGroup
	for _, t := range r.renditions {
		t.media.init(r, t)
		followers.Go(func() { r.follow(ctx, t) })
		others.Go(func() { t.media.run(ctx) })
		others.Go(func() { r.probe(ctx, t) })
		others.Go(func() { r.watchRemoval(ctx, t) })
	}
	followers.Wait()
	r.drain(ctx)
	stop()
	others.Wait()
	r.tasks.Wait()
}

// drain gives the media of ended playlists the time to be fetched.
func (r *runner) drain(ctx context.Context) {
	for _, t := range r.renditions {
		select {
		case <-t.media.ended:
		case <-ctx.Done():
		}
	}
}

// add feeds an answer to the Checker, and returns the playlist in it.
func (r *runner) add(t *rendition, a *answer) *hls.ParsedMedia {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checker.Add(check.Snapshot{Playlist: t.url.String(), Query: a.query, Sent: a.sent, Arrived: a.arrived,
		Status: a.status, Header: a.header, Body: a.body})
}

// prompt is what "at once" means for a playlist. An answer to a probe that is wrongly held takes a part's whole time, because
// probes are sent right after an update.
func (r *runner) prompt(p *hls.ParsedMedia) time.Duration {
	if r.cfg.Prompt > 0 {
		return r.cfg.Prompt
	}
	return max(p.PartTarget*3/4, 200*time.Millisecond)
}

func target(p *hls.ParsedMedia) time.Duration { return time.Duration(p.TargetDuration) * time.Second }

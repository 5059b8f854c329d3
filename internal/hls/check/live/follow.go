package live

import (
	"context"
	"net/http"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// retryAfter is the pause after an answer that was none.
const retryAfter = 250 * time.Millisecond

// follow reloads one playlist for as long as it lives, as a player at the live edge does.
func (r *runner) follow(ctx context.Context, t *rendition) {
	var p *hls.ParsedMedia
	for updates := 0; ctx.Err() == nil; {
		next := r.reload(ctx, t, p)
		if next == nil || next.Skip != nil {
			pause(ctx, retryAfter)
			continue
		}
		if p != nil && next.Next() == p.Next() && next.Ended == p.Ended {
			pause(ctx, retryAfter) // answered without news
			continue
		}
		p = next
		t.feed.put(p)
		if p.Ended {
			return
		}
		if updates++; updates%2 == 0 {
			t.media.askHint(ctx, p)
		}
		if updates%4 == 0 {
			r.tasks.Go(func() { r.delta(ctx, t, p, updates) })
		}
	}
}

// reload asks for what follows p, or for the current playlist where p is nil or the server does not block.
func (r *runner) reload(ctx context.Context, t *rendition, p *hls.ParsedMedia) *hls.ParsedMedia {
	var d check.Directives
	switch {
	case p == nil:
	case p.Control == nil || !p.Control.CanBlockReload:
		pause(ctx, max(target(p)/2, retryAfter))
	case p.PartTarget == 0:
		d = position(hls.Position{MSN: p.LastMSN() + 1, Part: -1})
	default:
		d = position(p.Next())
	}
	rule := "L53"
	if d.Blocking {
		rule = "L42"
	}
	a, err := r.client.reload(ctx, t, d.Query())
	if ctx.Err() != nil {
		return nil
	}
	if !r.report.Expect(rule, err == nil, t.url.String(), "?%s: no answer: %v", d.Query(), err) {
		return nil
	}
	next := r.add(t, a)
	refused := a.status != http.StatusOK && a.status != http.StatusServiceUnavailable
	r.report.Expect(rule, !refused, t.url.String(), "?%s was answered %d", a.query, a.status)
	return next
}

// delta asks for a delta update of the state that was just listed.
func (r *runner) delta(ctx context.Context, t *rendition, p *hls.ParsedMedia, n int) {
	rule, skip := "L54", "YES"
	if n%8 == 0 {
		rule, skip = "L58", "v2"
	}
	last := p.Last()
	d := check.Directives{Blocking: p.Control != nil && p.Control.CanBlockReload, At: last, Skip: skip}
	a, err := r.client.reload(ctx, t, d.Query())
	if ctx.Err() != nil {
		return
	}
	if !r.report.Expect(rule, err == nil && a.status == http.StatusOK, t.url.String(), "?%s: %v", d.Query(), outcome(a, err)) {
		return
	}
	r.add(t, a)
	got, _ := hls.ParseMedia(a.body)
	switch {
	case got == nil:
	case p.Control == nil || p.Control.CanSkipUntil == 0:
		r.report.Expect("L59", got.Skip == nil, t.url.String(), "a delta update, but no CAN-SKIP-UNTIL")
	case skippable(p):
		r.report.Expect(rule, got.Skip != nil, t.url.String(), "?%s was answered with a playlist without EXT-X-SKIP", a.query)
	}
}

// skippable reports whether a segment lies beyond the Skip Boundary.
func skippable(p *hls.ParsedMedia) bool {
	return len(p.Segments) > 0 && p.Length()-p.Segments[0].Duration >= p.Control.CanSkipUntil
}

// outcome is what to say of a request that was not answered as it should.
func outcome(a *answer, err error) any {
	if err != nil {
		return err
	}
	return a.status
}

// pause waits, or returns when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

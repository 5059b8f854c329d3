package live

import (
	"context"
	"net/http"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// before is how much earlier than the end of its time a removed resource is asked for the last time.
const before = 500 * time.Millisecond

// watchRemoval asks for segments and parts when they are no longer listed, at once and when their time is nearly up.
func (r *runner) watchRemoval(ctx context.Context, t *rendition) {
	var prev *hls.ParsedMedia
	var longest time.Duration // of all playlists that listed the segments
	for seen := 0; ; {
		p, n := t.feed.next(ctx, seen)
		if p == nil {
			return
		}
		seen = n
		longest = max(longest, p.Length())
		if prev != nil {
			r.removedSegment(ctx, t, prev, p, longest)
			r.removedPart(ctx, t, prev, p)
		}
		if prev = p; p.Ended {
			return
		}
	}
}

// removedSegment looks after the first segment removed. RFC 8216bis 6.2.2: its Availability Duration is its own and that of
// the longest playlist that listed it.
func (r *runner) removedSegment(ctx context.Context, t *rendition, prev, p *hls.ParsedMedia, longest time.Duration) {
	if p.MediaSequence <= prev.MediaSequence || len(prev.Segments) == 0 || prev.Segments[0].Gap {
		return
	}
	s := &prev.Segments[0]
	r.stays(ctx, "L19", t.resolve(s.URI), s.ByteRange, s.Duration+longest)
}

// removedPart looks after the last of the parts that are no longer listed: that of the newest segment without parts.
func (r *runner) removedPart(ctx context.Context, t *rendition, prev, p *hls.ParsedMedia) {
	for i := len(p.Segments) - 1; i >= 0; i-- {
		now := &p.Segments[i]
		was := prev.Segment(now.MSN)
		if len(now.Parts) > 0 || was == nil {
			continue
		}
		if n := len(was.Parts); n > 0 && !was.Parts[n-1].Gap {
			r.stays(ctx, "L33", t.resolve(was.Parts[n-1].URI), was.Parts[n-1].ByteRange, 3*target(p))
		}
		return
	}
}

// stays checks that a resource can be fetched now, and until its time is nearly up.
func (r *runner) stays(ctx context.Context, rule, uri string, b *hls.ByteRange, during time.Duration) {
	r.tasks.Go(func() {
		for _, wait := range []time.Duration{0, during - before} {
			pause(ctx, wait)
			a, err := r.client.get(ctx, uri, rangeHeader(b)...)
			if ctx.Err() != nil {
				return
			}
			ok := err == nil && (a.status == http.StatusOK || b != nil && a.status == http.StatusPartialContent)
			if !r.report.Expect(rule, ok, uri, "%v after its removal: %v", wait, outcome(a, err)) {
				return
			}
			if b == nil {
				r.same(a)
			}
		}
	})
}

package live

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// sum stands for the bytes of a resource.
type sum [sha256.Size]byte

// maxSums bounds how many resources are remembered.
const maxSums = 50_000

// fetched reports whether a resource that should be there came. Its headers are checked, and its bytes remembered.
func (r *runner) fetched(ctx context.Context, rule string, kind check.Kind, a *answer, err error, uri string, ranged bool, td time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	want := http.StatusOK
	if ranged {
		want = http.StatusPartialContent
		r.report.Expect("L69", err == nil && a.status == want, uri, "a byte range was asked for: %v", outcome(a, err))
	}
	if !r.report.Expect(rule, err == nil && a.status == want, uri, "%v", outcome(a, err)) {
		return false
	}
	check.Headers(r.report, a.url, kind, http.StatusOK, a.header, td)
	if !ranged {
		r.same(a)
	}
	return true
}

// same checks that a URL gives the bytes that it gave before.
func (r *runner) same(a *answer) {
	now := sum(sha256.Sum256(a.body))
	r.mu.Lock()
	before, known := r.sums[a.url]
	if !known && len(r.sums) < maxSums {
		r.sums[a.url] = now
	}
	r.mu.Unlock()
	if known {
		r.report.Expect("L68", before == now, a.url, "gives other bytes than before")
	}
}

// aligned compares the start of a segment with those of the other renditions.
func (r *runner) aligned(s cmaf.Start) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.align.Add(s)
}

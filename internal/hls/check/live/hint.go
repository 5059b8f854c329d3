package live

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/stagecast/stagecast/internal/hls"
)

// hinted is a request for a part that was not there yet.
type hinted struct {
	done   chan struct{} // closed when answer or err is set
	answer *answer
	err    error
}

// askHint asks for the part that p hints at, before it exists.
func (m *media) askHint(ctx context.Context, p *hls.ParsedMedia) {
	hint := p.Hint()
	if hint == nil || hint.ByteRange != nil {
		return
	}
	h := &hinted{done: make(chan struct{})}
	m.mu.Lock()
	clear(m.hints) // older ones that never came
	m.hints[hint.URI] = h
	m.mu.Unlock()
	m.r.tasks.Go(func() {
		defer close(h.done)
		h.answer, h.err = m.r.client.get(ctx, m.t.resolve(hint.URI))
	})
}

// takeHint is the request for a part made before it was listed; nil where there was none.
func (m *media) takeHint(uri string) *hinted {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hints[uri]
	delete(m.hints, uri)
	return h
}

// judgeHint compares what came for a hint with what came for the part once it was listed.
func (m *media) judgeHint(ctx context.Context, h *hinted, part *hls.ParsedPart, listed *answer) {
	select {
	case <-h.done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return
	}
	r, uri := m.r.report, listed.url
	if !r.Expect("L61", h.err == nil && h.answer.status == http.StatusOK, uri, "asked for before it was there: %v", outcome(h.answer, h.err)) {
		return
	}
	r.Expect("L61", bytes.Equal(h.answer.body, listed.body), uri, "the answer to the hint (%d bytes) is not the part (%d bytes)", len(h.answer.body), len(listed.body))
	took := h.answer.arrived.Sub(h.answer.first)
	r.Expect("L62", took <= transfer(part.Duration), uri, "took %v from the first byte to the last", took)
}

// rangeHeader asks for a byte range.
func rangeHeader(b *hls.ByteRange) []string {
	if b == nil {
		return nil
	}
	return []string{fmt.Sprintf("Range: bytes=%d-%d", b.Offset, b.Offset+b.Length-1)}
}

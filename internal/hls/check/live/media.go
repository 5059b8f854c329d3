package live

import (
	"context"
	"net/http"
	"sync"
	"time"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// startBack is how many complete segments before the live edge are fetched at the beginning.
const startBack = 3

// media fetches every part and segment of one rendition in the order of its playlist, and checks it.
type media struct {
	r      *runner
	t      *rendition
	checks cmaf.Rendition
	rates  check.Rates
	ended  chan struct{} // closed when all media of an ended playlist have been fetched

	playlist  *hls.ParsedMedia // the newest one looked at
	headerURI string
	header    *cmaf.Init // of the segment at hand
	at        hls.Position
	started   bool
	parts     [][]byte // of the open segment; nil where one is missing
	whole     bool     // parts has every part of the segment so far

	mu    sync.Mutex // guards hints
	hints map[string]*hinted
}

func (m *media) init(r *runner, t *rendition) {
	m.r, m.t = r, t
	m.checks.Report = r.report
	m.ended = make(chan struct{})
	m.hints = make(map[string]*hinted)
}

// run fetches until ctx ends or the playlist has ended and is done.
func (m *media) run(ctx context.Context) {
	defer close(m.ended)
	for seen := 0; ; {
		p, n := m.t.feed.next(ctx, seen)
		if p == nil {
			return
		}
		seen = n
		m.catchUp(ctx, p)
		if p.Ended || ctx.Err() != nil {
			return
		}
	}
}

// catchUp fetches what p lists and was not fetched yet.
func (m *media) catchUp(ctx context.Context, p *hls.ParsedMedia) {
	m.playlist, m.rates.TargetDuration = p, target(p)
	first := p.LastMSN() - int64(len(p.Segments)) + 1
	if !m.started {
		m.started, m.whole = true, true
		m.at = hls.Position{MSN: max(first, p.LastMSN()-startBack+1)}
	}
	if m.at.MSN < first {
		m.lose(hls.Position{MSN: first})
	}
	for ctx.Err() == nil {
		s := p.Segment(m.at.MSN)
		if s == nil {
			if m.at.MSN == p.LastMSN()+1 {
				m.fetchParts(ctx, &p.Open)
			}
			return
		}
		m.fetchParts(ctx, s)
		m.fetchSegment(ctx, p, s)
		m.at, m.parts, m.whole = hls.Position{MSN: m.at.MSN + 1}, nil, true
	}
}

// lose goes on at another position: what lies between was not seen.
func (m *media) lose(at hls.Position) {
	m.checks.Lost()
	m.at, m.parts, m.whole = at, nil, true
}

// fetchParts fetches the parts of a segment from the next one on.
func (m *media) fetchParts(ctx context.Context, s *hls.ParsedSegment) {
	if len(s.Parts) == 0 && m.at.Part > 0 {
		m.checks.Lost() // the rest is not listed any more
	}
	if m.at.Part >= len(s.Parts) || !m.load(ctx, s) {
		return
	}
	for ctx.Err() == nil && m.at.Part < len(s.Parts) {
		if m.at.Part == 0 && s.Discontinuity {
			m.checks.Lost()
		}
		part := &s.Parts[m.at.Part]
		m.at.Part++
		if part.Gap {
			m.checks.Lost()
			m.whole = false
			continue
		}
		a := m.fetchPart(ctx, part)
		if a == nil {
			m.checks.Lost()
			m.whole = false
			continue
		}
		m.checks.Part(m.header, part, a.body)
		m.parts = append(m.parts, a.body)
	}
}

// load fetches the header that a segment needs, where it is not the one at hand. It reports whether there is one.
func (m *media) load(ctx context.Context, s *hls.ParsedSegment) bool {
	if s.Map == nil {
		return false
	}
	uri := m.t.resolve(s.Map.URI)
	if uri == m.headerURI {
		return m.header != nil
	}
	m.headerURI, m.header = uri, nil
	a, err := m.r.client.get(ctx, uri, rangeHeader(s.Map.ByteRange)...)
	if !m.r.fetched(ctx, "L64", check.Init, a, err, uri, s.Map.ByteRange != nil, target(m.playlist)) {
		return false
	}
	m.header = cmaf.Header(m.r.report, a.url, a.body)
	return m.header != nil
}

// fetchPart fetches a part that is listed: at once, and after a request for its hint, where there was one, again.
func (m *media) fetchPart(ctx context.Context, part *hls.ParsedPart) *answer {
	uri := m.t.resolve(part.URI)
	a, err := m.r.client.get(ctx, uri, rangeHeader(part.ByteRange)...)
	if !m.r.fetched(ctx, "L63", check.Part, a, err, uri, part.ByteRange != nil, target(m.playlist)) {
		return nil
	}
	m.prompt("L63", a, part.Duration)
	if h := m.takeHint(part.URI); h != nil {
		m.judgeHint(ctx, h, part, a)
	}
	return a
}

// fetchSegment fetches a complete segment, and checks it with its parts.
func (m *media) fetchSegment(ctx context.Context, p *hls.ParsedMedia, s *hls.ParsedSegment) {
	if s.Gap || !m.load(ctx, s) {
		m.checks.Lost()
		return
	}
	if s.Discontinuity && m.at.Part == 0 {
		m.checks.Lost()
	}
	uri := m.t.resolve(s.URI)
	a, err := m.r.client.get(ctx, uri, rangeHeader(s.ByteRange)...)
	if !m.r.fetched(ctx, "L64", check.Segment, a, err, uri, s.ByteRange != nil, target(m.playlist)) {
		m.checks.Lost()
		return
	}
	m.prompt("L64", a, s.Duration)
	m.rates.Add(int64(len(a.body)), s.Duration)
	var parts [][]byte
	if m.whole && len(m.parts) == len(s.Parts) {
		parts = m.parts
	}
	got := m.checks.Segment(m.header, s, a.body, parts)
	if got == nil {
		return
	}
	if starts := p.Starts(); starts != nil {
		i := s.MSN - p.LastMSN() + int64(len(p.Segments)) - 1
		m.r.aligned(cmaf.StartOf(m.t.url.Path, m.header, got, s.Epoch, starts[i]))
	}
	m.again(ctx, p, s.MSN-2)
}

// again fetches an older segment, one of its parts and the header a second time: their bytes must be the same.
func (m *media) again(ctx context.Context, p *hls.ParsedMedia, msn int64) {
	s := p.Segment(msn)
	if s == nil || s.Gap || s.ByteRange != nil || s.Map == nil || s.Map.ByteRange != nil {
		return
	}
	uris := []string{s.URI, s.Map.URI}
	if len(s.Parts) > 0 && s.Parts[0].ByteRange == nil && !s.Parts[0].Gap {
		uris = append(uris, s.Parts[0].URI)
	}
	for _, uri := range uris {
		uri = m.t.resolve(uri)
		a, err := m.r.client.get(ctx, uri)
		if ctx.Err() != nil {
			return
		}
		if m.r.report.Expect("L68", err == nil && a.status == http.StatusOK, uri, "could be fetched once, and then: %v", outcome(a, err)) {
			m.r.same(a)
		}
	}
}

// prompt checks that a listed resource came at once and at the speed of the link.
func (m *media) prompt(rule string, a *answer, duration time.Duration) {
	limit := m.r.prompt(m.playlist)
	m.r.report.Expect(rule, a.held() <= limit, a.url, "began %v after the request", a.held())
	m.r.report.Expect(rule, a.arrived.Sub(a.first) <= transfer(duration), a.url, "took %v from the first byte to the last", a.arrived.Sub(a.first))
}

// transfer is how long the body of a resource may take that is there as a whole: well below real time.
func transfer(duration time.Duration) time.Duration {
	return min(max(duration/2, 100*time.Millisecond), 500*time.Millisecond)
}

package live

import (
	"context"
	"fmt"
	"net/http"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// prober asks one rendition for what players ask rarely, and for what they should not ask.
type prober struct {
	r *runner
	t *rendition
	p *hls.ParsedMedia // just arrived
}

// probes are run one after another, each right after an update: an answer that is wrongly held then takes a part's time.
var probes = []func(*prober, context.Context){
	(*prober).plain,
	(*prober).segmentAlone,
	(*prober).pastTheEnd,
	(*prober).past,
	(*prober).farFuture,
	(*prober).farPart,
	(*prober).partAlone,
	(*prober).malformed,
	(*prober).together,
	(*prober).order,
	(*prober).skipUnoffered,
	(*prober).gzip,
	(*prober).byteRange,
	(*prober).head,
	(*prober).validators,
	(*prober).preflight,
	(*prober).madeUp,
}

// probe runs the probes over and over until ctx ends or the playlist does.
func (r *runner) probe(ctx context.Context, t *rendition) {
	for {
		for _, f := range probes {
			p := t.feed.fresh(ctx)
			if p == nil || p.Ended {
				return
			}
			f(&prober{r, t, p}, ctx)
		}
	}
}

// where is the playlist's URL, for findings.
func (q *prober) where() string { return q.t.url.String() }

func (q *prober) expect(rule string, ok bool, format string, args ...any) bool {
	return q.r.report.Expect(rule, ok, q.where(), format, args...)
}

// ask sends a query that any answer is due to. nil means that none came: reported, or ctx has ended.
func (q *prober) ask(ctx context.Context, rule, query string, headers ...string) *answer {
	a, err := q.r.client.reload(ctx, q.t, query, headers...)
	if ctx.Err() != nil || !q.expect(rule, err == nil, "?%s: no answer: %v", query, err) {
		return nil
	}
	return a
}

// playlist is the playlist that a query must be answered with; nil where it was not.
func (q *prober) playlist(ctx context.Context, rule, query string, headers ...string) (*hls.ParsedMedia, *answer) {
	a := q.ask(ctx, rule, query, headers...)
	if a == nil {
		return nil, nil
	}
	q.r.add(q.t, a)
	if !q.expect(rule, a.status == http.StatusOK, "?%s was answered %d", query, a.status) {
		return nil, a
	}
	p, err := hls.ParseMedia(a.body)
	if !q.expect(rule, p != nil, "?%s: %v", query, err) {
		return nil, a
	}
	return p, a
}

// refused checks that a query is answered at once with one of the statuses.
func (q *prober) refused(ctx context.Context, rule, query string, from, to int) {
	a := q.ask(ctx, rule, query)
	if a == nil {
		return
	}
	ok := a.status >= from && a.status <= to
	q.expect(rule, ok, "?%s was answered %d", query, a.status)
	if ok {
		q.atOnce(rule, a)
		q.r.add(q.t, a)
	}
}

func (q *prober) atOnce(rule string, a *answer) {
	q.expect(rule, a.held() <= q.r.prompt(q.p), "?%s: began %v after the request", a.query, a.held())
}

// blocks reports whether the playlist offers blocking reloads of parts.
func (q *prober) blocks() bool { return q.p.Control != nil && q.p.Control.CanBlockReload }

func at(msn int64, part int) string { return position(hls.Position{MSN: msn, Part: part}).Query() }

// plain: RFC 8216bis 6.2.5: without directives, the current playlist.
func (q *prober) plain(ctx context.Context) {
	p, a := q.playlist(ctx, "L53", "")
	if p == nil {
		return
	}
	q.atOnce("L53", a)
	if a.header.Get("Age") == "" { // from a cache it may be older
		q.expect("L53", !p.Next().Before(q.p.Next()), "ends before %v; %v was listed before", p.Next(), q.p.Next())
	}
}

// segmentAlone: _HLS_msn without _HLS_part, for a segment that has not begun. What the answer must hold is checked where it
// is added.
func (q *prober) segmentAlone(ctx context.Context) {
	if !q.blocks() {
		return
	}
	msn := q.p.LastMSN() + 1
	if len(q.p.Open.Parts) > 0 {
		msn++
	}
	q.playlist(ctx, "L43", at(msn, -1))
}

// pastTheEnd: part indexes that a finished segment does not have.
func (q *prober) pastTheEnd(ctx context.Context) {
	last := q.p.Segment(q.p.LastMSN())
	if !q.blocks() || last == nil || len(last.Parts) == 0 {
		return
	}
	for _, part := range []int{len(last.Parts), len(last.Parts) + 5} {
		if p, a := q.playlist(ctx, "L44", at(last.MSN, part)); p != nil {
			q.expect("L44", p.Has(hls.Position{MSN: last.MSN + 1}), "?%s was answered with a playlist that ends before %v", a.query, p.Next())
		}
	}
}

// past: segments that have been there for long, listed or not.
func (q *prober) past(ctx context.Context) {
	if !q.blocks() {
		return
	}
	for _, msn := range []int64{q.p.MediaSequence, max(q.p.MediaSequence-5, 0)} {
		p, a := q.playlist(ctx, "L45", at(msn, -1))
		if p == nil {
			return
		}
		q.atOnce("L45", a)
		q.expect("L45", p.Skip == nil, "?%s was answered with a delta update", a.query)
	}
}

// farFuture: segments that the draft lets nobody wait for.
func (q *prober) farFuture(ctx context.Context) {
	if !q.blocks() {
		return
	}
	for _, ahead := range []int64{4, 1000} {
		q.refused(ctx, "L46", at(q.p.LastMSN()+ahead, -1), http.StatusBadRequest, http.StatusBadRequest)
	}
}

// farPart: a part of the open segment beyond the Advance Part Limit. It is asked for when the segment has just begun, so
// that it cannot be over, and the index be one past its end, when the request arrives.
func (q *prober) farPart(ctx context.Context) {
	for q.p != nil && q.blocks() && !q.p.Ended && len(q.p.Open.Parts) != 1 {
		q.p = q.t.feed.fresh(ctx)
	}
	if q.p == nil || q.p.Ended || !q.blocks() {
		return
	}
	q.refused(ctx, "L47", at(q.p.LastMSN()+1, 40), http.StatusBadRequest, http.StatusBadRequest)
}

func (q *prober) partAlone(ctx context.Context) {
	q.refused(ctx, "L48", "_HLS_part=0", http.StatusBadRequest, http.StatusBadRequest)
}

func (q *prober) malformed(ctx context.Context) {
	next := q.p.LastMSN() + 1
	for _, query := range []string{
		"_HLS_msn=", "_HLS_msn=abc", "_HLS_msn=-1", "_HLS_msn=1.5", "_HLS_msn=1e3", "_HLS_msn=99999999999999999999999",
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=x", next), fmt.Sprintf("_HLS_msn=%d&_HLS_part=-1", next),
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=99999999999999999999999", next),
	} {
		q.refused(ctx, "L49", query, 400, 499)
	}
}

// order: what stands in a query besides the directives, and in which order, does not matter.
func (q *prober) order(ctx context.Context) {
	last := q.p.Last()
	if !q.blocks() || last.Part < 0 {
		return
	}
	for _, form := range []string{"_HLS_part=%[2]d&_HLS_msn=%[1]d", "_HLS_msn=%d&_HLS_part=%d&foo=bar"} {
		if p, a := q.playlist(ctx, "L52", fmt.Sprintf(form, last.MSN, last.Part)); p != nil {
			q.expect("L52", p.Has(last), "?%s was answered with a playlist that ends before %v", a.query, p.Next())
		}
	}
}

// skipUnoffered: _HLS_skip where no CAN-SKIP-UNTIL is offered. What is offered is asked for by the follower.
func (q *prober) skipUnoffered(ctx context.Context) {
	if q.p.Control != nil && q.p.Control.CanSkipUntil > 0 {
		return
	}
	if p, a := q.playlist(ctx, "L59", check.Directives{Skip: "YES"}.Query()); p != nil {
		q.expect("L59", p.Skip == nil, "?%s was answered with a delta update", a.query)
	}
}

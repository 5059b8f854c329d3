package whip

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

// tag is the entity tag of the ICE session.
func (p *peer) tag() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ice.tag
}

// patch takes a fragment: further addresses of the encoder, for which there is no answer, or new credentials, with which ICE
// starts again (RFC 9725, 4.3). match is the If-Match header. The error is a *failure or an *ingest.Error.
func (p *peer) patch(ctx context.Context, match, text string, now time.Time) (answer, tag string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.fragments.allow(now):
		return "", "", &failure{http.StatusTooManyRequests, "Too many fragments at once."}
	case match == "": // RFC 9725, 4.3.1: "the WHIP session SHOULD generate a 428 Precondition Required response"
		return "", "", &failure{http.StatusPreconditionRequired, "A fragment must say by If-Match which ICE session it is for."}
	case match != "*" && strings.Trim(match, `"`) != p.ice.tag:
		return "", "", &failure{http.StatusPreconditionFailed, "The fragment is for an earlier ICE session."}
	}
	f, err := parseFragment(text)
	if err != nil {
		return "", "", err
	}
	if p.candidates += f.candidates; p.candidates > maxCandidates {
		return "", "", &failure{http.StatusTooManyRequests, "Too many candidates."}
	}
	same := f.ufrag == p.ice.ufrag && f.pwd == p.ice.pwd
	switch {
	case same:
		return "", "", nil // where the encoder is, its own checks tell us
	case match != "*": // RFC 9725, 4.3.3: "MUST contain an If-Match header field with a field-value of *"
		return "", "", &failure{http.StatusUnprocessableEntity, "Other ICE credentials, and not the If-Match of a restart."}
	}
	return p.restart(ctx, f)
}

// restart begins a new ICE session. mu is held.
func (p *peer) restart(ctx context.Context, f fragment) (answer, tag string, err error) {
	offer, err := p.offer.withCredentials(f.ufrag, f.pwd)
	if err != nil {
		return "", "", ingest.Errorf(ingest.ReasonInternal, "restart: %w", err)
	}
	full, err := p.place.negotiate(ctx, p.pc, offer)
	if err != nil {
		return "", "", err
	}
	if answer, err = fragmentOf(full); err != nil {
		return "", "", ingest.Errorf(ingest.ReasonInternal, "restart: %w", err)
	}
	p.ice = credentials{f.ufrag, f.pwd, newSecret()}
	p.log.Info("connection restarts")
	return answer, p.ice.tag, nil
}

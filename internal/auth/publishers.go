package auth

import (
	"context"
	"strings"

	"github.com/stagecast/stagecast/ingest"
)

// Publishers decides who may publish, in this order: keys that are configured, tokens, the webhook. What the first of them
// opens is open. Tokens and Hook may be nil.
type Publishers struct {
	Keys    *Keys
	Streams []string // that there are: nobody else opens another
	Tokens  *Tokens
	Hook    *Webhook
}

// Authorize implements ingest.Authorizer.
func (p *Publishers) Authorize(ctx context.Context, r ingest.Request) (string, error) {
	stream, err := p.Keys.Authorize(ctx, r)
	if r.Key == "" || ingest.ReasonOf(err) != ingest.ReasonWrongKey { // what was not sent, nobody else can judge
		return stream, err
	}
	if p.Tokens != nil && isToken(r.Key) {
		if stream, err = p.Tokens.open(ctx, r.Key); err == nil {
			return p.known(stream, r)
		}
		if p.Hook == nil {
			return "", err
		}
	}
	if p.Hook == nil {
		return "", err
	}
	if stream, err = p.Hook.ask(ctx, r); err != nil {
		return "", err
	}
	return p.known(stream, r)
}

// known takes the answer of a token or a webhook where there is such a stream and the encoder asks for no other.
func (p *Publishers) known(answer string, r ingest.Request) (string, error) {
	name := strings.TrimSuffix(answer, ingest.BackupSuffix)
	if r.Stream != "" && r.Stream != name {
		return "", ingest.Errorf(ingest.ReasonWrongKey, "it opens another stream than the encoder asks for")
	}
	for _, s := range p.Streams {
		if s == name {
			return answer, nil
		}
	}
	return "", ingest.Errorf(ingest.ReasonBadName, "there is no stream of the name that it opens")
}

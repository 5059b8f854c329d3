package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/stagecast/stagecast/ingest"
)

// Audience is what a token that names audiences must name.
const Audience = "stagecast"

const clockSkew = 30 * time.Second

// signatures that are taken. Which of them a key can make, go-jose knows: no key is taken for one of another kind.
var signatures = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	jose.HS256, jose.HS384, jose.HS512,
}

// Tokens are JSON Web Tokens (RFC 7519) in place of stream keys. What a token must say:
//
//	exp     when it ends; it must have an end
//	stream  the stream that it opens, NAME or NAME/backup; "sub" where this is missing
//	scope   a list in one text in which "publish" is
//	aud     Audience, where it is there at all
type Tokens struct {
	keys *KeySet
	now  func() time.Time
}

// NewTokens takes tokens that are signed with a key of the set.
func NewTokens(keys *KeySet) *Tokens { return &Tokens{keys: keys, now: time.Now} }

// claims of ours.
type claims struct {
	jwt.Claims
	Stream string `json:"stream"`
	Scope  string `json:"scope"`
}

// isToken reports whether a key has the form of a token.
func isToken(key string) bool { return strings.HasPrefix(key, "ey") && strings.Count(key, ".") == 2 }

// open is the stream that a token opens. The error is an *ingest.Error and holds nothing of the token.
func (t *Tokens) open(ctx context.Context, key string) (string, error) {
	token, err := jwt.ParseSigned(key, signatures)
	if err != nil || len(token.Headers) != 1 {
		return "", ingest.Errorf(ingest.ReasonWrongKey, "a token that is not signed, or not in a way that is taken")
	}
	c, err := t.verify(ctx, token)
	if err != nil {
		return "", err
	}
	now := t.now()
	switch {
	case c.Expiry == nil:
		return "", ingest.Errorf(ingest.ReasonWrongKey, "a token without an end (exp)")
	case now.After(c.Expiry.Time().Add(clockSkew)):
		return "", ingest.Errorf(ingest.ReasonKeyExpired, "the token has ended (exp)")
	case c.NotBefore != nil && now.Before(c.NotBefore.Time().Add(-clockSkew)):
		return "", ingest.Errorf(ingest.ReasonWrongKey, "the token is not valid yet (nbf)")
	case len(c.Claims.Audience) > 0 && !c.Claims.Audience.Contains(Audience):
		return "", ingest.Errorf(ingest.ReasonWrongKey, "the token is for others (aud)")
	case !slices.Contains(strings.Fields(c.Scope), "publish"):
		return "", ingest.Errorf(ingest.ReasonWrongKey, "the token is not for publishing (scope)")
	case c.Stream == "":
		c.Stream = c.Subject
	}
	return c.Stream, nil
}

func (t *Tokens) verify(ctx context.Context, token *jwt.JSONWebToken) (c claims, err error) {
	keys, err := t.keys.find(ctx, token.Headers[0].KeyID)
	if err != nil {
		return c, &ingest.Error{Reason: ingest.ReasonAuthUnavailable, Err: err}
	}
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != token.Headers[0].Algorithm {
			continue
		}
		c = claims{}
		if token.Claims(k.Key, &c) == nil {
			return c, nil
		}
	}
	return c, ingest.Errorf(ingest.ReasonWrongKey, "a token that no key of ours has signed")
}

package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

var issued = time.Unix(1_900_000_000, 0)

// issuer signs tokens.
type issuer struct {
	t      *testing.T
	id     string
	method jose.SignatureAlgorithm
	key    any
}

func newIssuer(t *testing.T, id string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &issuer{t, id, jose.ES256, key}
}

func newRSAIssuer(t *testing.T, id string) (*issuer, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return &issuer{t, id, jose.RS256, key}, key
}

// public is the key set of some issuers.
func public(t *testing.T, from ...*issuer) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, i := range from {
		k := jose.JSONWebKey{Key: i.key, KeyID: i.id, Algorithm: string(i.method), Use: "sig"}
		if _, secret := i.key.([]byte); !secret {
			k = k.Public()
		}
		set.Keys = append(set.Keys, k)
	}
	text, err := json.Marshal(set)
	require.NoError(t, err)
	return text
}

// good is what a token has to say.
func good() map[string]any {
	return map[string]any{"exp": issued.Add(time.Hour).Unix(), "stream": "live", "scope": "openid publish"}
}

// with is good with some claims set, or left out where they are nil.
func with(changes map[string]any) map[string]any {
	c := good()
	for name, v := range changes {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

func (i *issuer) sign(claims map[string]any) string {
	i.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: i.method, Key: i.key}, (&jose.SignerOptions{}).WithHeader("kid", i.id))
	require.NoError(i.t, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(i.t, err)
	return token
}

func onDisk(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// tokens is a Publishers that takes those of the set in a file.
func tokens(t *testing.T, set []byte) *Publishers {
	t.Helper()
	keys, err := NewKeySet(onDisk(t, set), quiet)
	require.NoError(t, err)
	tokens := NewTokens(keys)
	tokens.now = func() time.Time { return issued }
	return &Publishers{Keys: NewKeys(Streams{{Stream: "live", Text: "good-key"}}), Streams: []string{"live", "other"}, Tokens: tokens}
}

func ask(p ingest.Authorizer, r ingest.Request) (string, ingest.Reason) {
	stream, err := p.Authorize(context.Background(), r)
	return stream, ingest.ReasonOf(err)
}

func TestTokens(t *testing.T) {
	mine, others := newIssuer(t, "a"), newIssuer(t, "a")
	p := tokens(t, public(t, mine))
	for name, c := range map[string]struct {
		claims map[string]any
		want   ingest.Reason
		stream string
	}{
		"good":               {good(), ingest.ReasonUnpublished, "live"},
		"of the backup":      {with(map[string]any{"stream": "live/backup"}), ingest.ReasonUnpublished, "live/backup"},
		"by its subject":     {with(map[string]any{"stream": nil, "sub": "other"}), ingest.ReasonUnpublished, "other"},
		"for us":             {with(map[string]any{"aud": []string{"x", Audience}}), ingest.ReasonUnpublished, "live"},
		"for others":         {with(map[string]any{"aud": "x"}), ingest.ReasonWrongKey, ""},
		"over":               {with(map[string]any{"exp": issued.Add(-time.Minute).Unix()}), ingest.ReasonKeyExpired, ""},
		"without an end":     {with(map[string]any{"exp": nil}), ingest.ReasonWrongKey, ""},
		"not yet":            {with(map[string]any{"nbf": issued.Add(time.Minute).Unix()}), ingest.ReasonWrongKey, ""},
		"to watch":           {with(map[string]any{"scope": "watch"}), ingest.ReasonWrongKey, ""},
		"of no stream":       {with(map[string]any{"stream": nil}), ingest.ReasonBadName, ""},
		"of another":         {with(map[string]any{"stream": "third"}), ingest.ReasonBadName, ""},
		"a name like a path": {with(map[string]any{"stream": "live/../other"}), ingest.ReasonBadName, ""},
	} {
		stream, reason := ask(p, ingest.Request{Key: mine.sign(c.claims)})
		require.Equal(t, c.want, reason, name)
		require.Equal(t, c.stream, stream, name)
		_, reason = ask(p, ingest.Request{Key: others.sign(c.claims)})
		require.Equal(t, ingest.ReasonWrongKey, reason, "%s, signed by another", name)
	}
	stream, _ := ask(p, ingest.Request{Key: "good-key"})
	require.Equal(t, "live", stream, "keys open as before")
	_, reason := ask(p, ingest.Request{Stream: "other", Key: mine.sign(good())})
	require.Equal(t, ingest.ReasonWrongKey, reason, "another stream than the encoder asks for")
}

func TestForgedTokens(t *testing.T) {
	mine, key := newRSAIssuer(t, "r")
	p := tokens(t, public(t, mine))
	part := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	_, reason := ask(p, ingest.Request{Key: mine.sign(good())})
	require.Equal(t, ingest.ReasonUnpublished, reason)
	// The public key as the secret of an HMAC: what is known to all must sign nothing.
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	confused := &issuer{t, "r", jose.HS256, der}
	signed := mine.sign(good())
	for name, token := range map[string]string{
		"unsigned":          part(map[string]any{"alg": "none", "kid": "r"}) + "." + part(good()) + ".",
		"no algorithm":      part(map[string]any{"kid": "r"}) + "." + part(good()) + ".AAAA",
		"confused":          confused.sign(good()),
		"another algorithm": (&issuer{t, "r", jose.RS512, key}).sign(good()),
		"changed":           strings.Join([]string{strings.Split(signed, ".")[0], part(with(map[string]any{"stream": "other"})), strings.Split(signed, ".")[2]}, "."),
		"cut":               signed[:len(signed)-10],
		"empty parts":       "ey..",
		"long":              "ey" + strings.Repeat("A", ingest.MaxKeySize) + ".A.A",
		"its own key": part(map[string]any{"alg": "RS256", "jwk": map[string]string{"kty": "RSA", "n": "AQAB", "e": "AQAB"}}) + "." +
			part(good()) + ".AAAA",
	} {
		stream, reason := ask(p, ingest.Request{Key: token})
		require.Equal(t, ingest.ReasonWrongKey, reason, name)
		require.Empty(t, stream, name)
	}
}

func TestSecretsSignOnlyWhereTheyAreInAFile(t *testing.T) {
	mine := &issuer{t, "s", jose.HS256, []byte(strings.Repeat("secret", 8))}
	set := public(t, mine)
	stream, _ := ask(tokens(t, set), ingest.Request{Key: mine.sign(good())})
	require.Equal(t, "live", stream)
	_, err := parseKeySet(set, false)
	require.ErrorContains(t, err, "no key for signatures")
	for _, bad := range []string{"", "{", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"c2VjcmV0","use":"enc"}]}`} {
		_, err := NewKeySet(onDisk(t, []byte(bad)), quiet)
		require.Error(t, err, bad)
	}
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: newIssuer(t, "p").key, KeyID: "p"}}})
	require.NoError(t, err)
	_, err = parseKeySet(private, true)
	require.ErrorContains(t, err, "private key")
}

// A provider may have keys for other purposes, or of kinds that we do not know, in the same set.
func TestKeysThatAreOfNoUseAreLeftOut(t *testing.T) {
	mine := newIssuer(t, "a")
	var set struct{ Keys []json.RawMessage }
	require.NoError(t, json.Unmarshal(public(t, mine), &set))
	short, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // that is what it is about
	require.NoError(t, err)
	weak := &issuer{t, "weak", jose.RS256, short}
	var weakSet struct{ Keys []json.RawMessage }
	require.NoError(t, json.Unmarshal(public(t, weak), &weakSet))
	for _, other := range append(weakSet.Keys, []json.RawMessage{
		[]byte(`{"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`), []byte(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`),
		[]byte(`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`), []byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`), []byte(`{}`), []byte(`7`),
	}...) {
		text, err := json.Marshal(map[string]any{"keys": []json.RawMessage{other, set.Keys[0]}})
		require.NoError(t, err)
		keys, err := parseKeySet(text, false)
		require.NoError(t, err, "%s", other)
		require.Len(t, keys, 1, "%s", other)
		require.Equal(t, "a", keys[0].KeyID)
	}
	_, err = parseKeySet(public(t, weak), false)
	require.ErrorContains(t, err, "long enough")
}

func TestRefusedTokensSayWhatATokenNeeds(t *testing.T) {
	mine := newIssuer(t, "a")
	p := tokens(t, public(t, mine))
	for name, claims := range map[string]map[string]any{
		"over": with(map[string]any{"exp": 1}), "to watch": with(map[string]any{"scope": nil}), "of another": with(map[string]any{"stream": "third"}),
	} {
		_, err := p.Authorize(context.Background(), ingest.Request{Key: mine.sign(claims)})
		require.Contains(t, ingest.FixOf(err), "token", name)
	}
}

func TestKeysAreFetchedAnewWhenATokenNamesAnother(t *testing.T) {
	first, second := newIssuer(t, "1"), newIssuer(t, "2")
	var set atomic.Value
	set.Store(public(t, first))
	var fetched atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		text, _ := set.Load().([]byte)
		if text == nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(text)
	}))
	defer srv.Close()
	keys, err := NewKeySet(srv.URL, quiet)
	require.NoError(t, err)
	now := issued
	keys.now = func() time.Time { return now }
	tokens := NewTokens(keys)
	tokens.now = keys.now
	p := &Publishers{Keys: NewKeys(nil), Streams: []string{"live"}, Tokens: tokens}
	try := func(i *issuer) ingest.Reason {
		_, reason := ask(p, ingest.Request{Key: i.sign(good())})
		return reason
	}
	require.Equal(t, ingest.ReasonUnpublished, try(first))
	set.Store(public(t, first, second))
	for range 20 {
		require.Equal(t, ingest.ReasonWrongKey, try(second), "asked for once a minute at most")
	}
	require.EqualValues(t, 1, fetched.Load())
	now = now.Add(fetchPause + time.Second)
	require.Equal(t, ingest.ReasonUnpublished, try(second))
	require.EqualValues(t, 2, fetched.Load())

	set.Store([]byte(nil)) // the server of the keys breaks
	now = now.Add(fetchAgain + time.Second)
	require.Equal(t, ingest.ReasonUnpublished, try(first), "the keys of before stay")
	require.EqualValues(t, 3, fetched.Load())
	set.Store(public(t, second)) // the first was taken back
	now = now.Add(fetchAgain + time.Second)
	require.Equal(t, ingest.ReasonWrongKey, try(first))
}

// While a key set is read anew, nobody waits for it whose key is known, and who waits can go.
func TestASlowServerOfKeysHoldsNobodyUp(t *testing.T) {
	mine, other := newIssuer(t, "1"), newIssuer(t, "2")
	asked, release := make(chan struct{}), make(chan struct{})
	first := true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !first {
			close(asked)
			<-release
		}
		first = false
		_, _ = w.Write(public(t, mine))
	}))
	defer srv.Close()
	keys, err := NewKeySet(srv.URL, quiet)
	require.NoError(t, err)
	now := issued
	keys.now = func() time.Time { return now }
	found, err := keys.find(context.Background(), mine.id)
	require.NoError(t, err)
	require.Len(t, found, 1)
	now = now.Add(fetchPause + time.Second)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = keys.find(context.Background(), other.id)
	}()
	<-asked
	found, err = keys.find(context.Background(), mine.id)
	require.NoError(t, err)
	require.Len(t, found, 1)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	found, err = keys.find(gone, other.id)
	require.NoError(t, err)
	require.Empty(t, found)
	close(release)
	<-over
}

func TestNoKeysYet(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	keys, err := NewKeySet(srv.URL, quiet)
	require.NoError(t, err, "the server starts all the same")
	p := &Publishers{Keys: NewKeys(nil), Streams: []string{"live"}, Tokens: NewTokens(keys)}
	_, reason := ask(p, ingest.Request{Key: newIssuer(t, "1").sign(good())})
	require.Equal(t, ingest.ReasonAuthUnavailable, reason)
	for name, h := range map[string]http.HandlerFunc{
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", keySetBytes)))
			_, _ = w.Write(public(t, newIssuer(t, "1")))
		},
		"redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"hangs up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		srv := httptest.NewServer(h)
		keys, err := NewKeySet(srv.URL, quiet)
		require.NoError(t, err)
		_, err = keys.find(context.Background(), "1")
		require.Error(t, err, name)
		srv.Close()
	}
	for _, bad := range []string{"http://example.com/keys", "ftp://localhost/keys", "https://"} {
		_, err := NewKeySet(bad, quiet)
		require.Error(t, err, bad)
	}
}

// hooked is a Publishers that asks a handler.
func hooked(t *testing.T, h http.HandlerFunc) *Publishers {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	hook, err := NewWebhook(srv.URL + ",secret=hook-secret")
	require.NoError(t, err)
	return &Publishers{Keys: NewKeys(Streams{{Stream: "live", Text: "good-key"}}), Streams: []string{"live", "other"}, Hook: hook}
}

func TestWebhook(t *testing.T) {
	var asked Question
	p := hooked(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hook-secret" || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		asked = Question{}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		switch asked.Key {
		case "names-stream":
			_, _ = w.Write([]byte(`{"stream":"other/backup"}`))
		case "yes":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	})
	for _, c := range []struct {
		stream, key string
		want        ingest.Reason
		opens       string
	}{
		{"", "names-stream", ingest.ReasonUnpublished, "other/backup"},
		{"other", "names-stream", ingest.ReasonUnpublished, "other/backup"},
		{"live", "names-stream", ingest.ReasonWrongKey, ""},
		{"live", "yes", ingest.ReasonUnpublished, "live"},
		{"third", "yes", ingest.ReasonBadName, ""},
		{"", "yes", ingest.ReasonAuthUnavailable, ""},
		{"live", "no", ingest.ReasonWrongKey, ""},
	} {
		got, reason := ask(p, ingest.Request{Protocol: "srt", Stream: c.stream, Key: c.key, Remote: "192.0.2.1:5", Agent: "encoder"})
		require.Equal(t, c.want, reason, "%+v", c)
		require.Equal(t, c.opens, got, "%+v", c)
		require.Equal(t, Question{Protocol: "srt", Stream: c.stream, Key: c.key, Address: "192.0.2.1:5", Agent: "encoder"}, asked)
	}
	asked = Question{}
	got, _ := ask(p, ingest.Request{Key: "good-key"})
	require.Equal(t, "live", got)
	require.Zero(t, asked, "a key of ours is nobody else's business")
	_, reason := ask(p, ingest.Request{Stream: "live", Proves: func(string) bool { return false }})
	require.Equal(t, ingest.ReasonWrongKey, reason)
	require.Zero(t, asked, "there is no key to ask about")
}

// A webhook that answers nonsense, too late or not at all refuses, and its secret stays out of what is said.
func TestBrokenWebhooks(t *testing.T) {
	release := make(chan struct{})
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for name, h := range map[string]http.HandlerFunc{
		"error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"missing": http.NotFound, // no answer about a key: the URL is mistyped
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("yes")) },
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"stream":"live","x":%q}`, strings.Repeat("x", hookBytes))
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow":     func(http.ResponseWriter, *http.Request) { <-release },
	} {
		p := hooked(t, h)
		if name == "slow" {
			p.Hook.within = 50 * time.Millisecond
		}
		_, err := p.Authorize(context.Background(), ingest.Request{Stream: "live", Key: "some-key"})
		require.Equal(t, ingest.ReasonAuthUnavailable, ingest.ReasonOf(err), name)
		require.NotContains(t, err.Error(), "hook-secret", name)
		require.NotContains(t, err.Error(), "some-key", name)
	}
	close(release)
	for _, bad := range []string{"http://example.com/hook", "example.com", "file:///etc/passwd", "https://user:secret@example.com/hook", "https://example.com/hook,secret=two words"} {
		_, err := NewWebhook(bad)
		require.Error(t, err, bad)
	}
}

// More questions than it is asked at once wait, and those that have waited too long are refused by name.
func TestABusyWebhook(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	p := hooked(t, func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	})
	p.Hook.places = make(chan struct{}, 1)
	question := ingest.Request{Stream: "live", Key: "some-key"}
	first := make(chan error, 1)
	go func() {
		_, err := p.Authorize(context.Background(), question)
		first <- err
	}()
	<-asked
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.Authorize(gone, question)
	require.Equal(t, ingest.ReasonAuthUnavailable, ingest.ReasonOf(err))
	require.ErrorContains(t, err, "busy")
	close(release)
	require.NoError(t, <-first)
}

func TestAddresses(t *testing.T) {
	allow, err := ParseAllow("192.0.2.0/24, 2001:db8::/32,live=192.0.2.7,live=2001:db8::7")
	require.NoError(t, err)
	p := allow.Before(NewKeys(Streams{{Stream: "live", Text: "key-1"}, {Stream: "other", Text: "key-2"}, {Stream: "live", Backup: true, Text: "key-3"}}))
	for _, c := range []struct {
		remote, key string
		want        ingest.Reason
	}{
		{"192.0.2.7:1", "key-1", ingest.ReasonUnpublished},
		{"192.0.2.7:1", "key-3", ingest.ReasonUnpublished},
		{"[::ffff:192.0.2.7]:1", "key-1", ingest.ReasonUnpublished},
		{"[2001:db8::7%eth0]:1", "key-1", ingest.ReasonUnpublished},
		{"192.0.2.8:1", "key-1", ingest.ReasonNotAllowed},
		{"192.0.2.8:1", "key-3", ingest.ReasonNotAllowed},
		{"192.0.2.8:1", "key-2", ingest.ReasonUnpublished},
		{"192.0.2.8:1", "wrong", ingest.ReasonWrongKey},
		{"198.51.100.1:1", "key-2", ingest.ReasonNotAllowed},
		{"198.51.100.1:1", "wrong", ingest.ReasonNotAllowed},
		{"camera.local:554", "key-2", ingest.ReasonNotAllowed},
	} {
		_, reason := ask(p, ingest.Request{Remote: c.remote, Key: c.key})
		require.Equal(t, c.want, reason, "%+v", c)
	}
	_, reason := ask(p, ingest.Request{Remote: "192.0.2.8:1", Stream: "live", Key: "wrong"})
	require.Equal(t, ingest.ReasonNotAllowed, reason, "before the key, where the stream is known")
	_, reason = ask(p, ingest.Request{Remote: "camera.local:554", Key: "key-2", Pulled: true})
	require.Equal(t, ingest.ReasonUnpublished, reason, "where the operator sent us")

	for _, bad := range []string{"host", "192.0.2.0/33", "live=", "=192.0.2.1", "a b=192.0.2.1", "192.0.2.1:80"} {
		_, err := ParseAllow(bad)
		require.ErrorIs(t, err, ErrAllow, bad)
	}
	everywhere, err := ParseAllow("")
	require.NoError(t, err)
	require.IsType(t, &Keys{}, everywhere.Before(NewKeys(nil)), "nothing is put before")
}

func TestPullsCostNoAttempts(t *testing.T) {
	a, _ := door(t)
	for i := range 2 * wrongAttempts {
		a.try("192.0.2.1:1", fmt.Sprint("guess-", i))
	}
	_, reason := ask(a, ingest.Request{Remote: "192.0.2.1:554", Key: "right", Pulled: true})
	require.Equal(t, ingest.ReasonUnpublished, reason)
}

func TestPullsOutlastTheirKey(t *testing.T) {
	keys := NewKeys(Streams{{Stream: "live", Text: "old-key", Until: time.Unix(1, 0)}})
	_, reason := ask(keys, ingest.Request{Key: "old-key"})
	require.Equal(t, ingest.ReasonKeyExpired, reason)
	stream, _ := ask(keys, ingest.Request{Stream: "live", Key: "old-key", Pulled: true})
	require.Equal(t, "live", stream)
}

func FuzzToken(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	keys := &KeySet{now: time.Now, at: time.Now(), keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k"}}}
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJzdHJlYW0iOiJsaXZlIn0.AAAA")
	f.Add("ey.." + strings.Repeat("A", ingest.MaxKeySize))
	f.Fuzz(func(t *testing.T, text string) {
		if stream, err := NewTokens(keys).open(context.Background(), text); err == nil {
			t.Fatalf("opens %q", stream)
		}
	})
}

func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[` + strings.Repeat(`{"kty":"oct","k":"c2VjcmV0"},`, keySetBytes/30) + `{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if keys, err := parseKeySet(text, true); err == nil && (len(keys) == 0 || len(keys) > keySetKeys) {
			t.Fatalf("%d keys", len(keys))
		}
	})
}

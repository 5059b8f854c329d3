package auth

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keySetBytes = 256 << 10
	keySetKeys  = 64
	secretBytes = 32 // the least of a secret for HMAC (RFC 7518, 3.2)
	fetchWithin = 3 * time.Second
	fetchSoon   = 2 * time.Second  // between two fetches while there are no keys at all
	fetchPause  = time.Minute      // between two fetches for keys that are not known
	fetchAgain  = 10 * time.Minute // a key that was taken back is refused after that
)

// KeySet is a JWKS (RFC 7517) in a file or behind a URL, as it was when last read. It is read when it is first needed, when it
// is old, and when a token names a key that is not in it; where that fails, the keys of before stay. It is safe for
// concurrent use.
type KeySet struct {
	from   string
	remote bool
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex // guards what follows
	keys    []jose.JSONWebKey
	at      time.Time     // the last attempt to read
	err     error         // of that
	reading chan struct{} // closed when the attempt under way is over; nil while there is none
}

// NewKeySet is the set in a file or behind an https URL; http is for loopback alone. A file is read at once.
func NewKeySet(from string, log *slog.Logger) (*KeySet, error) {
	s := &KeySet{from: from, remote: strings.Contains(from, "://"), log: log, now: time.Now}
	if s.remote {
		if err := CheckURL(from); err != nil {
			return nil, err
		}
		s.client = newClient(fetchWithin)
		return s, nil
	}
	s.keys, s.err = s.read(context.Background())
	s.at = s.now()
	return s, s.err
}

// find are the keys that a token with this key ID may be signed with: all, where it names none.
func (s *KeySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.named(id)
	switch {
	case s.reading != nil && len(found) == 0:
		s.await(ctx)
	case s.reading == nil && s.now().Sub(s.at) > s.pause(found):
		s.renew(ctx)
	}
	if len(s.keys) == 0 {
		return nil, s.err
	}
	return s.named(id), nil
}

// pause is the time from one attempt to read to the next, by what was found for a token.
func (s *KeySet) pause(found []jose.JSONWebKey) time.Duration {
	switch {
	case len(s.keys) == 0:
		return fetchSoon
	case len(found) == 0:
		return fetchPause
	}
	return fetchAgain
}

// await waits for the attempt under way. s.mu is held before and after.
func (s *KeySet) await(ctx context.Context) {
	over := s.reading
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// renew is an attempt. s.mu is held before and after, and not while others may go on with the keys that there are.
func (s *KeySet) renew(ctx context.Context) {
	over := make(chan struct{})
	s.at, s.reading = s.now(), over
	s.mu.Unlock()
	keys, err := s.read(ctx)
	if err != nil {
		s.log.Error("the keys of auth.jwt were not read; those of before stay", "err", err)
	}
	s.mu.Lock()
	if s.err = err; err == nil {
		s.keys = keys
	}
	s.reading = nil
	close(over)
}

func (s *KeySet) named(id string) (found []jose.JSONWebKey) {
	for _, k := range s.keys {
		if id == "" || k.KeyID == id {
			found = append(found, k)
		}
	}
	return found
}

// read is the set as it is there now.
func (s *KeySet) read(ctx context.Context) ([]jose.JSONWebKey, error) {
	text, err := s.text(ctx)
	if err != nil {
		return nil, err
	}
	return parseKeySet(text, !s.remote)
}

func (s *KeySet) text(ctx context.Context) ([]byte, error) {
	if !s.remote {
		f, err := os.Open(s.from)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, keySetBytes+1))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchWithin) // others wait for the answer too
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.from, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, hideURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server of the keys answers %d", resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, keySetBytes+1))
}

// parseKeySet takes the keys that signatures can be checked with. A secret that many know, for HMAC, is none unless it is here
// in a file: what is behind a URL is public.
func parseKeySet(text []byte, secrets bool) (keys []jose.JSONWebKey, err error) {
	if len(text) > keySetBytes {
		return nil, fmt.Errorf("the set of keys has more than %d bytes", keySetBytes)
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("this is no JWKS") // the error could hold some of a secret
	}
	if len(set.Keys) > keySetKeys {
		return nil, fmt.Errorf("the JWKS has more than %d keys", keySetKeys)
	}
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		// RFC 7517, 5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" (key type) values that are not
		// understood by them, that are missing required members, or for which values are out of the supported ranges."
		if json.Unmarshal(one, &k) != nil || k.Use != "" && k.Use != "sig" {
			continue
		}
		if _, private := k.Key.(crypto.Signer); private {
			return nil, errors.New("the JWKS has a private key: give the public ones")
		}
		if strong(k, secrets) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the JWKS has no key for signatures, or none that is long enough")
	}
	return keys, nil
}

// strong reports whether a key may be relied on (RFC 7518, 3.2 and 3.3: "A key of size 2048 bits or larger MUST be used").
func strong(k jose.JSONWebKey, secrets bool) bool {
	switch key := k.Key.(type) {
	case []byte:
		return secrets && len(key) >= secretBytes
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && k.Valid()
	}
	return k.Valid()
}

// CheckURL takes https, and http to this machine; a password has no place in it.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return errors.New("this is no URL")
	}
	if u.User != nil {
		return errors.New("the URL has a user or a password in it, where it may be logged: leave it out")
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return errors.New("the URL must begin with https://; http:// is for this machine alone")
}

package auth

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	now    func() time.Time

	mu   sync.Mutex // guards what follows; held while keys are fetched, so that there is one fetch at a time
	keys []jose.JSONWebKey
	at   time.Time // the last attempt to read
	err  error     // of that
}

// NewKeySet is the set in a file or behind an https URL; http is for loopback alone. A file is read at once.
func NewKeySet(from string) (*KeySet, error) {
	s := &KeySet{from: from, remote: strings.Contains(from, "://"), now: time.Now}
	if s.remote {
		if err := checkURL(from); err != nil {
			return nil, err
		}
		s.client = newClient(fetchWithin)
		return s, nil
	}
	s.read(context.Background())
	return s, s.err
}

// find are the keys that a token with this key ID may be signed with: all, where it names none.
func (s *KeySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.named(id)
	age := s.now().Sub(s.at)
	if s.at.IsZero() || age > fetchAgain || len(found) == 0 && age > fetchPause {
		s.read(ctx)
		found = s.named(id)
	}
	if len(s.keys) == 0 {
		return nil, s.err
	}
	return found, nil
}

func (s *KeySet) named(id string) (found []jose.JSONWebKey) {
	for _, k := range s.keys {
		if id == "" || k.KeyID == id {
			found = append(found, k)
		}
	}
	return found
}

// read takes the set anew.
func (s *KeySet) read(ctx context.Context) {
	s.at = s.now()
	text, err := s.text(ctx)
	if err == nil {
		var keys []jose.JSONWebKey
		if keys, err = parseKeySet(text, !s.remote); err == nil {
			s.keys = keys
		}
	}
	s.err = err
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
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("this is no JWKS") // the error could hold some of a secret
	}
	for _, k := range set.Keys {
		secret, symmetric := k.Key.([]byte)
		usable := k.Valid()
		if symmetric {
			usable = secrets && len(secret) >= secretBytes
		}
		if !usable || k.Use != "" && k.Use != "sig" {
			continue
		}
		if _, private := k.Key.(crypto.Signer); private {
			return nil, errors.New("the JWKS has a private key: give the public ones")
		}
		keys = append(keys, k)
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("the JWKS has no key for signatures")
	case len(keys) > keySetKeys:
		return nil, fmt.Errorf("the JWKS has more than %d keys", keySetKeys)
	}
	return keys, nil
}

// checkURL takes https, and http to this machine.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return errors.New("this is no URL")
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return errors.New("the URL must begin with https://; http:// is for this machine alone")
}

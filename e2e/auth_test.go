//go:build e2e

package e2e_test

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/auth"
)

// tokens makes a JWKS in a file and what signs for it.
func tokens(t *testing.T) (path string, sign func(stream string) string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "desk", Use: "sig", Algorithm: "EdDSA"}}})
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, set, 0o600))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, (&jose.SignerOptions{}).WithHeader("kid", "desk"))
	require.NoError(t, err)
	return path, func(stream string) string {
		token, err := jwt.Signed(signer).Claims(map[string]any{
			"stream": stream, "scope": "publish", "exp": time.Now().Add(time.Hour).Unix(),
		}).Serialize()
		require.NoError(t, err)
		return token
	}
}

// TestTokens publishes with a JSON Web Token where a key would be, over RTMP and SRT.
func TestTokens(t *testing.T) {
	t.Parallel()
	path, sign := tokens(t)
	s := start(t, "--auth.jwt", path)
	secrets := []string{sign("live"), sign("other"), sign("nowhere")}
	s.publish(secrets[0], programme{})
	s.awaitLive("live")
	s.publishSRT(s.srt, "publish:other:"+secrets[1], programme{})
	s.awaitLive("other")
	s.publish(secrets[2], programme{})
	await(t, "a token for another stream is refused", func() bool {
		a := s.operator().Attempts
		return len(a) > 0 && a[0].Reason == ingest.ReasonBadName
	})
	for _, secret := range secrets {
		assert.NotContains(t, s.log.String(), secret, "the log")
		assert.NotContains(t, s.log.String(), secret[strings.LastIndex(secret, ".")+1:], "the log")
	}
	s.stop()
}

// TestWebhook has another server decide.
func TestWebhook(t *testing.T) {
	t.Parallel()
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q auth.Question
		_ = json.NewDecoder(r.Body).Decode(&q)
		stream := map[string]string{"member-16": "live", "member-17": "other", "member-19": "third"}[q.Key]
		if r.Header.Get("Authorization") != "Bearer hook-secret" || stream == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(auth.Answer{Stream: stream})
	}))
	defer hook.Close()
	s := start(t, "--auth.webhook", hook.URL+",secret=hook-secret")
	s.publishRTSP("tcp", "other", "member-17", programme{}) // which has to send the key itself for this
	s.publish("member-16", programme{})
	s.publishSRT(s.srt, "member-19", programme{})
	for _, stream := range []string{"other", "live", "third"} {
		s.awaitLive(stream)
	}
	s.publish("member-18", programme{})
	await(t, "the one it does not know is refused", func() bool {
		for _, a := range s.operator().Attempts {
			if a.Reason == ingest.ReasonWrongKey {
				return true
			}
		}
		return false
	})
	assert.NotContains(t, s.log.String(), "hook-secret")
	assert.NotContains(t, s.log.String(), "member-1")
	s.stop()
}

// TestAddresses lets one stream be published from elsewhere only.
func TestAddresses(t *testing.T) {
	t.Parallel()
	s := start(t, "--auth.allow", "127.0.0.0/8,live=127.0.0.9")
	s.publish(otherKey, programme{})
	s.awaitLive("other")
	s.publish(liveKey, programme{})
	await(t, "the address is refused", func() bool {
		for _, a := range s.operator().Attempts {
			if a.Reason == ingest.ReasonNotAllowed && a.Fix != "" {
				return true
			}
		}
		return false
	})
	s.stop()
}

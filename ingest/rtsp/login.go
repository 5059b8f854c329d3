package rtsp

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"

	"github.com/stagecast/stagecast/ingest"
)

const realm = "Stagecast"

// challenge asks for the key (RFC 2617). Digest comes first: encoders that know both then keep the key to themselves.
// SHA-256 is taken and not offered: of several digests, old encoders answer none.
func (c *conn) challenge() *base.Response {
	c.asked++
	if c.nonce == "" {
		c.nonce = rand.Text()
	}
	ways := base.HeaderValue{
		`Digest realm="` + realm + `", nonce="` + c.nonce + `", algorithm="MD5"`,
		`Basic realm="` + realm + `"`,
	}
	if c.server.cfg.Plain {
		ways = ways[1:]
	}
	return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{"WWW-Authenticate": ways}}
}

// credentials adds what a request says of the key to r. It reports false where that is nothing yet, and the peer is to be
// asked. The error is an *ingest.Error.
func (c *conn) credentials(req *base.Request, r *ingest.Request) (bool, error) {
	sent := req.Header["Authorization"]
	if len(sent) == 0 {
		return false, nil
	}
	var h headers.Authorization
	if err := h.Unmarshal(sent); err != nil {
		return false, ingest.Errorf(ingest.ReasonWrongKey, "an Authorization header that cannot be read")
	}
	if h.Method == headers.AuthMethodBasic {
		if h.BasicPass == "" || len(h.BasicPass) > ingest.MaxKeySize {
			return false, ingest.Errorf(ingest.ReasonWrongKey, "a password of %d bytes", len(h.BasicPass))
		}
		r.Key = h.BasicPass
		return true, nil
	}
	if c.nonce == "" || h.Nonce != c.nonce { // of another connection
		return false, nil
	}
	if h.Realm != realm || h.URI != req.URL.String() {
		return false, ingest.Errorf(ingest.ReasonWrongKey, "a digest of another address")
	}
	method, response := string(req.Method), h.Response
	r.Proves = func(key string) bool {
		want := digest(h, method, key)
		return subtle.ConstantTimeCompare([]byte(want), []byte(response)) == 1
	}
	return true, nil
}

// digest is the response that who knows the key gives (RFC 2617, 3.2.2.1, without qop).
func digest(h headers.Authorization, method, key string) string {
	sum := func(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
	if h.Algorithm != nil && *h.Algorithm == headers.AuthAlgorithmSHA256 {
		sum = func(s string) string { x := sha256.Sum256([]byte(s)); return hex.EncodeToString(x[:]) }
	}
	return sum(sum(h.Username+":"+realm+":"+key) + ":" + h.Nonce + ":" + sum(method+":"+h.URI))
}

// streamName is the name of the stream in a URL: all of its path.
func streamName(u *base.URL) (string, error) {
	name := strings.Trim(u.Path, "/")
	strange := func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !letter && c != '-' && c != '_'
	}
	if name == "" || len(name) > 64 || strings.IndexFunc(name, strange) >= 0 {
		e := ingest.Errorf(ingest.ReasonBadName, "the path is not the name of a stream").(*ingest.Error)
		e.Fix = "Publish to rtsp://user:KEY@HOST:8554/STREAM, with the name of the stream alone behind the host."
		return "", e
	}
	return name, nil
}

// missing is why a peer that was asked for its key and did not give it is refused.
func missing(u *base.URL) error {
	for name := range urlQuery(u) {
		if strings.EqualFold(name, "key") {
			return &ingest.Error{Reason: ingest.ReasonKeyInURL}
		}
	}
	e := ingest.Errorf(ingest.ReasonWrongKey, "no key was sent").(*ingest.Error)
	e.Fix = "Give the key as the password: rtsp://user:KEY@HOST:8554/STREAM, with any user."
	return e
}

package whip

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// Root is the path that a Server answers at.
const Root = "/whip"

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
)

// failure is an answer that is no success: its status, and its text for whoever reads the encoder's log.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

// ServeHTTP implements http.Handler: /whip and /whip/STREAM take offers (RFC 9725, 4.2), and /whip/STREAM/ID is a session.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // a page of any origin may send; the key is what counts
	h.Set("Access-Control-Expose-Headers", "Location, ETag, Link")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, Root), "/")
	stream, id, isSession := strings.Cut(path, "/")
	var err error
	switch {
	case len(path) > 256 || strings.Contains(id, "/"):
		err = &failure{http.StatusNotFound, "There is nothing at this address."}
	case isSession:
		err = s.atSession(w, r, stream, id)
	default:
		err = s.atEndpoint(w, r, stream)
	}
	if err != nil {
		answerError(w, err)
	}
}

// answerError writes what went wrong.
func answerError(w http.ResponseWriter, err error) {
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		f = &failure{statusOf(ingest.ReasonOf(err)), ingest.Explain(err)}
	}
	switch f.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="stagecast"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "2")
	}
	http.Error(w, f.text, f.status)
}

func statusOf(r ingest.Reason) int {
	switch r {
	case ingest.ReasonWrongKey, ingest.ReasonKeyExpired:
		return http.StatusUnauthorized
	case ingest.ReasonNotAllowed:
		return http.StatusForbidden
	case ingest.ReasonTooManyAttempts:
		return http.StatusTooManyRequests
	case ingest.ReasonTooMany, ingest.ReasonShutdown, ingest.ReasonAuthUnavailable:
		return http.StatusServiceUnavailable
	case ingest.ReasonBadName:
		return http.StatusNotFound
	case ingest.ReasonUnsupported, ingest.ReasonNotPublishing:
		return http.StatusUnprocessableEntity
	case ingest.ReasonInternal:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// allowed answers OPTIONS, and refuses all methods but the one that is served besides.
func allowed(w http.ResponseWriter, r *http.Request, methods string, accept, kind string) (done bool, err error) {
	if r.Method == http.MethodOptions {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
		h.Set("Access-Control-Max-Age", "86400")
		h.Set("Allow", methods)
		h.Set(accept, kind) // RFC 9725, 4.2: "the Accept-Post header with a mime type value of application/sdp"
		w.WriteHeader(http.StatusOK)
		return true, nil
	}
	for _, m := range strings.Split(methods, ", ") {
		if r.Method == m {
			return false, nil
		}
	}
	w.Header().Set("Allow", methods)
	return true, &failure{http.StatusMethodNotAllowed, "This address takes " + methods + "."}
}

// atEndpoint takes an offer.
func (s *Server) atEndpoint(w http.ResponseWriter, r *http.Request, stream string) error {
	if done, err := allowed(w, r, "POST, OPTIONS", "Accept-Post", typeSDP); done {
		return err
	}
	request := ingest.Request{
		Protocol: protocol, Stream: stream, Key: bearer(r), Remote: r.RemoteAddr, Agent: wire.Printable(r.UserAgent()), Clock: wireClock,
	}
	if request.Key == "" {
		return s.refuse(request, ingest.Errorf(ingest.ReasonWrongKey, "no bearer token was sent"))
	}
	text, err := body(w, r, typeSDP, maxOffer)
	if err != nil {
		_ = s.refuse(request, ingest.Errorf(ingest.ReasonBadMessage, "%s", err.Error()))
		return err
	}
	// An encoder that gives up must not leave half a session behind, but one that was admitted is not bound to its request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.cfg.ConnectTimeout)
	defer cancel()
	p, answer, err := s.open(ctx, request, text)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Location", s.base(r)+Root+"/"+p.session.Stream()+"/"+p.id)
	h.Set("ETag", `"`+p.tag()+`"`)
	h.Set("Accept-Patch", typeFragment)
	h.Set("Content-Type", typeSDP)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
	return nil
}

// base is what the addresses of sessions begin with: absolute, as some encoders know no others.
func (s *Server) base(r *http.Request) string {
	switch {
	case s.cfg.URL != "":
		return s.cfg.URL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// bearer is the token of a request; empty where there is none, or one that no key can be.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || len(token) > ingest.MaxKeySize {
		return ""
	}
	return token
}

// body reads the body of a request, of a type and up to a size.
func body(w http.ResponseWriter, r *http.Request, kind string, most int64) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != kind {
		return nil, &failure{http.StatusUnsupportedMediaType, "The content must be of type " + kind + "."}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &failure{http.StatusRequestEntityTooLarge, "The content is too large."}
	}
	if err != nil {
		return nil, &failure{http.StatusBadRequest, "The content has not arrived."}
	}
	return b, nil
}

// atSession ends a session or takes a fragment for it.
func (s *Server) atSession(w http.ResponseWriter, r *http.Request, stream, id string) error {
	if done, err := allowed(w, r, "PATCH, DELETE, OPTIONS", "Accept-Patch", typeFragment); done {
		return err
	}
	key := bearer(r)
	if key == "" {
		return &failure{http.StatusUnauthorized, "No bearer token was sent."}
	}
	p := s.find(id)
	if p == nil || p.session.Stream() != stream {
		return &failure{http.StatusNotFound, "There is no such session."}
	}
	if hash := sha256.Sum256([]byte(key)); subtle.ConstantTimeCompare(hash[:], p.key[:]) != 1 {
		return &failure{http.StatusUnauthorized, "The session was opened with another key."}
	}
	if r.Method == http.MethodDelete {
		s.forget(p)
		p.once.Do(func() { close(p.goodbye) })
		w.WriteHeader(http.StatusOK)
		return nil
	}
	text, err := body(w, r, typeFragment, maxFragment)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), gatherTimeout)
	defer cancel()
	answer, tag, err := p.patch(ctx, r.Header.Get("If-Match"), string(text), time.Now())
	if err != nil {
		return err
	}
	if answer == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("ETag", `"`+tag+`"`)
	w.Header().Set("Content-Type", typeFragment)
	_, _ = io.WriteString(w, answer)
	return nil
}

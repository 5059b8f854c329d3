// Package ingest is the door that every broadcaster comes through, whatever the protocol: authorise, admit, publish,
// announce. A protocol's own package turns wire bytes into Units and knows nothing of what follows.
//
// It owns the one timeline: whatever a broadcaster's timestamps do, what leaves a Session is on it.
package ingest

import "context"

// Gate admits sessions. It is safe for concurrent use.
type Gate struct{}

// Open authorises and admits a broadcaster. An earlier session of the same stream ends with ReasonReplaced.
//
// The error is an *Error; a refusal has been entered into the journal by then. The caller must End the Session.
func (g *Gate) Open(ctx context.Context, r Request) (*Session, error) { return nil, nil }

// Refuse enters into the journal an attempt that failed before it came to Open: a bad handshake, a broken message.
// It also counts and logs it.
func (g *Gate) Refuse(r Request, err error) {}

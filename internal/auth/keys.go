// Package auth answers whether a bearer may do something: which stream a publisher may open, and whether a token is the
// operator's. It owns the file the keys are kept in.
//
// A publisher is asked in this order, and the first that says no ends it: is the address allowed (Allow), has it tried too
// many wrong keys (Attempts), and what does its key open (Publishers): one that is configured (Keys), else a token (Tokens),
// else what another server says (Webhook). Allow for one stream is asked last, when it is known which.
package auth

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stagecast/stagecast/ingest"
)

var (
	streamName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	keyText    = regexp.MustCompile(`^[A-Za-z0-9._~-]{4,128}$`)
)

// reserved names would hide pages of ours.
var reserved = map[string]bool{"embed": true, "assets": true, "healthz": true, "readyz": true, "metrics": true, "whip": true, "api": true}

// ErrStreams says what a list of streams must look like.
var ErrStreams = errors.New("streams are NAME=KEY, separated by commas; a name has letters, digits, - and _; a key has 4 to 128 of those, . and ~; " +
	"a stream may have several keys, and a key an end: NAME=KEY@2026-12-31 or NAME=KEY@2026-12-31T18:00:00Z; " +
	"NAME/backup=KEY is for its second encoder")

// Key opens one stream to publishers.
type Key struct {
	Stream string
	Backup bool      // it is for the stream's second encoder
	Text   string    // secret
	Until  time.Time // when it stops to be taken; zero: never
}

// Streams are keys in the order in which they were given. A stream may have several: one for each encoder, or an old one
// that is still taken for a while.
type Streams []Key

// Names of the streams, sorted.
func (s Streams) Names() (names []string) {
	for _, k := range s {
		names = append(names, k.Stream)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Key is what an encoder of a stream is told to use: the last one given for it. It is empty where there is no such stream.
func (s Streams) Key(stream string) string { return s.last(stream, false) }

// Backup is the same for a stream's second encoder; empty where none is foreseen.
func (s Streams) Backup(stream string) string { return s.last(stream, true) }

func (s Streams) last(stream string, backup bool) string {
	for _, k := range slices.Backward(s) {
		if k.Stream == stream && k.Backup == backup {
			return k.Text
		}
	}
	return ""
}

// ParseStreams reads "live=KEY,live/backup=KEY3,live=OLD@2026-12-31,other=KEY2". Its errors never hold a key.
func ParseStreams(list string) (Streams, error) {
	streams, err := parseKeys(list)
	for _, k := range streams {
		if streams.Key(k.Stream) == "" {
			return nil, fmt.Errorf("stream %s has a key for its backup and none for itself", k.Stream)
		}
	}
	return streams, err
}

func parseKeys(list string) (streams Streams, err error) {
	for _, entry := range strings.Split(list, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		k, err := parseKey(entry)
		if err != nil {
			return nil, err
		}
		for _, other := range streams {
			if other.Text == k.Text {
				return nil, fmt.Errorf("streams %s and %s have the same key: a key says which stream it opens", other.Stream, k.Stream)
			}
		}
		streams = append(streams, k)
	}
	return streams, nil
}

func parseKey(entry string) (k Key, err error) {
	name, rest, _ := strings.Cut(entry, "=")
	name, backup := strings.CutSuffix(name, ingest.BackupSuffix)
	if err := CheckName(name); err != nil {
		return k, err
	}
	text, until, ends := strings.Cut(rest, "@")
	if !keyText.MatchString(text) {
		return k, fmt.Errorf("the key of stream %s: %w", name, ErrStreams)
	}
	k = Key{Stream: name, Backup: backup, Text: text}
	if ends {
		if k.Until, err = time.Parse(time.RFC3339, until); err != nil {
			k.Until, err = time.Parse(time.DateOnly, until)
		}
		if err != nil {
			return k, fmt.Errorf("the end of a key of stream %s: %w", name, ErrStreams)
		}
	}
	return k, nil
}

// CheckName says what is wrong with the name of a stream.
func CheckName(name string) error {
	if !streamName.MatchString(name) {
		return ErrStreams
	}
	if reserved[name] {
		return fmt.Errorf("%q cannot be the name of a stream: it is a page of ours", name)
	}
	return nil
}

// Keys is who may publish what. It is immutable and safe for concurrent use. Keys are compared by their hash, so that the
// time it takes says nothing; they are kept for the protocols that prove a key without sending it.
type Keys struct {
	entries []entry
	now     func() time.Time
}

type entry struct {
	Key
	hash [sha256.Size]byte
}

// NewKeys takes the keys of all streams.
func NewKeys(streams Streams) *Keys {
	k := &Keys{now: time.Now}
	for _, key := range streams {
		k.entries = append(k.entries, entry{key, sha256.Sum256([]byte(key.Text))})
	}
	return k
}

// Authorize implements ingest.Authorizer: the key says which stream and which of its encoders, and a stream that is named too must be that one.
func (k *Keys) Authorize(_ context.Context, r ingest.Request) (string, error) {
	hash := sha256.Sum256([]byte(r.Key))
	var found *entry
	for i := range k.entries {
		e := &k.entries[i]
		knows := subtle.ConstantTimeCompare(hash[:], e.hash[:]) == 1
		if r.Proves != nil {
			knows = r.Stream == e.Stream && r.Proves(e.Text)
		}
		if knows && (r.Stream == "" || r.Stream == e.Stream) {
			found = e
		}
	}
	switch {
	case found == nil:
		return "", &ingest.Error{Reason: ingest.ReasonWrongKey}
	case !found.Until.IsZero() && !k.now().Before(found.Until):
		return "", ingest.Errorf(ingest.ReasonKeyExpired, "it was taken until %s", found.Until.UTC().Format(time.RFC3339))
	}
	if found.Backup {
		return found.Stream + ingest.BackupSuffix, nil
	}
	return found.Stream, nil
}

// Secret is kept in a file of its own under dir, readable by its owner alone; it is made at the first call.
func Secret(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	kept, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(kept))) > 0 {
		return strings.TrimSpace(string(kept)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("auth: %w", err)
	}
	secret := NewSecret()
	if err := write(path, secret+"\n"); err != nil {
		return "", err
	}
	return secret, nil
}

// NewSecret has 120 random bits, in letters that survive every URL and form.
func NewSecret() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// KeptStreams reads the streams kept under dir. A fresh directory gets one, "live", with a key made for it.
func KeptStreams(dir string) (Streams, error) {
	path := filepath.Join(dir, "streams")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := NewSecret()
		return Streams{{Stream: "live", Text: key}}, write(path, "live="+key+"\n")
	}
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	defer f.Close()
	var list []string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := parseKeys(line); err != nil {
			return nil, fmt.Errorf("auth: %s line %d: %w", path, n, err)
		}
		list = append(list, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return ParseStreams(strings.Join(list, ","))
}

func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}

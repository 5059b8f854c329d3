// Package auth answers whether a bearer may do something: which stream a key may publish, and whether a token is the
// operator's. It owns the file the keys are kept in.
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
	"sort"
	"strings"

	"github.com/stagecast/stagecast/ingest"
)

var (
	streamName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	keyText    = regexp.MustCompile(`^[A-Za-z0-9._~-]{4,128}$`)
)

// reserved names would hide pages of ours.
var reserved = map[string]bool{"embed": true, "assets": true, "healthz": true, "readyz": true, "metrics": true, "whip": true, "api": true}

// ErrStreams says what a list of streams must look like.
var ErrStreams = errors.New("streams are NAME=KEY, separated by commas; a name has letters, digits, - and _; a key has 4 to 128 of those, . and ~")

// ParseStreams reads "live=KEY,other=KEY2". Its errors never hold a key.
func ParseStreams(list string) (map[string]string, error) {
	streams := make(map[string]string)
	for _, entry := range strings.Split(list, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		name, key, _ := strings.Cut(entry, "=")
		if err := CheckName(name); err != nil {
			return nil, err
		}
		if !keyText.MatchString(key) {
			return nil, fmt.Errorf("the key of stream %s: %w", name, ErrStreams)
		}
		streams[name] = key
	}
	return streams, nil
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
}

type entry struct {
	stream, key string
	hash        [sha256.Size]byte
}

// NewKeys takes streams and their keys.
func NewKeys(streams map[string]string) *Keys {
	k := &Keys{}
	for stream, key := range streams {
		k.entries = append(k.entries, entry{stream, key, sha256.Sum256([]byte(key))})
	}
	sort.Slice(k.entries, func(i, j int) bool { return k.entries[i].stream < k.entries[j].stream })
	return k
}

// Streams are the names, sorted.
func (k *Keys) Streams() []string {
	names := make([]string, len(k.entries))
	for i, e := range k.entries {
		names[i] = e.stream
	}
	return names
}

// Authorize implements ingest.Authorizer: the key says which stream, and a stream that is named too must be that one.
func (k *Keys) Authorize(_ context.Context, r ingest.Request) (string, error) {
	hash := sha256.Sum256([]byte(r.Key))
	stream := ""
	for _, e := range k.entries {
		knows := subtle.ConstantTimeCompare(hash[:], e.hash[:]) == 1
		if r.Proves != nil {
			knows = r.Stream == e.stream && r.Proves(e.key)
		}
		if knows && (r.Stream == "" || r.Stream == e.stream) {
			stream = e.stream
		}
	}
	if stream == "" {
		return "", &ingest.Error{Reason: ingest.ReasonWrongKey}
	}
	return stream, nil
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
func KeptStreams(dir string) (map[string]string, error) {
	path := filepath.Join(dir, "streams")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		streams := map[string]string{"live": NewSecret()}
		return streams, write(path, "live="+streams["live"]+"\n")
	}
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	defer f.Close()
	streams := make(map[string]string)
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		more, err := ParseStreams(line)
		if err != nil {
			return nil, fmt.Errorf("auth: %s line %d: %w", path, n, err)
		}
		for name, key := range more {
			streams[name] = key
		}
	}
	return streams, lines.Err()
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

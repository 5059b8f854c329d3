package srt

import (
	"errors"
	"strings"

	gosrt "github.com/datarhei/gosrt"

	"github.com/stagecast/stagecast/ingest"
)

// ErrPassphrases says what a list of passphrases must look like.
var ErrPassphrases = errors.New("a passphrase has 10 to 79 printable characters, no comma and no =; one for all streams, or STREAM=PASSPHRASE, separated by commas")

// Passphrases are those of the streams. The zero value has none: connections are not encrypted.
type Passphrases struct {
	others string // of the streams that have none of their own
	of     map[string]string
}

// ParsePassphrases reads "PASSPHRASE", or "STREAM=PASSPHRASE,STREAM2=PASSPHRASE2", or both. Its errors hold nothing of it.
func ParsePassphrases(list string) (Passphrases, error) {
	p := Passphrases{of: make(map[string]string)}
	if list == "" {
		return p, nil
	}
	for _, entry := range strings.Split(list, ",") {
		stream, phrase, named := strings.Cut(strings.TrimSpace(entry), "=")
		if !named {
			stream, phrase = "", stream
		}
		if !isPassphrase(phrase) || named && !ingest.IsKey(stream) || !named && p.others != "" {
			return Passphrases{}, ErrPassphrases
		}
		if p.of[stream] = phrase; !named {
			p.others = phrase
		}
	}
	return p, nil
}

// isPassphrase reports whether SRT takes p (SRT, 6.1.4: 10 to 79 characters).
func isPassphrase(p string) bool {
	printable := func(c rune) bool { return c < ' ' || c > '~' || c == '=' || c == ',' }
	return len(p) >= 10 && len(p) <= 79 && strings.IndexFunc(p, printable) < 0
}

func (p Passphrases) forStream(stream string) string {
	if phrase, ok := p.of[stream]; ok {
		return phrase
	}
	return p.others
}

// unlock checks that a caller has the passphrase of its stream. Its key length, 128, 192 or 256 bits, is the caller's
// choice. The error is an *ingest.Error with ReasonWrongSecret.
func (p Passphrases) unlock(req gosrt.ConnRequest, stream string) error {
	phrase := p.forStream(stream)
	switch {
	case phrase == "" && req.IsEncrypted():
		return ingest.Errorf(ingest.ReasonWrongSecret, "the encoder has a passphrase, and this stream has none")
	case phrase == "":
		return nil
	case !req.IsEncrypted():
		return ingest.Errorf(ingest.ReasonWrongSecret, "the encoder has no passphrase, and this stream has one")
	case req.SetPassphrase(phrase) != nil:
		return ingest.Errorf(ingest.ReasonWrongSecret, "the encoder's passphrase is not the one of this stream")
	}
	return nil
}

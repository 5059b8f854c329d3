package rtmp

import (
	"strings"

	"github.com/stagecast/stagecast/ingest"
)

const (
	application = "live"
	maxNameSize = ingest.MaxKeySize + 1024 // bytes of an application or a stream name as they come, query included
)

// The path that an encoder asks for is its application and its stream name, joined: server rtmp://HOST/live and key KEY, and
// server rtmp://HOST/live/KEY with an empty key, are both /live/KEY. Neither part is ever logged: either may hold the key.

// checkApplication says early that an application is not ours.
func checkApplication(app string) error {
	if path := split(app); len(app) > maxNameSize || len(path) == 0 || path[0] != application {
		return ingest.Errorf(ingest.ReasonBadName, "the application is not %q", application)
	}
	return nil
}

// streamKey is the key in an application and a stream name.
func streamKey(app, name string) (string, error) {
	if err := checkApplication(app); err != nil {
		return "", err
	}
	if len(name) > maxNameSize {
		return "", ingest.Errorf(ingest.ReasonBadName, "a stream name of %d bytes", len(name))
	}
	path := append(split(app), split(name)...)[1:]
	switch {
	case len(path) == 0:
		return "", ingest.Errorf(ingest.ReasonWrongKey, "no stream key was sent")
	case len(path) > 1:
		return "", ingest.Errorf(ingest.ReasonBadName, "more than a stream key after /%s", application)
	case !ingest.IsKey(path[0]):
		return "", ingest.Errorf(ingest.ReasonBadName, "the stream key is too long or has characters that no key has")
	}
	return path[0], nil
}

// split cuts a path at its slashes, without a query, and without slashes at its ends.
func split(path string) []string {
	path, _, _ = strings.Cut(path, "?")
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

package srt

import (
	"net/url"
	"strings"

	"github.com/stagecast/stagecast/ingest"
)

// parseStreamID reads what a caller wants: the stream, where it names one, and the key. All of these are taken:
//
//	KEY, live/KEY                        as most encoders have one field for it
//	publish:STREAM:KEY, publish:KEY
//	#!::m=publish,r=STREAM,s=KEY         also with u=STREAM (Access control, General Syntax)
//	#!::h=HOST,r=live/KEY                and both without their first four characters
//
// What stands behind a question mark is left out, and what is escaped as in a URL is taken as it is meant: encoders that
// take a URL often send this part of it as it stands there. The error is an *ingest.Error, and holds nothing of the text: any part of
// that may be the key.
func parseStreamID(id string) (stream, key string, err error) {
	if len(id) > maxStreamID {
		return "", "", ingest.Errorf(ingest.ReasonBadName, "a streamid of %d bytes", len(id))
	}
	if id, err = url.PathUnescape(id); err != nil {
		return "", "", ingest.Errorf(ingest.ReasonBadName, "the streamid has a percent sign that escapes nothing")
	}
	fields, standard := strings.CutPrefix(id, "#!::")
	switch {
	case standard || strings.Contains(beforeQuery(id), "="):
		stream, key, err = parseFields(fields)
	case strings.Contains(id, ":"):
		stream, key, err = parseColons(id)
	default:
		key = last(id)
	}
	switch {
	case err != nil:
		return "", "", err
	case key == "":
		return "", "", ingest.Errorf(ingest.ReasonWrongKey, "no stream key was sent")
	case !ingest.IsKey(key) || stream != "" && !ingest.IsKey(stream):
		return "", "", ingest.Errorf(ingest.ReasonBadName, "the streamid is too long or has characters that no key has")
	}
	return stream, key, nil
}

// parseFields reads "m=publish,r=STREAM,s=KEY".
func parseFields(list string) (stream, key string, err error) {
	fields := make(map[string]string)
	for _, f := range strings.Split(list, ",") {
		name, value, _ := strings.Cut(f, "=")
		fields[name] = value
	}
	if err := checkMode(fields["m"]); err != nil {
		return "", "", err
	}
	if t := fields["t"]; t != "" && t != "stream" {
		return "", "", ingest.Errorf(ingest.ReasonUnsupported, "another type than a stream is to be sent")
	}
	resource, user, session := last(fields["r"]), last(fields["u"]), last(fields["s"])
	switch {
	case session == "":
		return user, resource, nil
	case resource == "":
		return user, session, nil
	}
	return resource, session, nil
}

// parseColons reads "publish:STREAM:KEY".
func parseColons(id string) (stream, key string, err error) {
	parts := strings.Split(beforeQuery(id), ":")
	if err := checkMode(parts[0]); err != nil {
		return "", "", err
	}
	switch len(parts) {
	case 2:
		return "", last(parts[1]), nil
	case 3:
		return last(parts[1]), last(parts[2]), nil
	}
	return "", "", ingest.Errorf(ingest.ReasonBadName, "a streamid of %d parts", len(parts))
}

// checkMode refuses all but publishers. The standard's default is to request; a caller that has a key for us and says
// nothing is an encoder whose settings have no field for it.
func checkMode(mode string) error {
	switch mode {
	case "", "publish":
		return nil
	case "request", "read", "play", "bidirectional":
		return ingest.Errorf(ingest.ReasonNotPublishing, "the streamid asks for the stream")
	}
	return ingest.Errorf(ingest.ReasonBadName, "the streamid has a mode that is not publish")
}

// last is the last part of a path, without a query.
func last(path string) string {
	path = strings.Trim(beforeQuery(path), "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

func beforeQuery(s string) string {
	s, _, _ = strings.Cut(s, "?")
	return s
}

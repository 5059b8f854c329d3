package main

import (
	"fmt"
	"strings"
)

// roles are what this process does of the way that media take.
type roles struct {
	ingest    bool // takes broadcasters in
	transcode bool // encodes
	origin    bool // packages, keeps and serves
}

// parseRoles reads all, or some of ingest, transcode and origin.
func parseRoles(text string) (r roles, err error) {
	for _, name := range strings.Split(text, ",") {
		switch strings.TrimSpace(name) {
		case "all":
			r = roles{true, true, true}
		case "ingest":
			r.ingest = true
		case "transcode":
			r.transcode = true
		case "origin":
			r.origin = true
		default:
			return r, fmt.Errorf("%q is none of all, ingest, transcode and origin", name)
		}
	}
	return r, nil
}

func (r roles) all() bool { return r == roles{true, true, true} }

// streams reports whether the role needs to know which streams there are.
func (r roles) streams() bool { return r.ingest || r.origin }

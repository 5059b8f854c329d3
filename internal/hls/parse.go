package hls

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of a playlist that is read. A longer one is refused before it is looked at.
const (
	MaxPlaylistBytes = 8 << 20
	maxLines         = 400_000
	maxLineBytes     = 64 << 10
	maxAttributes    = 64
	maxProblems      = 100
)

// ProblemKind tells the offences against the grammar apart.
type ProblemKind uint8

// The kinds of Problem.
const (
	BadEncoding      ProblemKind = iota + 1 // not UTF-8, a BOM, a control character, no #EXTM3U: RFC 8216bis 4.1
	BadSyntax                               // a value or an attribute list that is not of its form: RFC 8216bis 4.2
	MissingAttribute                        // an attribute that its tag must have
	BadStructure                            // a tag in the wrong kind of playlist, in the wrong place, or twice
	TooLarge                                // beyond what this reader takes
)

// Problem is one offence against the grammar.
type Problem struct {
	Line int // from 1; 0 where it is about the whole playlist
	Kind ProblemKind
	Tag  string // without '#'; empty where no tag is concerned
	Text string
}

func (p Problem) String() string {
	if p.Tag == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Tag, p.Text)
}

// Problems is the error of the reader: every offence found, in the order of their lines, up to a bound.
type Problems []Problem

func (p Problems) Error() string {
	if len(p) == 1 {
		return "hls: " + p[0].String()
	}
	return fmt.Sprintf("hls: %v (and %d more)", p[0], len(p)-1)
}

// Line is a line that means something: a tag or a URI. Blank lines and comments are left out.
type Line struct {
	Number int
	Tag    string // "EXT-X-PART"; empty: the line is a URI
	Value  string // what follows the colon, or the URI
	Attrs  Attrs  // of tags that have an attribute list
}

// reader gathers the lines of a playlist and what is wrong with it.
type reader struct {
	lines    []Line
	problems Problems
	seen     map[string]bool // singleton tags
}

func (r *reader) problem(line int, kind ProblemKind, tag, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{Line: line, Kind: kind, Tag: tag, Text: fmt.Sprintf(format, args...)})
	}
}

// err is nil for a playlist without a Problem.
func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return r.problems
}

// read splits a playlist into lines and checks each by itself. It reports false where there is nothing to go on with.
func (r *reader) read(text []byte, want scope) bool {
	if len(text) > MaxPlaylistBytes || bytes.Count(text, []byte{'\n'}) > maxLines {
		r.problem(0, TooLarge, "", "%d bytes, %d lines", len(text), bytes.Count(text, []byte{'\n'}))
		return false
	}
	// RFC 8216bis 4.1: "Playlist files MUST be encoded in UTF-8 ... They MUST NOT contain any Byte Order Mark (BOM)".
	if bytes.HasPrefix(text, []byte("\xEF\xBB\xBF")) {
		r.problem(1, BadEncoding, "", "starts with a byte order mark")
		text = text[3:]
	}
	if !utf8.Valid(text) {
		r.problem(0, BadEncoding, "", "not UTF-8")
	}
	r.seen = make(map[string]bool)
	for number := 1; len(text) > 0; number++ {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		r.line(number, strings.TrimSuffix(string(line), "\r"), want)
	}
	if len(r.lines) == 0 || r.lines[0].Tag != "EXTM3U" || r.lines[0].Number != 1 {
		r.problem(1, BadEncoding, "EXTM3U", "is not the first line")
	}
	return true
}

func (r *reader) line(number int, s string, want scope) {
	if s == "" {
		return
	}
	if len(s) > maxLineBytes {
		r.problem(number, TooLarge, "", "line of %d bytes", len(s))
		return
	}
	// RFC 8216bis 4.1: "They MUST NOT contain UTF-8 control characters (U+0000 to U+001F and U+007F to U+009F)".
	if i := strings.IndexFunc(s, func(c rune) bool { return c < 0x20 || c >= 0x7F && c <= 0x9F }); i >= 0 {
		r.problem(number, BadEncoding, "", "control character at byte %d", i)
	}
	if strings.TrimSpace(s) != s {
		r.problem(number, BadSyntax, "", "white space at an end of the line")
		s = strings.TrimSpace(s)
	}
	switch {
	case s == "":
	case !strings.HasPrefix(s, "#"):
		r.lines = append(r.lines, Line{Number: number, Value: s})
	case strings.HasPrefix(s, "#EXT"):
		r.tag(number, s[1:], want)
	}
}

func (r *reader) tag(number int, s string, want scope) {
	name, value, hasValue := strings.Cut(s, ":")
	l := Line{Number: number, Tag: name, Value: value}
	spec, known := grammar[name]
	if !known {
		r.lines = append(r.lines, l)
		return
	}
	if spec.scope&want == 0 {
		r.problem(number, BadStructure, name, "does not belong in this kind of playlist")
	}
	if spec.once && r.seen[name] {
		r.problem(number, BadStructure, name, "appears again")
	}
	r.seen[name] = true
	if hasValue != (spec.form != bare) {
		r.problem(number, BadSyntax, name, "value missing or not expected")
	}
	if spec.form == list {
		l.Attrs = r.attributes(l, spec)
	}
	r.lines = append(r.lines, l)
}

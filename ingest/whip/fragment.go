package whip

import (
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/stagecast/stagecast/ingest"
)

// fragment is an SDP fragment (RFC 8840, 9) as far as it is used.
type fragment struct {
	ufrag, pwd string
	candidates int
}

// parseFragment reads a fragment, which may hold anything. The error is an *ingest.Error with ReasonBadMessage.
func parseFragment(text string) (fragment, error) {
	var f fragment
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' }) {
		if len(line) < 2 || line[1] != '=' {
			return fragment{}, ingest.Errorf(ingest.ReasonBadMessage, "the fragment is no SDP")
		}
		name, value, _ := strings.Cut(line[2:], ":")
		if line[0] != 'a' {
			continue // pseudo m= lines
		}
		switch name {
		case "ice-ufrag":
			f.ufrag = value
		case "ice-pwd":
			f.pwd = value
		case "candidate":
			f.candidates++
		}
	}
	if !credential(f.ufrag, 4) || !credential(f.pwd, 22) {
		return fragment{}, ingest.Errorf(ingest.ReasonBadMessage, "the fragment has no ICE credentials")
	}
	return f, nil
}

// credential reports whether s is an ICE credential of at least n characters (RFC 8839, 5.4).
func credential(s string, n int) bool {
	return n <= len(s) && len(s) <= 256 && strings.IndexFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/')
	}) < 0
}

// credentialsOf are the ICE credentials of a session description.
func credentialsOf(text string) (ufrag, pwd string) {
	var d sdp.SessionDescription
	if d.UnmarshalString(text) != nil {
		return "", ""
	}
	all := d.Attributes
	for _, m := range d.MediaDescriptions {
		all = append(all, m.Attributes...)
	}
	for _, a := range all {
		switch {
		case a.Key == "ice-ufrag" && ufrag == "":
			ufrag = a.Value
		case a.Key == "ice-pwd" && pwd == "":
			pwd = a.Value
		}
	}
	return ufrag, pwd
}

// fragmentOf is the part of an answer that a restart changes.
func fragmentOf(answer string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", err
	}
	var b strings.Builder
	ufrag, pwd := credentialsOf(answer)
	b.WriteString("a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\n")
	for _, m := range d.MediaDescriptions[:min(1, len(d.MediaDescriptions))] {
		b.WriteString("m=" + m.MediaName.String() + "\r\n")
		for _, a := range m.Attributes {
			switch a.Key {
			case "mid", "candidate", "end-of-candidates":
				b.WriteString("a=" + a.String() + "\r\n")
			}
		}
	}
	return b.String(), nil
}

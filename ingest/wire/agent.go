package wire

import (
	"strings"
	"unicode"
)

const maxText = 128 // characters; a browser calls itself something of 110

// Printable makes what a peer has sent, such as what it calls itself, fit for a log: the printable characters of it, 128 at
// most.
func Printable(s string) string {
	var b strings.Builder
	n := 0
	for _, c := range s {
		if n == maxText {
			break
		}
		if unicode.IsPrint(c) && c != unicode.ReplacementChar {
			b.WriteRune(c)
			n++
		}
	}
	return b.String()
}

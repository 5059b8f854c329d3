package wire

import (
	"strings"
	"unicode"
)

const maxAgent = 64 // characters

// Printable makes what a peer calls itself fit for a log: the printable characters of it, 64 at most.
func Printable(s string) string {
	var b strings.Builder
	n := 0
	for _, c := range s {
		if n == maxAgent {
			break
		}
		if unicode.IsPrint(c) && c != unicode.ReplacementChar {
			b.WriteRune(c)
			n++
		}
	}
	return b.String()
}

//go:build e2e

package e2e_test

import (
	"bytes"
	"strings"
	"sync"
)

// capture keeps all that a process says. It is safe for concurrent use.
type capture struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(b)
}

func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// lines are the lines that hold all the words.
func (c *capture) lines(words ...string) (out []string) {
next:
	for _, line := range strings.Split(c.String(), "\n") {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		out = append(out, line)
	}
	return out
}

// tail is the last n lines.
func (c *capture) tail(n int) string {
	lines := strings.Split(strings.TrimSpace(c.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

package ffmpeg

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTailIsBounded(t *testing.T) {
	var l tail
	for range 1000 {
		_, err := l.Write([]byte(strings.Repeat("x", 10_000) + "\n"))
		require.NoError(t, err)
	}
	lines := l.Lines()
	require.Len(t, lines, tailLines)
	require.Len(t, lines[0], tailLine)
	require.LessOrEqual(t, cap(l.rest), 2*tailLine)
}

func TestTailKeepsTheLastLines(t *testing.T) {
	var l tail
	for _, piece := range []string{"one\ntw", "o\r\n", "\nthree\n", "unfinished"} {
		_, _ = l.Write([]byte(piece))
	}
	require.Equal(t, []string{"one", "two", "three"}, l.Lines())
}

package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest/wire"
)

func TestPrintable(t *testing.T) {
	require.Equal(t, "FMLE/3.0 (compatible; Lavf59)", wire.Printable("FMLE/3.0 (compatible;\x1b\x00 Lavf59)\r\n"))
	require.Equal(t, "é", wire.Printable("é\xff"))
	require.Len(t, wire.Printable(strings.Repeat("x", 10000)), 128)
}

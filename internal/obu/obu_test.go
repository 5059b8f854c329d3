package obu_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/obu"
)

// A temporal unit as libaom writes it: delimiter, sequence header, a piece of a frame.
const unit = "12000a0b000000043eafbcdaf9004032050a0b0c0d0e"

func bytes(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

func TestTheDelimiterIsTakenOff(t *testing.T) {
	require.Equal(t, bytes(t, unit[4:]), obu.TrimDelimiter(bytes(t, unit)))
	require.Equal(t, bytes(t, unit[4:]), obu.TrimDelimiter(bytes(t, unit[4:])))
	require.Empty(t, obu.TrimDelimiter(nil))
}

func TestTheSequenceHeaderIsFoundAndBecomesAConfiguration(t *testing.T) {
	header := obu.SequenceHeader(bytes(t, unit))
	require.Equal(t, bytes(t, unit[4:30]), header)
	config, err := obu.Config(header)
	require.NoError(t, err)
	require.Equal(t, header, config[4:])
	require.EqualValues(t, 0x81, config[0])
	require.Nil(t, obu.SequenceHeader(bytes(t, unit[:4])))
	_, err = obu.Config(nil)
	require.ErrorIs(t, err, obu.ErrSequenceHeader)
}

func FuzzSequenceHeader(f *testing.F) {
	f.Add(bytes(f, unit))
	f.Fuzz(func(t *testing.T, b []byte) {
		header := obu.SequenceHeader(obu.TrimDelimiter(b))
		require.LessOrEqual(t, len(header), len(b))
		if config, err := obu.Config(header); err == nil {
			require.Len(t, config, len(header)+4)
		}
	})
}

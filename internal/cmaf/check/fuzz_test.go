package check_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/cmaf/check/cmaftest"
)

func FuzzParseInit(f *testing.F) {
	f.Add(cmaftest.VideoHeader(f))
	f.Add(cmaftest.AudioHeader(f))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 8, 'f', 'r', 'e', 'e'}, 1<<15)) // more boxes than any header has
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := cmaf.ParseInit(b)
		if err != nil || in.Main() == nil {
			return
		}
		require.NotZero(t, in.Main().Timescale)
		_, _ = in.ParseMedia(b)
	})
}

func FuzzParseMedia(f *testing.F) {
	f.Add(cmaftest.Chunk(f, 1, 1<<40, cmaftest.Picture(3000, true, 100), cmaftest.Picture(3000, false, 50)))
	// A trun of the largest count whose samples take no byte each: it must not cost what it says.
	f.Add([]byte("\x00\x00\x00\x44moof\x00\x00\x00\x3ctraf\x00\x00\x00\x10tfhd\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10tfdt\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x14trun\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00\x00\x00"))
	in, err := cmaf.ParseInit(cmaftest.VideoHeader(f))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := in.ParseMedia(b)
		if err != nil {
			return
		}
		require.NotEmpty(t, m.Samples)
		for i := range m.Samples {
			require.LessOrEqual(t, len(m.Samples[i].Data), len(b))
			in.Main().RandomAccess(m.Samples[i].Data)
		}
	})
}

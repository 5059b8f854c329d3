package cmaf_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
)

// sets reads n parameter sets with 16-bit lengths.
func sets(b []byte, n int) (out [][]byte, rest []byte) {
	for range n {
		size := int(binary.BigEndian.Uint16(b))
		out, b = append(out, b[2:2+size]), b[2+size:]
	}
	return out, b
}

// What an encoder's own record says is what ours says of the same parameter sets.
func TestRecordsOfParameterSetsAreThoseOfTheEncoder(t *testing.T) {
	want := unhex(t, avcC)
	sps, rest := sets(want[6:], int(want[5]&31))
	pps, _ := sets(rest[1:], int(rest[0]))
	got, err := cmaf.AVCRecord(sps, pps)
	require.NoError(t, err)
	require.Equal(t, want, got)

	want = unhex(t, hvcC)
	kinds := make(map[byte][][]byte)
	rest = want[23:]
	for range int(want[22]) {
		kind := rest[0] & 0x3f
		kinds[kind], rest = sets(rest[3:], int(binary.BigEndian.Uint16(rest[1:])))
	}
	got, err = cmaf.HEVCRecord(kinds[32], kinds[33], kinds[34])
	require.NoError(t, err)
	require.Equal(t, want[:13], got[:13], "profile, tier and level")
	require.Equal(t, want[16:19], got[16:19], "chroma format and bit depths")
	require.Equal(t, want[21]&0x3f, got[21]&0x3f, "layers, nesting, length size")
	sps, _ = sets(got[23+3+2+len(kinds[32][0])+3:], 1)
	require.Equal(t, kinds[33], sps)
}

func TestRecordsNeedWholeParameterSets(t *testing.T) {
	sps, _ := sets(unhex(t, avcC)[6:], 1)
	for name, c := range map[string][2][][]byte{
		"none": {}, "no PPS": {sps, nil}, "empty": {{{}}, {{}}}, "short": {{{0x67, 0x42}}, {{0x68, 0xce}}},
		"cut": {{sps[0][:5]}, {{0x68, 0xce}}}, "long": {{make([]byte, 1<<16)}, {{0x68, 0xce}}},
	} {
		_, err := cmaf.AVCRecord(c[0], c[1])
		require.Error(t, err, name)
		_, err = cmaf.HEVCRecord(c[1], c[0], c[1])
		require.Error(t, err, name)
	}
}

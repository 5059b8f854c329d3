package cmaf_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
)

// Decoder configurations of 320x180 pictures at 30000/1001 per second and of stereo sound at 48 kHz, as ffmpeg's encoders
// make them.
const (
	avcC = "0164000dffe100186764000dacd941419f9f011000003e90000ea608f142996001000668ebe3cb22c0fdf8f800"
	hvcC = "0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff01600000030090000003000003003c959809" +
		"a10001002942010101600000030090000003000003003ca00a080b9f796566924caf01680800001f480003a98040" +
		"a2000100074401c172b46240"
	av1C = "81000c000a0b000000043cfecc02f80040"
	vpcC = "000b820202020000"
	asc  = "119056e500"
	dOps = "000201380000bb80000000"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// rawTracks are one track of each codec, as a wire describes them.
func rawTracks(t testing.TB) []media.Track {
	return []media.Track{
		{ID: 1, Codec: media.H264, Config: unhex(t, avcC)},
		{ID: 1, Codec: media.HEVC, Config: unhex(t, hvcC)},
		{ID: 1, Codec: media.AV1, Config: unhex(t, av1C)},
		{ID: 1, Codec: media.VP9, Config: unhex(t, vpcC), Width: 320, Height: 180},
		{ID: 2, Codec: media.AAC, Config: unhex(t, asc)},
		{ID: 2, Codec: media.Opus, Config: unhex(t, dOps)},
	}
}

package nal_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func TestKinds(t *testing.T) {
	for header, want := range map[byte]nal.Kind{
		0x65: nal.RandomAccess, 0x41: nal.Slice, 0x01: nal.Slice, 0x67: nal.SPS, 0x68: nal.PPS, 0x09: nal.Delimiter, 0x0C: nal.Filler, 0x06: nal.Other,
	} {
		require.Equal(t, want, nal.KindOf(media.H264, header), header)
	}
	for kind, want := range map[byte]nal.Kind{
		0: nal.Slice, 1: nal.Slice, 16: nal.RandomAccess, 19: nal.RandomAccess, 21: nal.RandomAccess, 32: nal.VPS, 33: nal.SPS, 34: nal.PPS,
		35: nal.Delimiter, 38: nal.Filler, 39: nal.Other,
	} {
		require.Equal(t, want, nal.KindOf(media.HEVC, kind<<1), kind)
	}
	require.True(t, nal.RandomAccess.Picture() && nal.Slice.Picture())
	require.False(t, nal.SPS.Picture())
}

func TestRecoveryPoints(t *testing.T) {
	require.True(t, nal.IsRecoveryPoint(unhex(t, "06 06 01 c4 80")))
	require.False(t, nal.IsRecoveryPoint(unhex(t, "06 06 01 44 80")), "only later pictures are right")
	require.False(t, nal.IsRecoveryPoint(unhex(t, "06 05 01 c4 80")))
	require.False(t, nal.IsRecoveryPoint(unhex(t, "06 06")))
}

// x264's and x265's parameter sets of 320x180 pictures.
const (
	spsHigh = "6764000dacd941419f9f011000003e90000ea608f1429960"
	ppsHigh = "68ebe3cb22c0"
	vps     = "40010c01ffff01600000030090000003000003003c959809"
	spsHEVC = "42010101600000030090000003000003003ca00a080b9f796566924caf01680800001f480003a98040"
	ppsHEVC = "4401c172b46240"
)

func TestAVCConfig(t *testing.T) {
	config, err := nal.AVCConfig([][]byte{unhex(t, spsHigh)}, [][]byte{unhex(t, ppsHigh)})
	require.NoError(t, err)
	require.Equal(t, "0164000dffe10018"+spsHigh+"010006"+ppsHigh+"fdf8f800", hex.EncodeToString(config))
	for _, bad := range [][2][][]byte{{nil, {unhex(t, ppsHigh)}}, {{unhex(t, spsHigh)}, nil}, {{{0x67}}, {{0x68, 0xce}}}, {{make([]byte, 1<<16)}, {{0x68, 0xce}}}} {
		_, err := nal.AVCConfig(bad[0], bad[1])
		require.ErrorIs(t, err, nal.ErrNoParameterSets)
	}
	_, err = nal.AVCConfig([][]byte{unhex(t, spsHigh)[:5]}, [][]byte{unhex(t, ppsHigh)})
	require.Error(t, err, "one that is cut")
}

// Of the record that x265 makes of the same sets, ours differs in what it leaves unknown.
func TestHEVCConfig(t *testing.T) {
	config, err := nal.HEVCConfig([][]byte{unhex(t, vps)}, [][]byte{unhex(t, spsHEVC)}, [][]byte{unhex(t, ppsHEVC)})
	require.NoError(t, err)
	require.Equal(t, "0101600000009000000000003c"+"f000fcfdf8f800000f03", hex.EncodeToString(config[:23]))
	track := media.Track{Codec: media.HEVC, Config: config}
	require.NoError(t, cmaf.Complete(&track))
	require.Equal(t, []int{320, 180}, []int{track.Width, track.Height})
}

func TestHEVCConfigNeedsAllSets(t *testing.T) {
	_, err := nal.HEVCConfig(nil, [][]byte{{0x42, 1}}, [][]byte{{0x44, 1}})
	require.ErrorIs(t, err, nal.ErrNoParameterSets)
	_, err = nal.HEVCConfig([][]byte{{0x40, 1}}, [][]byte{{0x42, 1}}, [][]byte{{0x44, 1}})
	require.Error(t, err)
}

// What a configuration is made of can be taken out of it again.
func TestSets(t *testing.T) {
	avc, err := nal.AVCConfig([][]byte{unhex(t, spsHigh)}, [][]byte{unhex(t, ppsHigh)})
	require.NoError(t, err)
	require.Equal(t, "00000018"+spsHigh+"00000006"+ppsHigh, hex.EncodeToString(nal.Sets(media.H264, avc)))
	hevc, err := nal.HEVCConfig([][]byte{unhex(t, vps)}, [][]byte{unhex(t, spsHEVC)}, [][]byte{unhex(t, ppsHEVC)})
	require.NoError(t, err)
	size := func(set string) string { return hex.EncodeToString([]byte{0, 0, 0, byte(len(set) / 2)}) }
	require.Equal(t, size(vps)+vps+size(spsHEVC)+spsHEVC+size(ppsHEVC)+ppsHEVC, hex.EncodeToString(nal.Sets(media.HEVC, hevc)))
	require.Empty(t, nal.Sets(media.AV1, avc))
	for n := range avc {
		require.LessOrEqual(t, len(nal.Sets(media.H264, avc[:n])), len(avc)+4, "cut to %d bytes", n)
	}
}

// FuzzConfig makes configurations of anything: what comes out can be read again, or is refused.
func FuzzConfig(f *testing.F) {
	f.Add(unhex(f, "00000001"+spsHigh+"00000001"+ppsHigh))
	f.Add(unhex(f, "00000001"+vps+"00000001"+spsHEVC+"00000001"+ppsHEVC))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, codec := range []media.Codec{media.H264, media.HEVC} {
			sets := make(map[nal.Kind][][]byte)
			for unit := range nal.Units(b) {
				k := nal.KindOf(codec, unit[0])
				sets[k] = append(sets[k], unit)
			}
			config, err := nal.AVCConfig(sets[nal.SPS], sets[nal.PPS])
			if codec == media.HEVC {
				config, err = nal.HEVCConfig(sets[nal.VPS], sets[nal.SPS], sets[nal.PPS])
			}
			_ = nal.Sets(codec, b) // must not panic
			if err == nil {
				_ = cmaf.Complete(&media.Track{Codec: codec, Config: config}) // must not panic
			}
		}
	})
}

package ffmpeg_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/media"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestLengthPrefixed(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"one unit":                    {"00000001 65aabb", "00000003 65aabb"},
		"short startcode":             {"000001 65aabb", "00000003 65aabb"},
		"two slices":                  {"00000001 65aa 000001 65bb", "00000002 65aa 00000002 65bb"},
		"zeros at the end of a unit":  {"00000001 65aa 0000 000001 65bb 00", "00000002 65aa 00000002 65bb"},
		"without parameter sets":      {"00000001 67aa 00000001 68bb 000001 65cc", "00000002 65cc"},
		"without delimiter":           {"00000001 09f0 000001 41cc", "00000002 41cc"},
		"supplemental information":    {"000001 0605 000001 65cc", "00000002 0605 00000002 65cc"},
		"startcode and no unit":       {"00000001 00000001 65cc", "00000002 65cc"},
		"no startcode":                {"65aabb", ""},
		"zeros inside":                {"000001 65 0000 03 01", "00000005 65 0000 03 01"},
		"only a startcode":            {"000001", ""},
		"nothing":                     {"", ""},
		"bytes before the first unit": {"00 00 00 00 01 65aa", "00000002 65aa"},
	} {
		t.Run(name, func(t *testing.T) {
			strip := func(s string) string { return string(bytes.ReplaceAll([]byte(s), []byte(" "), nil)) }
			require.Equal(t, strip(c.want), hex.EncodeToString(ffmpeg.LengthPrefixed(media.H264, unhex(t, strip(c.in)))))
		})
	}
}

// x264's parameter sets of 320x180 pictures at 30000/1001 per second, and the record that ffmpeg's muxer makes of them.
const (
	spsHigh  = "6764000dacd941419f9f011000003e90000ea608f1429960"
	ppsHigh  = "68ebe3cb22c0"
	avcCHigh = "0164000dffe10018" + spsHigh + "010006" + ppsHigh + "fdf8f800"
)

func TestAVCConfig(t *testing.T) {
	got, err := ffmpeg.Config(media.H264, unhex(t, "00000001"+spsHigh+"00000001"+ppsHigh), nil)
	require.NoError(t, err)
	require.Equal(t, avcCHigh, hex.EncodeToString(got))

	track := media.Track{ID: 1, Codec: media.H264, Config: got}
	require.NoError(t, cmaf.Complete(&track))
	require.Equal(t, 320, track.Width)

	again, err := ffmpeg.Config(media.H264, got, nil)
	require.NoError(t, err)
	require.Equal(t, got, again)
}

func TestAVCConfigWithoutParameterSets(t *testing.T) {
	for _, extradata := range []string{"", "00000001", "00000001" + spsHigh, "00000001" + ppsHigh, "00000001670000000168aa", "01"} {
		_, err := ffmpeg.Config(media.H264, unhex(t, extradata), nil)
		require.ErrorIs(t, err, ffmpeg.ErrNoParameterSets, extradata)
	}
}

func FuzzAnnexB(f *testing.F) {
	f.Add(unhex(f, "00000001"+spsHigh+"00000001"+ppsHigh+"00000165aabb"))
	f.Add(bytes.Repeat([]byte{0, 0, 1}, 1000))
	f.Add(make([]byte, 1000))
	f.Fuzz(func(t *testing.T, b []byte) {
		config, err := ffmpeg.Config(media.H264, b, nil)
		require.Equal(t, err == nil, len(config) > 0)
		for out := ffmpeg.LengthPrefixed(media.H264, b); len(out) > 0; {
			size := binary.BigEndian.Uint32(out)
			require.NotZero(t, size)
			require.LessOrEqual(t, int(size), len(out)-4)
			require.NotContains(t, string(out[4:4+size]), "\x00\x00\x01", "a unit holds no startcode")
			out = out[4+size:]
		}
	})
}

func BenchmarkLengthPrefixed(b *testing.B) {
	unit := append([]byte{0, 0, 0, 1, 0x65}, bytes.Repeat([]byte{7, 0, 9, 200}, 8000)...)
	b.SetBytes(int64(len(unit)))
	b.ReportAllocs()
	for b.Loop() {
		ffmpeg.LengthPrefixed(media.H264, unit)
	}
}

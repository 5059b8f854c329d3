package nut_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg/nut"
)

func encode(t testing.TB, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-f", "lavfi"}, args...), "-f", "nut", "pipe:1")...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return out
}

func TestPicturesComeWithExactTimes(t *testing.T) {
	file := encode(t, "-i", "testsrc2=size=320x240:rate=30000/1001:duration=2", "-vf", "settb=1/90000,setpts=PTS+9000000000*1",
		"-copyts", "-enc_time_base", "1:90000", "-fps_mode", "passthrough", "-c:v", "libx264", "-tune", "zerolatency", "-g", "10")
	r := nut.NewReader(bytes.NewReader(file))
	s, err := r.Open()
	require.NoError(t, err)
	require.Equal(t, "H264", s.FourCC)
	require.EqualValues(t, 320, s.Width)
	require.EqualValues(t, 1, s.Num)
	require.EqualValues(t, 90000, s.Den)
	require.NotEmpty(t, s.Extradata)
	for n := int64(0); ; n++ {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			require.EqualValues(t, 60, n)
			return
		}
		require.NoError(t, err)
		require.EqualValues(t, 9000000000+n*3003, p.PTS)
		require.Equal(t, n%10 == 0, p.Key)
		require.True(t, bytes.HasPrefix(bytes.TrimLeft(p.Data[:4], "\x00"), []byte{1}), "Annex B")
	}
}

func TestSoundComesRaw(t *testing.T) {
	r := nut.NewReader(bytes.NewReader(encode(t, "-i", "sine=sample_rate=48000:duration=1", "-c:a", "aac")))
	s, err := r.Open()
	require.NoError(t, err)
	require.EqualValues(t, 48000, s.SampleRate)
	require.NotEmpty(t, s.Extradata)
	var last int64
	for n := 0; ; n++ {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			require.Greater(t, n, 45)
			return
		}
		require.NoError(t, err)
		if n > 0 {
			require.EqualValues(t, 1024, p.PTS-last)
		}
		last = p.PTS
	}
}

func TestHugeSizesAreRefusedBeforeTheyAreAllocated(t *testing.T) {
	file := append([]byte("nut/multimedia container\x00"), 'N', 'M', 0x7A, 0x56, 0x1F, 0x5F, 0x04, 0xAD, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0)
	_, err := nut.NewReader(bytes.NewReader(file)).Open()
	require.ErrorIs(t, err, nut.ErrFormat)
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("nut/multimedia container\x00"))
	f.Add(encode(f, "-i", "sine=duration=0.1", "-c:a", "aac"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		r := nut.NewReader(bytes.NewReader(b))
		if _, err := r.Open(); err != nil {
			return
		}
		for {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
}

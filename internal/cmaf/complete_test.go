package cmaf_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

func TestCompleteReadsTheConfiguration(t *testing.T) {
	for _, track := range rawTracks(t) {
		t.Run(string(track.Codec), func(t *testing.T) {
			require.NoError(t, cmaf.Complete(&track))
			require.Equal(t, "und", track.Language)
			if track.Kind() == media.Audio {
				require.EqualValues(t, 48000, track.ClockRate)
				require.Equal(t, 48000, track.SampleRate)
				require.Equal(t, 2, track.Channels)
				return
			}
			require.EqualValues(t, media.VideoClockRate, track.ClockRate)
			require.Equal(t, 320, track.Width)
			if track.Codec != media.AV1 { // its encoder rounds the size up, and promises no rate
				require.Equal(t, 180, track.Height)
			}
		})
	}
}

func TestCompletePromisesTheFrameRateOfTheConfiguration(t *testing.T) {
	for _, track := range rawTracks(t)[:2] {
		require.NoError(t, cmaf.Complete(&track))
		require.Equal(t, media.Rational{Num: 30000, Den: 1001}, track.FrameRate, track.Codec)
	}
}

func TestCompleteKeepsTheFrameRateOfTheWire(t *testing.T) {
	track := rawTracks(t)[0]
	track.FrameRate = media.Rational{Num: 25, Den: 1}
	require.NoError(t, cmaf.Complete(&track))
	require.Equal(t, media.Rational{Num: 25, Den: 1}, track.FrameRate)
}

func TestCompleteRefusesWhatIsCutShort(t *testing.T) {
	for _, track := range rawTracks(t) {
		whole := track.Config
		enough := map[media.Codec]int{media.H264: len(whole) - 4, media.AV1: 13, media.AAC: 2}[track.Codec]
		if enough == 0 {
			enough = len(whole)
		}
		for n := range enough {
			if track.Codec == media.AV1 && n == 4 {
				continue // no sequence header at all: allowed
			}
			track.Config = whole[:n]
			require.Error(t, cmaf.Complete(&track), "%s cut to %d bytes", track.Codec, n)
		}
	}
}

func TestCompleteRefusesTwoByteLengths(t *testing.T) {
	track := rawTracks(t)[0]
	track.Config = bytes.Clone(track.Config)
	track.Config[4] = 0xfd
	require.ErrorContains(t, cmaf.Complete(&track), "four bytes")
}

func TestFrameRate(t *testing.T) {
	for _, c := range []struct {
		num, den int64
		want     media.Rational
	}{
		{30, 1, media.Rational{Num: 30, Den: 1}},
		{2997, 100, media.Rational{Num: 30000, Den: 1001}},
		{2398, 100, media.Rational{Num: 24000, Den: 1001}},
		{60000, 1001, media.Rational{Num: 60000, Den: 1001}},
		{25, 2, media.Rational{Num: 25, Den: 2}},
		{1000, 1, media.Rational{}},
		{1, 2, media.Rational{}},
		{30, 0, media.Rational{}},
		{1 << 62, 1, media.Rational{}},
	} {
		require.Equal(t, c.want, cmaf.FrameRate(c.num, c.den), "%d/%d", c.num, c.den)
	}
}

func FuzzComplete(f *testing.F) {
	codecs := []media.Codec{media.H264, media.HEVC, media.AV1, media.VP9, media.AAC, media.Opus}
	for _, t := range rawTracks(f) {
		for i, c := range codecs {
			if c == t.Codec {
				f.Add(i, t.Config)
			}
		}
	}
	f.Add(1, append(unhex(f, hvcC)[:22], bytes.Repeat([]byte{255}, 60000)...)) // as many arrays and units as can be said
	f.Fuzz(func(t *testing.T, codec int, config []byte) {
		track := media.Track{ID: 1, Codec: codecs[uint(codec)%uint(len(codecs))], Config: config}
		err := cmaf.Complete(&track)
		_ = cmaf.CodecString(&track)
		header, headerErr := cmaf.Header(&track)
		if err == nil {
			require.NoError(t, headerErr)
			require.NotEmpty(t, header)
			require.NotEmpty(t, cmaf.CodecString(&track))
			require.Positive(t, track.ClockRate)
		}
	})
}

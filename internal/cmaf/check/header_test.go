package check_test

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/cmaf/check/cmaftest"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

func TestHeadersAreRead(t *testing.T) {
	in, err := cmaf.ParseInit(cmaftest.VideoHeader(t))
	require.NoError(t, err)
	require.Empty(t, in.Faults)
	track := in.Main()
	require.Equal(t, cmaftest.VideoCodec, track.Codec)
	require.Equal(t, []int{cmaftest.Width, cmaftest.Height, 4, cmaftest.VideoScale}, []int{track.Width, track.Height, track.NALLength, int(track.Timescale)})

	in, err = cmaf.ParseInit(cmaftest.AudioHeader(t))
	require.NoError(t, err)
	require.Empty(t, in.Faults)
	require.Equal(t, cmaftest.AudioCodec, in.Main().Codec)
}

func TestHeaderFaults(t *testing.T) {
	edit := func(f func(*mp4.InitSegment)) []byte {
		file, err := mp4.DecodeFile(bytes.NewReader(cmaftest.VideoHeader(t)))
		require.NoError(t, err)
		f(file.Init)
		var b bytes.Buffer
		require.NoError(t, file.Init.Encode(&b))
		return b.Bytes()
	}
	tests := map[string][]byte{
		"nothing":                 {},
		"no moov":                 cmaftest.VideoHeader(t)[:32],
		"cut short":               cmaftest.VideoHeader(t)[:200],
		"an old brand":            bytes.ReplaceAll(cmaftest.VideoHeader(t), []byte("iso6"), []byte("isom")),
		"no mvex":                 bytes.Replace(cmaftest.VideoHeader(t), []byte("mvex"), []byte("free"), 1),
		"no trex":                 bytes.Replace(cmaftest.VideoHeader(t), []byte("trex"), []byte("free"), 1),
		"media data":              append(cmaftest.VideoHeader(t), 0, 0, 0, 9, 'm', 'd', 'a', 't', 1),
		"a duration of the movie": edit(func(s *mp4.InitSegment) { s.Moov.Mvhd.Duration = 90000 }),
		"a duration of the track": edit(func(s *mp4.InitSegment) { s.Moov.Trak.Tkhd.Duration = 90000 }),
		"a duration of the media": edit(func(s *mp4.InitSegment) { s.Moov.Trak.Mdia.Mdhd.Duration = 90000 }),
		"no timescale":            edit(func(s *mp4.InitSegment) { s.Moov.Trak.Mdia.Mdhd.Timescale = 0 }),
		"described samples": edit(func(s *mp4.InitSegment) {
			s.Moov.Trak.Mdia.Minf.Stbl.Stsz.SampleNumber = 1
			s.Moov.Trak.Mdia.Minf.Stbl.Stsz.SampleUniformSize = 7
		}),
		"mvex in front of the track": edit(func(s *mp4.InitSegment) { c := s.Moov.Children; c[1], c[2] = c[2], c[1] }),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			r := &check.Report{}
			cmaf.Header(r, "init.mp4", b)
			require.Equal(t, []string{"L70"}, broken(r))
		})
	}
}

func TestVariantNamesTheRuleThatIsBroken(t *testing.T) {
	main, err := cmaf.ParseInit(cmaftest.VideoHeader(t))
	require.NoError(t, err)
	audio, err := cmaf.ParseInit(cmaftest.AudioHeader(t))
	require.NoError(t, err)
	good := hls.ParsedVariant{Codecs: "avc1.640020,mp4a.40.2", Width: 1280, Height: 720, FrameRate: 29.97}
	tests := map[string]struct {
		rules []string
		spoil func(*hls.ParsedVariant)
	}{
		"without fault":            {[]string{}, func(*hls.ParsedVariant) {}},
		"digits of the other case": {[]string{}, func(v *hls.ParsedVariant) { v.Codecs = "mp4a.40.2, AVC1.640020" }},
		"another level":            {[]string{"L87"}, func(v *hls.ParsedVariant) { v.Codecs = "avc1.64001f,mp4a.40.2" }},
		"the sound left out":       {[]string{"L87"}, func(v *hls.ParsedVariant) { v.Codecs = "avc1.640020" }},
		"another height":           {[]string{"L88"}, func(v *hls.ParsedVariant) { v.Height = 721 }},
		"30 for 29.97":             {[]string{"L89"}, func(v *hls.ParsedVariant) { v.FrameRate = 30 }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v, r := good, &check.Report{}
			test.spoil(&v)
			cmaf.Variant(r, "test", &v, main, audio, 30000.0/1001)
			require.Equal(t, test.rules, broken(r), "%v", r.Findings())
		})
	}
}

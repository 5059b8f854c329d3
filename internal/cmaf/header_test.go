package cmaf_test

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

func header(t testing.TB, tracks ...*media.Track) *mp4.InitSegment {
	t.Helper()
	raw, err := cmaf.Header(tracks...)
	require.NoError(t, err)
	f, err := mp4.DecodeFile(bytes.NewReader(raw))
	require.NoError(t, err)
	require.NotNil(t, f.Init)
	var again bytes.Buffer
	require.NoError(t, f.Init.Encode(&again))
	require.Equal(t, raw, again.Bytes(), "another writer makes the same bytes of it")
	return f.Init
}

func TestHeaderOfEachCodec(t *testing.T) {
	entries := map[media.Codec]string{
		media.H264: "avc1", media.HEVC: "hvc1", media.AV1: "av01", media.VP9: "vp09", media.AAC: "mp4a", media.Opus: "Opus",
	}
	for _, track := range rawTracks(t) {
		t.Run(string(track.Codec), func(t *testing.T) {
			require.NoError(t, cmaf.Complete(&track))
			init := header(t, &track)
			require.Equal(t, "iso6", init.Ftyp.MajorBrand())
			require.Equal(t, []string{"iso6", "cmfc", "mp41"}, init.Ftyp.CompatibleBrands())
			require.Equal(t, "mvex", init.Moov.Children[len(init.Moov.Children)-1].Type())
			require.Nil(t, init.Moov.Mvex.Mehd)

			trak := init.Moov.Trak
			require.EqualValues(t, 1, trak.Tkhd.TrackID)
			require.EqualValues(t, track.ClockRate, trak.Mdia.Mdhd.Timescale)
			require.Zero(t, trak.Mdia.Mdhd.Duration)
			require.Equal(t, "und", trak.Mdia.Mdhd.GetLanguage())
			require.Equal(t, entries[track.Codec], trak.Mdia.Minf.Stbl.Stsd.Children[0].Type())
			require.Zero(t, trak.GetNrSamples())
		})
	}
}

func TestHeaderCarriesTheConfiguration(t *testing.T) {
	for _, track := range rawTracks(t) {
		require.NoError(t, cmaf.Complete(&track))
		raw, err := cmaf.Header(&track)
		require.NoError(t, err)
		require.True(t, bytes.Contains(raw, track.Config), track.Codec)
	}
}

func TestHeaderOfTwoTracks(t *testing.T) {
	all := rawTracks(t)
	video, audio := &all[0], &all[4]
	require.NoError(t, cmaf.Complete(video))
	require.NoError(t, cmaf.Complete(audio))
	init := header(t, video, audio)
	require.NotContains(t, init.Ftyp.CompatibleBrands(), "cmfc")
	require.Len(t, init.Moov.Traks, 2)
	require.Len(t, init.Moov.Mvex.Trexs, 2)
	require.EqualValues(t, 2, init.Moov.Traks[1].Tkhd.TrackID)
	require.EqualValues(t, 3, init.Moov.Mvhd.NextTrackID)
}

func TestHeaderLanguages(t *testing.T) {
	for tag, packed := range map[string]string{"deu": "deu", "pt-BR": "und", "": "und"} {
		track := rawTracks(t)[4]
		track.Language = tag
		require.NoError(t, cmaf.Complete(&track))
		mdia := header(t, &track).Moov.Trak.Mdia
		require.Equal(t, packed, mdia.Mdhd.GetLanguage())
		if tag == "pt-BR" {
			require.Equal(t, tag, mdia.Elng.Language)
		}
	}
}

func TestHeaderRefusesWhatIsIncomplete(t *testing.T) {
	for _, track := range rawTracks(t) {
		_, err := cmaf.Header(&track)
		require.Error(t, err, track.Codec)
	}
	_, err := cmaf.Header(&media.Track{Codec: "mp3", ClockRate: 1, Config: []byte{1}})
	require.Error(t, err)
}

func TestCodecString(t *testing.T) {
	want := map[media.Codec]string{
		media.H264: "avc1.64000d", media.HEVC: "hvc1.1.6.L60.90", media.AV1: "av01.0.00M.08",
		media.VP9: "vp09.00.11.08", media.AAC: "mp4a.40.2", media.Opus: "opus",
	}
	for _, track := range rawTracks(t) {
		require.Equal(t, want[track.Codec], cmaf.CodecString(&track))
	}
	require.Empty(t, cmaf.CodecString(&media.Track{Codec: media.H264}))
}

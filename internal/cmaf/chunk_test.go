package cmaf_test

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

func drawSamples(t *rapid.T, kind media.Kind) []cmaf.Sample {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cmaf.Sample {
		s := cmaf.Sample{
			Duration:     rapid.SampledFrom([]uint32{1501, 1502, 3000}).Draw(t, "duration"),
			RandomAccess: true,
			Payload:      rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "payload"),
		}
		if kind == media.Video {
			s.RandomAccess = rapid.Bool().Draw(t, "random access")
			s.CompositionOffset = rapid.SampledFrom([]int32{-3000, 0, 3000}).Draw(t, "offset")
		}
		return s
	}), 1, 20).Draw(t, "samples")
}

// fragments reads chunks with another implementation.
func fragments(t require.TestingT, raw []byte) []*mp4.Fragment {
	f, err := mp4.DecodeFile(bytes.NewReader(raw))
	require.NoError(t, err)
	require.Len(t, f.Segments, 1)
	return f.Segments[0].Fragments
}

func requireSamples(t require.TestingT, want cmaf.ChunkTrack, fragment *mp4.Fragment) {
	got, err := fragment.GetFullSamples(&mp4.TrexBox{TrackID: want.TrackID, DefaultSampleDescriptionIndex: 1})
	require.NoError(t, err)
	require.Len(t, got, len(want.Samples))
	decodeTime := want.BaseDecodeTime
	for i, s := range want.Samples {
		require.Equal(t, decodeTime, got[i].DecodeTime)
		require.Equal(t, s.Duration, got[i].Dur)
		require.Equal(t, s.CompositionOffset, got[i].CompositionTimeOffset)
		require.Equal(t, s.RandomAccess, got[i].IsSync())
		require.True(t, bytes.Equal(s.Payload, got[i].Data))
		decodeTime += uint64(s.Duration)
	}
}

func TestChunkIsReadBackByAnotherImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]media.Kind{media.Video, media.Audio}).Draw(t, "kind")
		track := cmaf.ChunkTrack{
			TrackID: 1, Kind: kind,
			BaseDecodeTime: rapid.Uint64Range(0, 1<<50).Draw(t, "base"),
			Samples:        drawSamples(t, kind),
		}
		raw := cmaf.AppendChunk(nil, 7, track)
		require.Len(t, raw, cmaf.ChunkSize(track))
		got := fragments(t, raw)
		require.Len(t, got, 1)
		require.EqualValues(t, 7, got[0].Moof.Mfhd.SequenceNumber)
		require.True(t, got[0].Moof.Traf.Tfhd.DefaultBaseIfMoof())
		require.EqualValues(t, 1, got[0].Moof.Traf.Tfdt.Version)
		require.EqualValues(t, 1, got[0].Moof.Traf.Trun.Version)
		requireSamples(t, track, got[0])
	})
}

func TestSegmentIsTheConcatenationOfItsChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var segment []byte
		var want []cmaf.ChunkTrack
		base := uint64(1) << 40
		for i := range rapid.IntRange(1, 5).Draw(t, "chunks") {
			track := cmaf.ChunkTrack{TrackID: 1, Kind: media.Video, BaseDecodeTime: base, Samples: drawSamples(t, media.Video)}
			segment = append(segment, cmaf.AppendChunk(nil, uint32(i+1), track)...)
			want = append(want, track)
			for _, s := range track.Samples {
				base += uint64(s.Duration)
			}
		}
		got := fragments(t, segment)
		require.Len(t, got, len(want))
		for i := range want {
			requireSamples(t, want[i], got[i])
		}
	})
}

func TestChunkOfTwoTracksPointsIntoOneMdat(t *testing.T) {
	video := cmaf.ChunkTrack{TrackID: 1, Kind: media.Video, BaseDecodeTime: 90000, Samples: []cmaf.Sample{
		{Duration: 3000, RandomAccess: true, Payload: []byte("picture")}, {Duration: 3000, Payload: []byte("another")},
	}}
	audio := cmaf.ChunkTrack{TrackID: 2, Kind: media.Audio, BaseDecodeTime: 48000, Samples: []cmaf.Sample{
		{Duration: 1024, RandomAccess: true, Payload: []byte("sound")},
	}}
	raw := cmaf.AppendChunk(nil, 1, video, audio)
	require.Len(t, raw, cmaf.ChunkSize(video, audio))
	trafs := fragments(t, raw)[0].Moof.Trafs
	require.Len(t, trafs, 2)
	for traf, want := range map[*mp4.TrafBox]string{trafs[0]: "picture", trafs[1]: "sound"} {
		at := int(traf.Trun.DataOffset)
		require.Equal(t, want, string(raw[at:at+len(want)]))
	}
	require.EqualValues(t, 0x02000000, trafs[0].Trun.Samples[0].Flags)
	require.EqualValues(t, 0x01010000, trafs[0].Trun.Samples[1].Flags)
	require.EqualValues(t, 0x02000000, trafs[1].Tfhd.DefaultSampleFlags)
}

func BenchmarkAppendChunk(b *testing.B) {
	track := cmaf.ChunkTrack{TrackID: 1, Kind: media.Video, BaseDecodeTime: 1 << 40}
	for i := range 15 {
		track.Samples = append(track.Samples, cmaf.Sample{Duration: 3003, RandomAccess: i == 0, Payload: make([]byte, 16000)})
	}
	b.SetBytes(int64(cmaf.ChunkSize(track)))
	b.ReportAllocs()
	for b.Loop() {
		_ = cmaf.AppendChunk(make([]byte, 0, cmaf.ChunkSize(track)), 1, track)
	}
}

func TestChunkTakesOneAllocation(t *testing.T) {
	track := cmaf.ChunkTrack{TrackID: 1, Kind: media.Video, Samples: []cmaf.Sample{{Duration: 3000, Payload: make([]byte, 5000)}}}
	var chunk []byte
	allocations := testing.AllocsPerRun(100, func() {
		chunk = cmaf.AppendChunk(make([]byte, 0, cmaf.ChunkSize(track)), 1, track)
	})
	require.Equal(t, 1.0, allocations)
	require.Len(t, chunk, cmaf.ChunkSize(track))
}

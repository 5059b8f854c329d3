package cmaf_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

func TestChunksOfOneSampleAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []cmaf.ChunkTrack
		for n := range rapid.IntRange(0, 5).Draw(t, "chunks") {
			kind := rapid.SampledFrom([]media.Kind{media.Video, media.Audio}).Draw(t, "kind")
			c := cmaf.ChunkTrack{
				TrackID: rapid.Uint32().Draw(t, "track"), BaseDecodeTime: rapid.Uint64().Draw(t, "time"), Kind: kind,
				Samples: []cmaf.Sample{{
					Duration: rapid.Uint32().Draw(t, "duration"), CompositionOffset: rapid.Int32().Draw(t, "offset"),
					RandomAccess: kind == media.Audio || rapid.Bool().Draw(t, "random access"),
					Payload:      rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
				}},
			}
			stream = cmaf.AppendChunk(stream, uint32(n), c)
			want = append(want, c)
		}
		r := cmaf.NewChunkReader(bytes.NewReader(stream), 300)
		for _, c := range want {
			track, dts, s, err := r.Next()
			require.NoError(t, err)
			require.Equal(t, c.TrackID, track)
			require.Equal(t, c.BaseDecodeTime, dts)
			s.Payload = append([]byte{}, s.Payload...)
			c.Samples[0].Payload = append([]byte{}, c.Samples[0].Payload...)
			require.Equal(t, c.Samples[0], s)
		}
		_, _, _, err := r.Next()
		require.ErrorIs(t, err, io.EOF)
		if len(stream) > 0 {
			cut := cmaf.NewChunkReader(bytes.NewReader(stream[:len(stream)-rapid.IntRange(1, len(stream)).Draw(t, "cut")]), 300)
			for err = nil; err == nil; {
				_, _, _, err = cut.Next()
			}
		}
	})
}

func TestChunkReaderRefusesWhatIsTooLarge(t *testing.T) {
	chunk := cmaf.AppendChunk(nil, 1, cmaf.ChunkTrack{TrackID: 1, Kind: media.Video, Samples: []cmaf.Sample{{Payload: make([]byte, 1000)}}})
	_, _, _, err := cmaf.NewChunkReader(bytes.NewReader(chunk), 999).Next()
	require.ErrorIs(t, err, cmaf.ErrChunk)
	_, _, _, err = cmaf.NewChunkReader(bytes.NewReader([]byte("\x7f\xff\xff\xffmoof")), 999).Next()
	require.ErrorIs(t, err, cmaf.ErrChunk)
}

func FuzzChunkReader(f *testing.F) {
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		f.Add(cmaf.AppendChunk(nil, 1, cmaf.ChunkTrack{TrackID: 1, BaseDecodeTime: 90000, Kind: kind, Samples: []cmaf.Sample{{Duration: 3000, CompositionOffset: -1, Payload: []byte("abc")}}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := cmaf.NewChunkReader(bytes.NewReader(b), 1<<16)
		for {
			_, _, s, err := r.Next()
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(s.Payload), len(b))
		}
	})
}

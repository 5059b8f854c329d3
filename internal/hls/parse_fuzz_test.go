package hls_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
)

func FuzzParseMedia(f *testing.F) {
	f.Add(golden(f, "parse_live.m3u8"))
	delta, _ := written(100, 10, 1, 3).AppendDelta(nil)
	f.Add(delta)
	f.Add([]byte("#EXTM3U\n#EXT-X-SKIP:SKIPPED-SEGMENTS=9223372036854775807\n#EXTINF:2,\nx\n"))
	f.Add([]byte("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:9007199254740992\n#EXTINF:999999999.9999999999,\nx\n"))
	f.Add([]byte("#EXTM3U\n#EXT-X-DATERANGE:" + strings.Repeat(`A="",`, 200))) // every attribute is looked for among those before
	f.Add(bytes.Repeat([]byte("#EXT-X-PART:"), 1000))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := hls.ParseMedia(text)
		require.True(t, p != nil || err != nil)
		if p == nil {
			return
		}
		require.Equal(t, p.LastMSN()+1, p.Next().MSN)
		require.False(t, p.Next().Before(p.Last()))
		require.False(t, p.Has(p.Next()))
		if starts := p.Starts(); starts != nil {
			require.Len(t, starts, len(p.Segments)+1)
		}
		if merged, err := p.Merge(p); err == nil {
			require.Nil(t, merged.Skip)
		}
	})
}

func FuzzParseMultivariant(f *testing.F) {
	f.Add([]byte(multivariant))
	f.Add([]byte("#EXTM3U\n" + strings.Repeat("#EXT-X-STREAM-INF:BANDWIDTH=1\n", 1000)))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := hls.ParseMultivariant(text)
		require.True(t, p != nil || err != nil)
		if err == nil {
			for _, v := range p.Variants {
				require.NotEmpty(t, v.URI)
				require.GreaterOrEqual(t, v.Bandwidth, int64(0))
			}
		}
	})
}

// BenchmarkParseMedia reads a window of a minute, as every player does at every part.
func BenchmarkParseMedia(b *testing.B) {
	text := written(100, 30, 2, -1).AppendTo(nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hls.ParseMedia(text); err != nil {
			b.Fatal(err)
		}
	}
}

package transcode

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
)

// Rungs of every codec have their key frames at the same instants, and say what decodes them.
func TestRungsInOtherCodecs(t *testing.T) {
	ladders := laddersOf(t, "240p,hevc,av1,audio=128k+48k")
	b := newBench(t, Config{Ladders: ladders})
	s := recipe{size: "426x240", rate: fps(30, 1), seconds: 5, video: x264, audio: aac, sampleRate: 48000}.make(t)
	l := b.encode(t, s)
	want := []struct {
		name    string
		codec   media.Codec
		bitrate int
	}{
		{"240p", media.H264, 500_000}, {"240p-hevc", media.HEVC, 300_000}, {"240p-av1", media.AV1, 300_000},
		{"audio", media.AAC, 128_000}, {"audio-48k", media.AAC, 48_000},
	}
	require.Len(t, l.pub.Tracks, len(want))
	instants := func(name string) (all, keys []int64) {
		for _, u := range l.units[name] {
			all = append(all, u.PTS)
			if u.RandomAccess {
				keys = append(keys, u.PTS)
			}
		}
		return all, keys
	}
	all, keys := instants("240p")
	require.Greater(t, len(keys), 2)
	for i, w := range want {
		track := l.pub.Tracks[i]
		require.Equal(t, w.name, track.Rendition)
		require.Equal(t, w.codec, track.Codec)
		require.Equal(t, w.bitrate, track.Bitrate)
		require.NotEmpty(t, track.Config)
		if track.Kind() == media.Video {
			theirs, theirKeys := instants(w.name)
			require.Equal(t, all, theirs, w.name)
			require.Equal(t, keys, theirKeys, w.name)
		}
	}
	require.Equal(t, len(l.units["audio"]), len(l.units["audio-48k"]))
	requireSound(t, l.units["audio"])
	requireSound(t, l.units["audio-48k"])
}

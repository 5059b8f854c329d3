package rtmp

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
)

func TestMetadata(t *testing.T) {
	fields := rtmptest.Object{
		"width": 1920.0, "framerate": 29.97, "videodatarate": 6000.0, "videocodecid": 7.0,
		"audiocodecid": 10.0, "audiodatarate": 160.0, "encoder": "an\x00 encoder\n",
	}
	want := metadata{
		hasVideo: true, hasAudio: true, frameRate: media.Rational{Num: 30000, Den: 1001},
		videoBitrate: 6_000_000, audioBitrate: 160_000, encoder: "an encoder",
	}
	for name, m := range map[string]message{
		"set":       {typeID: typeData, payload: rtmptest.AMF("@setDataFrame", "onMetaData", fields)},
		"bare":      {typeID: typeData, payload: rtmptest.AMF("onMetaData", fields)},
		"AMF3 type": {typeID: typeDataAMF3, payload: append([]byte{0}, rtmptest.AMF("@setDataFrame", "onMetaData", fields)...)},
	} {
		got, ok, err := parseMetadata(m)
		require.NoError(t, err, name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
}

func TestMetadataOfOneKind(t *testing.T) {
	got, _, err := parseMetadata(message{typeID: typeData, payload: rtmptest.AMF("onMetaData", rtmptest.Object{
		"width": 0.0, "hasVideo": false, "videocodecid": "", "audiosamplerate": 48000.0,
	})})
	require.NoError(t, err)
	require.Equal(t, metadata{hasAudio: true}, got)
}

func TestOtherDataIsNoMetadata(t *testing.T) {
	for _, values := range [][]any{{"onTextData", rtmptest.Object{}}, {"@setDataFrame"}, {"onMetaData"}, {1.0, "onMetaData"}, {"@clearDataFrame", "onMetaData"}} {
		_, ok, err := parseMetadata(message{typeID: typeData, payload: rtmptest.AMF(values...)})
		require.NoError(t, err)
		require.False(t, ok, "%v", values)
	}
}

func TestFrameRates(t *testing.T) {
	ntsc := func(n int64) media.Rational { return media.Rational{Num: n * 1000, Den: 1001} }
	for f, want := range map[float64]media.Rational{
		23.976023976023978: ntsc(24), 23.976: ntsc(24), 23.98: ntsc(24), 23.97: ntsc(24), 29.97: ntsc(30), 29.97003: ntsc(30), 59.94: ntsc(60), 119.88: ntsc(120),
		24: {Num: 24, Den: 1}, 25: {Num: 25, Den: 1}, 30: {Num: 30, Den: 1}, 60.0001: {Num: 60, Den: 1}, 144: {Num: 144, Den: 1},
		12.5: {Num: 12500, Den: 1000}, 29.5: {Num: 29500, Den: 1000},
		0: {}, -30: {}, 0.5: {}, 1000: {}, math.Inf(1): {}, math.NaN(): {},
	} {
		require.Equal(t, want, frameRate(f), "%v", f)
	}
}

func TestBitrates(t *testing.T) {
	for kilobits, want := range map[float64]int{2500: 2_500_000, 0.5: 500, 0: 0, -1: 0, 1e9: 0, math.Inf(1): 0, math.NaN(): 0} {
		require.Equal(t, want, bitrate(kilobits), "%v", kilobits)
	}
}

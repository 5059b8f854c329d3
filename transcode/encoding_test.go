package transcode

import (
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

// sps of an AVCDecoderConfigurationRecord.
func sps(t *testing.T, config []byte) (s h264.SPS) {
	t.Helper()
	size := int(config[6])<<8 | int(config[7])
	require.NoError(t, s.Unmarshal(config[8:8+size]))
	return s
}

func TestConfigurationsSayWhatTheTracksSay(t *testing.T) {
	r := small()
	r.size, r.rate = "854x480", fps(30000, 1001)
	l := newBench(t, Config{}).encode(t, r.make(t))
	for _, track := range l.pub.Tracks {
		told := media.Track{ID: track.ID, Codec: track.Codec, Config: track.Config}
		require.NoError(t, cmaf.Complete(&told))
		require.Equal(t, track.ClockRate, told.ClockRate)
		require.Equal(t, track.FrameRate, told.FrameRate, track.Rendition)
		require.Equal(t, track.Width, told.Width)
		require.Equal(t, track.Height, told.Height)
		require.Equal(t, track.SampleRate, told.SampleRate)
		require.Equal(t, track.Channels, told.Channels)
	}
}

func TestPixelsKeepTheirShape(t *testing.T) {
	for filter, want := range map[string][2]uint16{"setsar=1": {1, 1}, "setsar=16/11": {16, 11}} {
		t.Run(filter, func(t *testing.T) {
			r := small()
			r.size = "1278x718" // scaled to 480 lines and 854.4 columns
			r.video = append([]string{"libx264", "-vf", filter}, x264[1:]...)
			l := newBench(t, Config{}).encode(t, r.make(t))
			for _, track := range l.pub.Tracks[:len(l.pub.Tracks)-1] {
				vui := sps(t, track.Config).VUI
				require.NotNil(t, vui)
				w, h := vui.SarWidth, vui.SarHeight
				if known := [][2]uint16{1: {1, 1}, 2: {12, 11}, 3: {10, 11}, 4: {16, 11}}; int(vui.AspectRatioIdc) < len(known) {
					w, h = known[vui.AspectRatioIdc][0], known[vui.AspectRatioIdc][1]
				}
				require.NotZero(t, h, track.Rendition)
				require.InEpsilon(t, float64(want[0])/float64(want[1]), float64(w)/float64(h), 0.01, track.Rendition)
			}
			if filter == "setsar=1" {
				require.EqualValues(t, 1, sps(t, l.pub.Tracks[0].Config).VUI.AspectRatioIdc)
			}
		})
	}
}

// The peak of a segment is bounded however hard the picture is, or players leave the rung.
func TestSegmentsStayWithinAQuarterOfTheirBitrate(t *testing.T) {
	r := small()
	r.size, r.seconds = "640x480", 8
	r.video = append([]string{"libx264", "-vf", "noise=alls=80:allf=t", "-b:v", "6M"}, x264[1:]...)
	l := newBench(t, Config{}).encode(t, r.make(t))
	for _, track := range l.pub.Tracks {
		bits := make(map[int64]int)
		for _, u := range l.units[track.Rendition] {
			bits[media.Slot(media.Rescale(u.PTS, track.ClockRate, media.VideoClockRate), twoSeconds)] += len(u.Payload) * 8
		}
		for slot, n := range bits {
			require.LessOrEqual(t, float64(n), 1.25*2*float64(track.Bitrate), "%s, segment %d", track.Rendition, slot)
		}
	}
}

package rtsp

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

func twoTracks(t *testing.T) (picture, sound *track) {
	picture = newAVCTrack(t, &format.H264{PayloadTyp: 96, PacketizationMode: 1})
	sound, err := newTrack(2, &format.MPEG4Audio{PayloadTyp: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		Config: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelCount: 2}})
	require.NoError(t, err)
	return picture, sound
}

func stamped(at uint32) *rtp.Packet { return single(0, at, true, []byte{0x65, 1}) }

func TestTheSendersClockPlacesTheTracks(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		soundLater time.Duration // by the sender's clock
		want       int64
		slack      float64
	}{
		"as it says":                    {250 * time.Millisecond, 22500, 1},
		"earlier":                       {-250 * time.Millisecond, -22500, 1},
		"two clocks that are not one":   {time.Hour, 0, 9000}, // where it arrives
		"the same but from another day": {-48 * time.Hour, 0, 9000},
	} {
		t.Run(name, func(t *testing.T) {
			picture, sound := twoTracks(t)
			clk := newClock()
			p, ok := clk.place(picture, stamped(7000), start)
			require.True(t, ok)
			s, ok := clk.place(sound, stamped(0xffffff00), start.Add(c.soundLater))
			require.True(t, ok)
			require.InDelta(t, c.want, s-p, c.slack)
			next, ok := clk.place(sound, stamped(224), time.Time{})
			require.True(t, ok)
			require.EqualValues(t, 900, next-s, "over the wrap")
		})
	}
}

func TestAPictureHasNoPlaceBeforeItsFirstKey(t *testing.T) {
	picture, _ := twoTracks(t)
	clk := newClock()
	_, ok := clk.place(picture, single(0, 5, true, []byte{0x41, 1}), time.Time{})
	require.False(t, ok)
	_, ok = clk.place(picture, stamped(8), time.Time{})
	require.True(t, ok)
}

package rtsp

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtcp"
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

// report is what a sender says of a moment.
func report(at time.Time, stamp uint32) *rtcp.SenderReport {
	return &rtcp.SenderReport{NTPTime: uint64(at.Unix()+2208988800)<<32 | uint64(at.Nanosecond())<<32/1e9, RTPTime: stamp}
}

func stamped(at uint32) *rtp.Packet { return single(0, at, true, []byte{0x65, 1}) }

func TestTheSendersClockPlacesTheTracks(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 700_000_000, time.UTC)
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
			picture.report = newSenderReport(report(start, 7000))
			sound.report = newSenderReport(report(start.Add(c.soundLater), 0xffffff00))
			p, ok := clk.place(picture, stamped(7000))
			require.True(t, ok)
			s, ok := clk.place(sound, stamped(0xffffff00))
			require.True(t, ok)
			require.InDelta(t, c.want, s-p, c.slack)
			next, ok := clk.place(sound, stamped(224))
			require.True(t, ok)
			require.EqualValues(t, 900, next-s, "over the wrap")
		})
	}
}

func TestAPictureHasNoPlaceBeforeItsFirstKey(t *testing.T) {
	picture, _ := twoTracks(t)
	clk := newClock()
	_, ok := clk.place(picture, single(0, 5, true, []byte{0x41, 1}))
	require.False(t, ok)
	_, ok = clk.place(picture, stamped(8))
	require.True(t, ok)
}

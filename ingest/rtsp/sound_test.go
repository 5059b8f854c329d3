package rtsp

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

func soundPacket(payload []byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 97, Marker: true}, Payload: payload}
}

func sdpOf(media string) []byte {
	return []byte("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + media)
}

func TestFramesOfOnePacketFollowOneAnother(t *testing.T) {
	medias, err := parseDescription(sdpOf("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\n" +
		"a=fmtp:97 mode=AAC-hbr; sizelength=13; indexlength=3; indexdeltalength=3; config=1210\r\n"))
	require.NoError(t, err)
	tr := medias[0].track
	require.EqualValues(t, 44100, tr.rate)
	units, err := tr.take(soundPacket([]byte{0, 32, 0, 1 << 3, 0, 2 << 3, 'a', 'b', 'c'}), 1000)
	require.NoError(t, err)
	require.Len(t, units, 2)
	require.Equal(t, "a", string(units[0].Payload))
	require.Equal(t, "bc", string(units[1].Payload))
	require.EqualValues(t, 1000+2090, units[1].DTS, "1024 samples of 44.1 kHz")
	require.Equal(t, []byte{0x12, 0x10}, tr.codec.config())
}

// The clock of HE-AAC is that of what is heard, and its frames have 1024 samples of the core.
func TestTheClockOfHEAAC(t *testing.T) {
	c := &mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 24000, ChannelCount: 2, ExtensionType: mpeg4audio.ObjectTypeSBR, ExtensionSampleRate: 48000,
	}
	tr, err := newTrack(2, &format.MPEG4Audio{PayloadTyp: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3, Config: c})
	require.NoError(t, err)
	require.EqualValues(t, 48000, tr.rate)
	units, err := tr.take(soundPacket([]byte{0, 32, 0, 1 << 3, 0, 1 << 3, 'a', 'b'}), 0)
	require.NoError(t, err)
	require.EqualValues(t, 3840, units[1].DTS)
}

// GStreamer's configuration of LATM has the extension of its AudioSpecificConfig inside.
func TestLATMAsGStreamerSendsIt(t *testing.T) {
	medias, err := parseDescription(sdpOf("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MP4A-LATM/44100\r\na=fmtp:97 cpresent=0;config=40002410adca00\r\n"))
	require.NoError(t, err)
	tr := medias[0].track
	require.EqualValues(t, 44100, tr.rate)
	require.NotNil(t, tr.codec.config())
	units, err := tr.take(soundPacket([]byte{3, 'a', 'b', 'c'}), 9)
	require.NoError(t, err)
	require.Len(t, units, 1)
	require.Equal(t, "abc", string(units[0].Payload))
}

func TestLATMWithItsConfigurationInBand(t *testing.T) {
	tr, err := newTrack(2, &format.MPEG4AudioLATM{PayloadTyp: 97, CPresent: true})
	require.NoError(t, err)
	require.Nil(t, tr.codec.config())
	e := mpeg4audio.AudioMuxElement{
		MuxConfigPresent: true,
		StreamMuxConfig: &mpeg4audio.StreamMuxConfig{Programs: []*mpeg4audio.StreamMuxConfigProgram{{Layers: []*mpeg4audio.StreamMuxConfigLayer{{
			AudioSpecificConfig: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelCount: 2}, LatmBufferFullness: 255,
		}}}}},
		Payloads: [][][][]byte{{{{1, 2, 3}}}},
	}
	raw, err := e.Marshal()
	require.NoError(t, err)
	units, err := tr.take(soundPacket(raw), 0)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2, 3}, units[0].Payload)
	require.Equal(t, []byte{0x11, 0x90}, tr.codec.config())
}

func TestOpus(t *testing.T) {
	medias, err := parseDescription(sdpOf("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\na=fmtp:97 sprop-stereo=1\r\n"))
	require.NoError(t, err)
	tr := medias[0].track
	require.Equal(t, byte(2), tr.codec.config()[1])
	units, err := tr.take(soundPacket([]byte{0xfc, 1, 2}), 7)
	require.NoError(t, err)
	require.EqualValues(t, 7, units[0].DTS)
	_, err = tr.take(soundPacket(nil), 7)
	require.Error(t, err)
}

func TestACameraOfOtherSoundGivesItsPicture(t *testing.T) {
	d := []*description.Media{
		{Type: description.MediaTypeAudio, Formats: []format.Format{&format.G711{}}},
		{Type: description.MediaTypeVideo, Formats: []format.Format{&format.MJPEG{}, &format.H264{PayloadTyp: 96}}},
	}
	tracks, err := chooseTracks(d, false)
	require.NoError(t, err)
	require.Nil(t, tracks[0])
	require.NotNil(t, tracks[1])
	_, err = chooseTracks(d, true)
	require.Error(t, err)
	_, err = chooseTracks(d[:1], false)
	require.Error(t, err)
}

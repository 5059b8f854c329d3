package rtmp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
)

// tags are all that parseTags finds.
func tags(m message) (all []tag, err error) {
	err = parseTags(m, func(t tag) error {
		all = append(all, t)
		return nil
	})
	return all, err
}

func TestVideoTags(t *testing.T) {
	cases := map[string]struct {
		payload string
		want    []tag
	}{
		"AVC sequence header":        {"\x17\x00\x00\x00\x05\x01\x42", []tag{{content: configuration, codec: media.H264, key: true, body: []byte("\x01\x42")}}},
		"AVC key picture":            {"\x17\x01\x00\x00\x21xy", []tag{{content: coded, codec: media.H264, key: true, offset: 33, body: []byte("xy")}}},
		"AVC, negative composition":  {"\x27\x01\xff\xff\xdfxy", []tag{{content: coded, codec: media.H264, offset: -33, body: []byte("xy")}}},
		"AVC end of sequence":        {"\x17\x02\x00\x00\x00", []tag{{codec: media.H264, key: true, body: []byte{}}}},
		"AVC of no such packet type": {"\x17\x09\x00\x00\x00", []tag{{content: unknown, codec: media.H264, key: true, body: []byte{}}}},
		"a seek":                     {"\x57\x00", nil},
		"hvc1 start":                 {"\x90hvc1AB", []tag{{content: configuration, codec: media.HEVC, key: true, body: []byte("AB")}}},
		"hvc1 coded":                 {"\x91hvc1\x00\x00\x10AB", []tag{{content: coded, codec: media.HEVC, key: true, offset: 16, body: []byte("AB")}}},
		"hvc1 coded, no composition": {"\xa3hvc1AB", []tag{{content: coded, codec: media.HEVC, body: []byte("AB")}}},
		"avc1 coded":                 {"\xa1avc1\x80\x00\x00AB", []tag{{content: coded, codec: media.H264, offset: -1 << 23, body: []byte("AB")}}},
		"av01 coded":                 {"\x91av01AB", []tag{{content: coded, codec: media.AV1, key: true, body: []byte("AB")}}},
		"vp09 coded":                 {"\xa1vp09AB", []tag{{content: coded, codec: media.VP9, body: []byte("AB")}}},
		"end of sequence":            {"\x92av01", []tag{{codec: media.AV1, key: true, body: []byte{}}}},
		"colour metadata":            {"\x94hvc1\x02\x00\x09colorInfo", nil},
		"a seek, enhanced":           {"\xd1\x00", nil},
		"no such packet type":        {"\x98av01", []tag{{content: unknown, codec: media.AV1, key: true, body: []byte{}}}},
		"ModEx":                      {"\x97\x02\x00\x00\x07\x01av01AB", []tag{{content: coded, codec: media.AV1, key: true, body: []byte("AB")}}},
		"two ModEx, one of 300":      {"\x97\x00\x00\x07\xff\x01\x2b" + strings.Repeat("m", 300) + "\x01av01AB", []tag{{content: coded, codec: media.AV1, key: true, body: []byte("AB")}}},
		"one track, the default":     {"\x96\x00avc1\x00AB", []tag{{content: configuration, codec: media.H264, key: true, body: []byte("AB")}}},
		"one track, another":         {"\x96\x01avc1\x01\x00\x00\x00AB", []tag{{content: coded, track: 1, codec: media.H264, key: true, body: []byte("AB")}}},
		"one track, another codec":   {"\x96\x01xxxx\x01AB", []tag{{content: foreign, track: 1, key: true}}},
		"many tracks": {"\x96\x11avc1\x01\x00\x00\x04\x00\x00\x01C\x00\x00\x00\x05\x00\x00\x02AB\x02\x00\x00\x00", []tag{
			{content: coded, track: 1, codec: media.H264, key: true, offset: 1, body: []byte("C")}, {content: coded, codec: media.H264, key: true, offset: 2, body: []byte("AB")},
		}},
		"many tracks, many codecs": {"\x96\x21xxxx\x01\x00\x00\x04....av01\x00\x00\x00\x02AB", []tag{
			{content: foreign, track: 1, key: true}, {content: coded, codec: media.AV1, key: true, body: []byte("AB")},
		}},
		"many tracks, none default": {"\x96\x11avc1\x01\x00\x00\x04\x00\x00\x00C", []tag{{content: coded, track: 1, codec: media.H264, key: true, body: []byte("C")}}},
	}
	for name, c := range cases {
		got, err := tags(message{typeID: typeVideo, payload: []byte(c.payload)})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestAudioTags(t *testing.T) {
	cases := map[string]struct {
		payload string
		want    []tag
	}{
		"AAC sequence header": {"\xaf\x00\x11\x90", []tag{{content: configuration, codec: media.AAC, body: []byte("\x11\x90")}}},
		"AAC frame":           {"\xaf\x01AB", []tag{{content: coded, codec: media.AAC, body: []byte("AB")}}},
		"Opus start":          {"\x90OpusOpusHead", []tag{{content: configuration, codec: media.Opus, body: []byte("OpusHead")}}},
		"Opus packet":         {"\x91OpusAB", []tag{{content: coded, codec: media.Opus, body: []byte("AB")}}},
		"mp4a frame":          {"\x91mp4aAB", []tag{{content: coded, codec: media.AAC, body: []byte("AB")}}},
		"end of sequence":     {"\x92mp4a", []tag{{codec: media.AAC, body: []byte{}}}},
		"channels":            {"\x94Opus\x01\x02\x00\x00\x00\x03", []tag{{codec: media.Opus, body: []byte("\x01\x02\x00\x00\x00\x03")}}},
		"no such packet type": {"\x93mp4a", []tag{{content: unknown, codec: media.AAC, body: []byte{}}}},
		"ModEx":               {"\x97\x02\x00\x00\x07\x01OpusAB", []tag{{content: coded, codec: media.Opus, body: []byte("AB")}}},
		"many tracks": {"\x95\x11mp4a\x00\x00\x00\x02AB\x01\x00\x00\x02CD", []tag{
			{content: coded, codec: media.AAC, body: []byte("AB")}, {content: coded, track: 1, codec: media.AAC, body: []byte("CD")},
		}},
	}
	for name, c := range cases {
		got, err := tags(message{typeID: typeAudio, payload: []byte(c.payload)})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestTagsThatAreRefused(t *testing.T) {
	cases := []struct {
		typeID  uint8
		payload string
		reason  ingest.Reason
		detail  string
	}{
		{typeVideo, "\x22\x00", ingest.ReasonUnsupported, "Sorenson H.263"},
		{typeVideo, "\x14\x00", ingest.ReasonUnsupported, "VP6"},
		{typeVideo, "\x1c\x00", ingest.ReasonUnsupported, "HEVC by number 12"},
		{typeVideo, "\x1f\x00", ingest.ReasonUnsupported, "number 15"},
		{typeVideo, "\x90vvc1\x00", ingest.ReasonUnsupported, `"vvc1"`},
		{typeVideo, "\x90\x00\x01\x02\x03", ingest.ReasonUnsupported, `"\x00\x01\x02\x03"`},
		{typeVideo, "\x95av01", ingest.ReasonUnsupported, "MPEG-2 TS"},
		{typeAudio, "\x2f\x00", ingest.ReasonUnsupported, "MP3"},
		{typeAudio, "\xbf\x00", ingest.ReasonUnsupported, "Speex"},
		{typeAudio, "\x3f\x00", ingest.ReasonUnsupported, "PCM"},
		{typeAudio, "\x90fLaC", ingest.ReasonUnsupported, `"fLaC"`},
		{typeVideo, "\x17", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x17\x01\x00\x00", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x91hvc1\x00\x00", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x91hvc", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x97\x05\x00", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x97\xff\xff", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x96", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x96\x16avc1", ingest.ReasonBadMedia, "multitrack"},
		{typeVideo, "\x96\x31avc1", ingest.ReasonBadMedia, "multitrack"},
		{typeVideo, "\x96\x11avc1\x00\xff\xff\xffAB", ingest.ReasonBadMedia, "cut off"},
		{typeVideo, "\x96\x10avc1" + strings.Repeat("\x01\x00\x00\x01A", maxTracks+1), ingest.ReasonBadMedia, "more than 10 video tracks"},
		{typeVideo, "\x96\x00vvc1\x00", ingest.ReasonUnsupported, `"vvc1"`},
		{typeVideo, "\x96\x01avc1\x01\x00", ingest.ReasonBadMedia, "cut off"},
		{typeAudio, "\xaf", ingest.ReasonBadMedia, "cut off"},
		{typeAudio, "\x95\x01mp4a", ingest.ReasonBadMedia, "cut off"},
	}
	for _, c := range cases {
		_, err := tags(message{typeID: c.typeID, payload: []byte(c.payload)})
		require.Error(t, err, "%q", c.payload)
		require.Equal(t, c.reason, ingest.ReasonOf(err), "%q", c.payload)
		require.ErrorContains(t, err, c.detail, "%q", c.payload)
	}
}

func FuzzTag(f *testing.F) {
	for _, m := range []rtmptest.Message{rtmptest.AVCHeader(), rtmptest.AACHeader(), rtmptest.Picture(0, true, 8), rtmptest.Sound(0, 8)} {
		f.Add(m.Type, m.Payload)
	}
	f.Add(uint8(typeVideo), []byte("\x96\x21xxxx\x01\x00\x00\x04....av01\x00\x00\x00\x02AB"))
	f.Add(uint8(typeVideo), []byte(strings.Repeat("\x97\x00\x00\x07", 1000)))       // the longest walk: a prefix every three bytes
	f.Add(uint8(typeVideo), append([]byte("\x96\x11avc1"), make([]byte, 1<<16)...)) // many tracks, all of them empty
	f.Add(uint8(typeAudio), []byte("\x90OpusOpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05"))
	f.Add(uint8(typeVideo), []byte("\x91vp09\x82\x49\x83\x42\x00\x13\xf0\x0b\x30"))
	f.Add(uint8(typeVideo), []byte("\x91av01\x12\x00\x0a\x02SH\x32\x01F"))
	f.Add(uint8(typeVideo), append([]byte("\x17\x01\x00\x00\x00"), make([]byte, 4*maxNALUnits)...)) // nothing but empty NAL units
	f.Fuzz(func(t *testing.T, typeID uint8, payload []byte) {
		if typeID != typeVideo {
			typeID = typeAudio
		}
		requireReason(t, parseTags(message{typeID: typeID, payload: payload}, func(tg tag) (err error) {
			switch tg.content {
			case configuration:
				_, _, err = decoderConfig(tg.codec, tg.body)
			case coded:
				requireReason(t, (&track{codec: tg.codec, config: make([]byte, av1Fixed)}).completeFrom(tg.body))
				for size := 1; size <= 4; size++ {
					_, err = nalFormat{codec: tg.codec, size: size}.read(append([]byte(nil), tg.body...))
					requireReason(t, err)
				}
			}
			return err
		}))
	})
}

func requireReason(t *testing.T, err error) {
	t.Helper()
	if r := ingest.ReasonOf(err); err != nil && r != ingest.ReasonBadMedia && r != ingest.ReasonUnsupported {
		t.Fatalf("no reason: %v", err)
	}
}

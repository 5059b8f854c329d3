package rtmp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
)

// hvcC of one array with one parameter set of two bytes, and NAL unit lengths of two bytes.
var hevcRecord = append(append([]byte{1}, make([]byte, 20)...), 0xFD, 1, 0x20, 0, 1, 0, 2, 0x40, 1)

func TestDecoderConfigs(t *testing.T) {
	shortLengths := bytes.Clone(rtmptest.AVCConfig)
	shortLengths[4] = 0xFC | 1
	hevc := bytes.Clone(hevcRecord)
	hevc[21] |= 3
	vp9 := []byte{0, 31, 0x82, 1, 1, 1, 0, 0}
	cases := map[string]struct {
		codec media.Codec
		body  []byte
		want  []byte
		size  int
	}{
		"avcC":                  {media.H264, rtmptest.AVCConfig, rtmptest.AVCConfig, 4},
		"avcC of short lengths": {media.H264, shortLengths, rtmptest.AVCConfig, 2},
		"hvcC":                  {media.HEVC, hevcRecord, hevc, 2},
		"av1C":                  {media.AV1, []byte{0x81, 8, 12, 0, 10}, []byte{0x81, 8, 12, 0, 10}, 0},
		"vpcC":                  {media.VP9, vp9, vp9, 0},
		"vpcC with its box's":   {media.VP9, append([]byte{1, 0, 0, 0}, vp9...), vp9, 0},
		"vpcC of profile 1":     {media.VP9, []byte{1, 0, 0x82, 1, 1, 1, 0, 0}, []byte{1, 0, 0x82, 1, 1, 1, 0, 0}, 0},
		"ASC":                   {media.AAC, rtmptest.AACConfig, rtmptest.AACConfig, 0},
		"OpusHead": {media.Opus, []byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\xff\x00\x00"),
			[]byte{0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0xff, 0}, 0},
		"OpusHead of 5.1": {media.Opus, []byte("OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05"),
			[]byte{0, 6, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5}, 0},
		"no OpusHead": {media.Opus, nil, []byte{0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0}, 0},
	}
	for name, c := range cases {
		body := bytes.Clone(c.body)
		config, nal, err := decoderConfig(c.codec, body)
		require.NoError(t, err, name)
		require.Equal(t, c.want, config, name)
		require.Equal(t, c.size, nal.size, name)
		clear(body)
		require.Equal(t, c.want, config, "%s: the record must be a copy", name)
	}
}

func TestDecoderConfigsThatAreRefused(t *testing.T) {
	refuse := func(codec media.Codec, body []byte, name string) {
		_, _, err := decoderConfig(codec, body)
		require.Error(t, err, "%s: %s", codec, name)
		require.Equal(t, ingest.ReasonBadMedia, ingest.ReasonOf(err))
	}
	for n := range rtmptest.AVCConfig {
		refuse(media.H264, rtmptest.AVCConfig[:n], "cut off")
	}
	for n := range hevcRecord {
		refuse(media.HEVC, hevcRecord[:n], "cut off")
	}
	refuse(media.H264, append([]byte{1, 66, 0, 13, 0xFF, 0xE0, 1, 0, 2}, 0x68, 1), "without sequence parameter set")
	refuse(media.H264, append([]byte{0}, rtmptest.AVCConfig[1:]...), "of version 0")
	refuse(media.AV1, []byte{0x80, 8, 12, 0}, "without marker")
	refuse(media.AV1, make([]byte, 3), "cut off")
	refuse(media.AV1, append([]byte{0x81}, make([]byte, maxMetadata)...), "too long")
	refuse(media.VP9, []byte{1, 0, 0, 0, 0, 31, 0x82}, "cut off")
	refuse(media.AAC, []byte{0x11}, "cut off")
	refuse(media.Opus, []byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00"), "cut off")
	refuse(media.Opus, []byte("OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00"), "mapping cut off")
	refuse(media.Opus, []byte("OpusHead\x01\x03\x38\x01\x80\xbb\x00\x00\x00\x00\x00"), "of three channels and no mapping")
	refuse(media.Opus, []byte("OpusHead\x01\x00\x38\x01\x80\xbb\x00\x00\x00\x00\x00"), "of no channels")
	refuse(media.Opus, []byte("NotAHeadxxxxxxxxxxxxxxx"), "of another name")
}

package rtmp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
)

func TestNALUnits(t *testing.T) {
	join := func(units ...[]byte) []byte { return bytes.Join(units, nil) }
	nal := rtmptest.NAL
	idr, slice, sei, empty := nal(0x65, 1), nal(0x41, 2), nal(0x06, 3), nal()
	cases := map[string]struct {
		format nalFormat
		body   []byte
		want   nalUnits
	}{
		"IDR":                      {nalFormat{media.H264, 4}, join(sei, idr), nalUnits{join(sei, idr), true, true}},
		"another slice":            {nalFormat{media.H264, 4}, join(sei, slice), nalUnits{join(sei, slice), true, false}},
		"SEI alone":                {nalFormat{media.H264, 4}, sei, nalUnits{sei, false, false}},
		"nothing":                  {nalFormat{media.H264, 4}, []byte{}, nalUnits{[]byte{}, false, false}},
		"empty units are left out": {nalFormat{media.H264, 4}, join(empty, idr, empty, empty, slice, empty), nalUnits{join(idr, slice), true, true}},
		"empty units alone":        {nalFormat{media.H264, 4}, join(empty, empty), nalUnits{[]byte{}, false, false}},
		"two-byte lengths":         {nalFormat{media.H264, 2}, []byte{0, 2, 0x65, 1, 0, 0, 0, 2, 0x41, 2}, nalUnits{join(idr, slice), true, true}},
		"one-byte lengths":         {nalFormat{media.H264, 1}, []byte{2, 0x65, 1}, nalUnits{idr, true, true}},
		"HEVC CRA":                 {nalFormat{media.HEVC, 4}, nal(21<<1, 1), nalUnits{nal(21<<1, 1), true, true}},
		"HEVC trailing picture":    {nalFormat{media.HEVC, 4}, nal(1<<1, 1), nalUnits{nal(1<<1, 1), true, false}},
		"HEVC parameter sets, no picture": {nalFormat{media.HEVC, 4}, join(nal(32<<1, 1), nal(39<<1, 1)),
			nalUnits{join(nal(32<<1, 1), nal(39<<1, 1)), false, false}},
	}
	for name, c := range cases {
		got, err := c.format.read(bytes.Clone(c.body))
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestNALUnitsThatAreRefused(t *testing.T) {
	for name, body := range map[string][]byte{
		"reaches outside":  {0, 0, 0, 5, 0x65, 1},
		"far outside":      {0xff, 0xff, 0xff, 0xff, 0x65, 1},
		"length cut off":   append(rtmptest.NAL(0x65), 0, 0, 0),
		"too many":         bytes.Repeat(rtmptest.NAL(0x41), maxNALUnits+1),
		"too many of none": make([]byte, 4*(maxNALUnits+1)),
	} {
		_, err := nalFormat{media.H264, 4}.read(body)
		require.Error(t, err, name)
		require.Equal(t, ingest.ReasonBadMedia, ingest.ReasonOf(err), name)
	}
}

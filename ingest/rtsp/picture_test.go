package rtsp

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// Parameter sets as x264 and x265 make them, of 320x180 pictures.
const (
	avcSPS  = "6764000dacd941419f9f011000003e90000ea608f1429960"
	avcPPS  = "68ebe3cb22c0"
	hevcVPS = "40010c01ffff01600000030090000003000003003c959809"
	hevcSPS = "42010101600000030090000003000003003ca00a080b9f796566924caf01680800001f480003a98040"
	hevcPPS = "4401c172b46240"
)

func newAVCTrack(t testing.TB, f *format.H264) *track {
	t.Helper()
	tr, err := newTrack(1, f)
	require.NoError(t, err)
	return tr
}

// single is a packet of one NAL unit.
func single(seq uint16, stamp uint32, marker bool, nal []byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: stamp, Marker: marker}, Payload: nal}
}

func TestAPictureIsMadeOfItsPackets(t *testing.T) {
	tr := newAVCTrack(t, &format.H264{PayloadTyp: 96, SPS: unhex(t, avcSPS), PPS: unhex(t, avcPPS), PacketizationMode: 1})
	require.Nil(t, tr.codec.config(), "before the first key picture")
	_, err := tr.take(single(1, 0, false, []byte{9, 0x10}), 0)
	require.ErrorIs(t, err, errMore)
	_, err = tr.take(single(2, 0, false, []byte{0x65, 1, 2}), 0)
	require.ErrorIs(t, err, errMore)
	units, err := tr.take(single(3, 0, true, []byte{0x65, 3, 4}), 0)
	require.NoError(t, err)
	require.Equal(t, []ingest.Unit{{Track: 1, DTS: -6006, Offset: 6006, RandomAccess: true, Payload: []byte{0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 3, 0x65, 3, 4}}}, units,
		"two pictures of reordering are declared, at 30000/1001")
	require.NotNil(t, tr.codec.config())
}

// Some cameras set no marker: the next timestamp ends a picture, which keeps its own.
func TestAPictureWithoutAMarkerKeepsItsTime(t *testing.T) {
	tr := newAVCTrack(t, &format.H264{PayloadTyp: 96, SPS: unhex(t, avcSPS), PPS: unhex(t, avcPPS), PacketizationMode: 1})
	_, err := tr.take(single(1, 0, false, []byte{0x65, 1}), 0)
	require.ErrorIs(t, err, errMore)
	for i := range 3 {
		at := int64(i+1) * 3000
		units, err := tr.take(single(uint16(i+2), uint32(at), false, []byte{0x41, byte(i)}), at)
		require.NoError(t, err)
		require.Equal(t, at-3000, units[0].DTS+units[0].Offset)
	}
}

// Where the packet with the marker is lost, HEVC pictures do not run into one another.
func TestALostMarkerEndsOnePictureOnly(t *testing.T) {
	f := &format.H265{PayloadTyp: 96, VPS: unhex(t, hevcVPS), SPS: unhex(t, hevcSPS), PPS: unhex(t, hevcPPS)}
	tr, err := newTrack(1, f)
	require.NoError(t, err)
	units, err := tr.take(single(1, 0, true, []byte{19 << 1, 1, 7}), 0)
	require.NoError(t, err)
	require.True(t, units[0].RandomAccess)
	_, err = tr.take(single(2, 3000, false, []byte{1 << 1, 1, 8}), 3000)
	require.ErrorIs(t, err, errMore)
	units, err = tr.take(single(4, 6000, true, []byte{1 << 1, 1, 9}), 6000)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0, 3, 2, 1, 9}, units[0].Payload)
	require.EqualValues(t, 6000, units[0].DTS+units[0].Offset)
}

func TestWhatIsGatheredIsBounded(t *testing.T) {
	for name, fragment := range map[string][]byte{"fragments of nothing": {0x7c, 0x05}, "large fragments": append([]byte{0x7c, 0x05}, make([]byte, 60000)...)} {
		tr := newAVCTrack(t, &format.H264{PayloadTyp: 96, PacketizationMode: 1})
		var err error
		_, err = tr.take(single(0, 0, false, []byte{0x7c, 0x85, 0}), 0)
		require.ErrorIs(t, err, errMore)
		n := 0
		for ; n < 2*maxPackets; n++ {
			if _, err = tr.take(single(uint16(n+1), 0, false, fragment), 0); ingest.ReasonOf(err) == ingest.ReasonBadMedia {
				break
			} else if err != nil && len(fragment) > 2 {
				break // the decoder's own limit
			}
		}
		require.Error(t, err, name)
		require.LessOrEqual(t, n, maxPackets, name)
	}
}

func TestParameterSetsOfAStreamThatChanges(t *testing.T) {
	sps, pps := unhex(t, avcSPS), unhex(t, avcPPS)
	s := &parameterSets{codec: media.H264}
	update := func(want bool, sets ...set) {
		t.Helper()
		changed, err := s.update(sets)
		require.NoError(t, err)
		require.Equal(t, want, changed)
	}
	update(true, set{nal.SPS, sps}, set{nal.PPS, pps})
	update(false, set{nal.SPS, sps}, set{nal.PPS, pps})
	second := append([]byte{0x68, 0x5b}, pps[2:]...) // another number
	update(true, set{nal.PPS, second})
	require.Len(t, s.kinds[2], 2)
	third := append(bytes.Clone(pps), 1) // the first number
	update(true, set{nal.PPS, third})
	require.Equal(t, [][]byte{third, second}, s.kinds[2])
	other := bytes.Clone(sps)
	other[3]++
	update(true, set{nal.SPS, other}, set{nal.PPS, pps})
	require.Equal(t, [][]byte{other}, s.kinds[1], "a new sequence parameter set ends the others")
	require.Equal(t, [][]byte{pps}, s.kinds[2])

	for i := 0; ; i++ {
		_, err := s.update([]set{{nal.PPS, append([]byte{0x68, 0, byte(0x80 | i)}, make([]byte, 4000)...)}})
		if err != nil {
			require.Less(t, i, maxSets)
			break
		}
	}
}

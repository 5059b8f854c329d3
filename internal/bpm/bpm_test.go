package bpm_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/bpm"
	"github.com/stagecast/stagecast/internal/bpm/bpmtest"
	"github.com/stagecast/stagecast/internal/media"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var whole = bpm.Report{
	Composed: noon, Requested: noon.Add(5 * time.Millisecond), Encoded: noon.Add(9 * time.Millisecond), Sent: noon.Add(80 * time.Millisecond),
	Rendered: 120, Lagged: 1, Dropped: 0, Output: 360, Input: 120, Skipped: 2, Coded: 0x00000300,
}

// slice is a picture's NAL unit with its length.
var slice = []byte{0, 0, 0, 3, 0x65, 1, 2}

func TestReadsWhatOBSWrites(t *testing.T) {
	for codec, payload := range map[media.Codec][]byte{
		media.H264: append(bpmtest.Units(media.H264, whole), slice...),                          // before the picture
		media.HEVC: append([]byte{0, 0, 0, 3, 0x26, 1, 2}, bpmtest.Units(media.HEVC, whole)...), // after it
	} {
		got, ok := bpm.Read(codec, payload)
		require.True(t, ok, codec)
		require.Equal(t, whole, got, codec)
	}
}

func TestReadsTimesInEveryForm(t *testing.T) {
	body := []byte{2, 2, 1}
	body = binary.BigEndian.AppendUint64(body, uint64(noon.UnixMilli()))
	body = append(body, 3, 2)
	body = binary.BigEndian.AppendUint64(body, 5_000_000)
	body = append(body, 1, 4)
	body = append(body, "2026-03-01T13:00:00.5+01:00\x00"...)
	got, ok := bpm.Read(media.H264, bpmtest.Unit(media.H264, bpmtest.Timestamps, body))
	require.True(t, ok)
	require.True(t, got.Composed.Equal(noon))
	require.True(t, got.Requested.IsZero(), "a time relative to another says nothing by itself")
	require.True(t, got.Sent.Equal(noon.Add(500*time.Millisecond)))
}

func TestOtherPicturesHaveNone(t *testing.T) {
	caption := bpmtest.Unit(media.H264, [16]byte{1, 2, 3}, []byte("text"))
	for name, payload := range map[string][]byte{
		"nothing": nil, "a slice": slice, "other user data": caption, "a length too long": {0, 0, 1, 0, 6, 5}, "half a length": {0, 0, 0},
		"a size too long":    {0, 0, 0, 3, 6, 5, 200},
		"cut off":            bpmtest.Unit(media.H264, bpmtest.Timestamps, []byte{0, 1, 1, '2', '0'}),
		"not a time":         bpmtest.Unit(media.H264, bpmtest.Timestamps, []byte("\x00\x01\x01yesterday\x00")),
		"no such form":       bpmtest.Unit(media.H264, bpmtest.Timestamps, []byte("\x00\x09\x01AAAAAAAA")),
		"fewer than said":    bpmtest.Unit(media.H264, bpmtest.Session, append([]byte("\x00\x01\x04"+noon.Format(time.RFC3339)+"\x00"), 3, 1, 0, 0, 0, 1)),
		"no counters at all": bpmtest.Unit(media.H264, bpmtest.Session, []byte("\x00\x01\x04"+noon.Format(time.RFC3339)+"\x00")),
	} {
		r, ok := bpm.Read(media.H264, payload)
		require.False(t, ok, name)
		require.Zero(t, r, name)
	}
	_, ok := bpm.Read(media.AV1, bpmtest.Units(media.H264, whole))
	require.False(t, ok)
}

func FuzzRead(f *testing.F) {
	f.Add(false, bpmtest.Units(media.H264, whole))
	f.Add(true, bpmtest.Units(media.HEVC, whole))
	f.Add(false, bytes.Repeat([]byte{0, 0, 0, 1, 6}, 1<<18))                                                  // nothing but heads of units
	f.Add(false, bytes.Repeat(append([]byte{0, 0, 16, 0, 6}, bytes.Repeat([]byte{5, 0}, 2047)...), 1<<8))     // nothing but empty messages
	f.Add(false, append([]byte{0, 0, 16, 0, 6, 5}, bytes.Repeat([]byte{255}, 4094)...))                       // a size without an end
	f.Add(false, bpmtest.Unit(media.H264, bpmtest.Timestamps, bytes.Repeat([]byte("\x0f\x01\x01\x00"), 900))) // empty times
	f.Fuzz(func(t *testing.T, hevc bool, payload []byte) {
		codec := media.H264
		if hevc {
			codec = media.HEVC
		}
		if r, ok := bpm.Read(codec, payload); !ok && r != (bpm.Report{}) {
			t.Fatalf("nothing was read, and this came of it: %+v", r)
		}
	})
}

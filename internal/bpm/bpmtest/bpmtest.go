// Package bpmtest writes Broadcast Performance Metrics as OBS does, for tests.
package bpmtest

import (
	"encoding/binary"
	"time"

	"github.com/stagecast/stagecast/internal/bpm"
	"github.com/stagecast/stagecast/internal/media"
)

// The UUIDs of the messages.
var (
	Timestamps = [16]byte{0x0a, 0xec, 0xff, 0xe7, 0x52, 0x72, 0x4e, 0x2f, 0xa6, 0x2f, 0xd1, 0x9c, 0xd6, 0x1a, 0x93, 0xb5}
	Session    = [16]byte{0xca, 0x60, 0xe7, 0x1c, 0x6a, 0x8b, 0x43, 0x88, 0xa3, 0x77, 0x15, 0x1d, 0xf7, 0xbf, 0x8a, 0xc2}
	Rendition  = [16]byte{0xf1, 0xfb, 0xc1, 0xd5, 0x10, 0x1e, 0x4f, 0xb5, 0xa6, 0x1e, 0xb8, 0xce, 0x3c, 0x07, 0xb8, 0xc0}
)

// Units are the NAL units of a report, each led by a length of 4 bytes: one for each message, with every time in it.
func Units(codec media.Codec, r bpm.Report) []byte {
	stamp := func(b []byte, event byte, at time.Time) []byte {
		return append(append(b, 1, event), at.UTC().Format("2006-01-02T15:04:05.000Z\x00")...)
	}
	times := []byte{3}
	for i, at := range []time.Time{r.Composed, r.Requested, r.Encoded, r.Sent} {
		times = stamp(times, byte(i+1), at)
	}
	counters := func(values ...uint32) []byte {
		b := append(stamp([]byte{0}, 4, r.Sent), byte(len(values)-1))
		for i, v := range values {
			b = binary.BigEndian.AppendUint32(append(b, byte(i+1)), v)
		}
		return b
	}
	out := Unit(codec, Timestamps, times)
	out = append(out, Unit(codec, Session, counters(r.Rendered, r.Lagged, r.Dropped, r.Output))...)
	return append(out, Unit(codec, Rendition, counters(r.Input, r.Skipped, r.Coded))...)
}

// Unit is a NAL unit of one message of user data, led by a length of 4 bytes.
func Unit(codec media.Codec, uuid [16]byte, body []byte) []byte {
	message := []byte{5}
	size := len(uuid) + len(body)
	for ; size >= 255; size -= 255 {
		message = append(message, 255)
	}
	message = append(append(append(append(message, byte(size)), uuid[:]...), body...), 0x80)
	unit := []byte{6}
	if codec == media.HEVC {
		unit = []byte{40 << 1, 1}
	}
	zeros := 0
	for _, c := range message { // Rec. ITU-T H.264, 7.4.1: no startcode within a unit
		if zeros == 2 && c <= 3 {
			unit, zeros = append(unit, 3), 0
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		unit = append(unit, c)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(unit))), unit...)
}

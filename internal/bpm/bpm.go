// Package bpm reads Broadcast Performance Metrics: what OBS writes into the key frames of Multitrack Video about itself, as
// user data in supplemental information of H.264 and HEVC.
//
// It owns no state: counters are what has come since the key frame before of the same track.
package bpm

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// Report is what an encoder says with one key frame of one track. A time that it does not tell is zero.
type Report struct {
	Composed  time.Time // the picture was drawn
	Requested time.Time // and given to the encoder
	Encoded   time.Time // and taken by it
	Sent      time.Time // the coded picture was put in line to be sent

	// Of all tracks together.
	Rendered uint32 // pictures drawn
	Lagged   uint32 // pictures drawn too late
	Dropped  uint32 // pictures not sent, because the network did not take them
	Output   uint32 // pictures sent

	// Of the track.
	Input   uint32 // pictures given to the encoder
	Skipped uint32 // pictures that it had no time for
	Coded   uint32 // pictures that came out of it
}

// The messages, by their UUID.
var (
	timestamps = []byte{0x0a, 0xec, 0xff, 0xe7, 0x52, 0x72, 0x4e, 0x2f, 0xa6, 0x2f, 0xd1, 0x9c, 0xd6, 0x1a, 0x93, 0xb5}
	session    = []byte{0xca, 0x60, 0xe7, 0x1c, 0x6a, 0x8b, 0x43, 0x88, 0xa3, 0x77, 0x15, 0x1d, 0xf7, 0xbf, 0x8a, 0xc2}
	rendition  = []byte{0xf1, 0xfb, 0xc1, 0xd5, 0x10, 0x1e, 0x4f, 0xb5, 0xa6, 0x1e, 0xb8, 0xce, 0x3c, 0x07, 0xb8, 0xc0}
)

// maxMessage bounds the supplemental information that is looked at: ours are of some hundred bytes, and captions may be more.
const maxMessage = 4096

// Read finds the metrics in an access unit's payload, as media.AccessUnit has it. ok is false where there are none. The
// payload comes from the network and may hold anything.
func Read(codec media.Codec, payload []byte) (r Report, ok bool) {
	for len(payload) >= 4 {
		n := binary.BigEndian.Uint32(payload)
		if payload = payload[4:]; uint64(n) > uint64(len(payload)) {
			break
		}
		if unit := payload[:n]; len(unit) <= maxMessage {
			if body := supplemental(codec, unit); body != nil {
				ok = r.messages(unescape(body)) || ok
			}
		}
		payload = payload[n:]
	}
	return r, ok
}

// supplemental is what follows the header of a unit of supplemental information; nil for other units (Rec. ITU-T H.264,
// table 7-1; H.265, table 7-1: before a picture, or after it).
func supplemental(codec media.Codec, unit []byte) []byte {
	switch {
	case codec == media.H264 && len(unit) > 1 && unit[0]&0x1F == 6:
		return unit[1:]
	case codec == media.HEVC && len(unit) > 2 && (unit[0]>>1&0x3F == 39 || unit[0]>>1&0x3F == 40):
		return unit[2:]
	}
	return nil
}

// unescape takes out the bytes that keep a unit free of startcodes (Rec. ITU-T H.264, 7.3.1).
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

// messages reads the messages of one unit (Rec. ITU-T H.264, 7.3.2.3.1), and reports whether one was a metric.
func (r *Report) messages(b []byte) (ok bool) {
	const userData = 5 // D.1.7, user_data_unregistered
	for len(b) >= 2 {
		kind, rest := number(b)
		size, rest := number(rest)
		if size > len(rest) {
			break
		}
		if kind == userData && size >= len(timestamps) {
			ok = r.message(rest[:16], rest[16:size]) || ok
		}
		b = rest[size:]
	}
	return ok
}

// number reads a type or a size: as many 255s as there are, and what is left.
func number(b []byte) (n int, rest []byte) {
	for i, c := range b {
		n += int(c)
		if c != 255 {
			return n, b[i+1:]
		}
	}
	return n, nil
}

// message reads one, and reports whether it was a metric and whole.
func (r *Report) message(uuid, b []byte) bool {
	was := *r
	ok := false
	switch {
	case bytes.Equal(uuid, timestamps):
		_, ok = r.times(b)
	case bytes.Equal(uuid, session):
		ok = r.counters(b, &r.Rendered, &r.Lagged, &r.Dropped, &r.Output)
	case bytes.Equal(uuid, rendition):
		ok = r.counters(b, &r.Input, &r.Skipped, &r.Coded)
	}
	if !ok {
		*r = was
	}
	return ok
}

// times reads a list of times: its length less one, and for each the form, the event and the time.
func (r *Report) times(b []byte) (rest []byte, ok bool) {
	const text, milliseconds, delta = 1, 2, 3
	events := [...]*time.Time{1: &r.Composed, 2: &r.Requested, 3: &r.Encoded, 4: &r.Sent}
	if len(b) == 0 {
		return nil, false
	}
	count := int(b[0]&15) + 1
	b = b[1:]
	for range count {
		if len(b) < 2 {
			return nil, false
		}
		form, event := b[0], int(b[1])
		b = b[2:]
		var at time.Time
		switch form {
		case text:
			end := bytes.IndexByte(b, 0)
			if end < 0 {
				return nil, false
			}
			var err error
			if at, err = time.Parse(time.RFC3339Nano, string(b[:min(end, 64)])); err != nil {
				return nil, false
			}
			b = b[end+1:]
		case milliseconds, delta:
			if len(b) < 8 {
				return nil, false
			}
			if form == milliseconds {
				at = time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC()
			}
			b = b[8:]
		default:
			return nil, false
		}
		if event > 0 && event < len(events) && !at.IsZero() {
			*events[event] = at
		}
	}
	return b, true
}

// counters reads the time of a list of counters, and the counters: how many less one, and for each its tag, counted from 1,
// and its value. Tags that we do not know are left out.
func (r *Report) counters(b []byte, known ...*uint32) bool {
	var when Report
	b, ok := when.times(b)
	if !ok || len(b) == 0 {
		return false
	}
	count := int(b[0]&15) + 1
	if b = b[1:]; len(b) < 5*count {
		return false
	}
	for range count {
		if tag := int(b[0]); tag >= 1 && tag <= len(known) {
			*known[tag-1] = binary.BigEndian.Uint32(b[1:])
		}
		b = b[5:]
	}
	return true
}

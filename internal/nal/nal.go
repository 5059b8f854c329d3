// Package nal reads the NAL units of H.264 and HEVC, and makes decoder configurations of their parameter sets.
//
// It owns no buffers: what it yields are slices of what it was given.
package nal

import (
	"bytes"
	"iter"

	"github.com/stagecast/stagecast/internal/media"
)

// Kind is what a NAL unit is for.
type Kind uint8

// The kinds that matter. Everything else, such as supplemental information, is Other.
const (
	Other        Kind = iota
	Slice             // of a picture that needs others
	RandomAccess      // slice of a picture that can be decoded alone: IDR; in HEVC any IRAP
	VPS               // parameter sets
	SPS
	PPS
	Delimiter // of access units
	Filler
)

// Picture reports whether a unit is part of a coded picture.
func (k Kind) Picture() bool { return k == Slice || k == RandomAccess }

// KindOf reads the first byte of a NAL unit (Rec. ITU-T H.264, table 7-1; H.265, table 7-1).
func KindOf(codec media.Codec, header byte) Kind {
	if codec == media.H264 {
		return h264Kind(header & 0x1F)
	}
	return hevcKind(header >> 1 & 0x3F)
}

func h264Kind(t byte) Kind {
	switch {
	case t == 5:
		return RandomAccess
	case 1 <= t && t < 5:
		return Slice
	case t == 7:
		return SPS
	case t == 8:
		return PPS
	case t == 9:
		return Delimiter
	case t == 12:
		return Filler
	}
	return Other
}

func hevcKind(t byte) Kind {
	switch {
	case 16 <= t && t <= 23:
		return RandomAccess
	case t < 32:
		return Slice
	case t == 32:
		return VPS
	case t == 33:
		return SPS
	case t == 34:
		return PPS
	case t == 35:
		return Delimiter
	case t == 38:
		return Filler
	}
	return Other
}

var startcode = []byte{0, 0, 1}

// Units yields the NAL units of a byte stream (Rec. ITU-T H.264, Annex B), without startcodes and trailing zeros; none is
// empty. What stands before the first startcode is left out.
func Units(annexB []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		at := bytes.Index(annexB, startcode)
		for at >= 0 {
			annexB = annexB[at+len(startcode):]
			unit := annexB
			if at = bytes.Index(annexB, startcode); at >= 0 {
				unit = annexB[:at]
			}
			if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 && !yield(unit) {
				return
			}
		}
	}
}

// IsRecoveryPoint reports whether an H.264 NAL unit is supplemental information that says that all pictures from here on
// are right when decoding starts here (Rec. ITU-T H.264, D.2.8, recovery_frame_cnt 0): what encoders with open groups of
// pictures send instead of IDR pictures. Only the first message of the unit is looked at, where it stands.
func IsRecoveryPoint(unit []byte) bool {
	const sei, recoveryPoint = 6, 6
	return len(unit) >= 4 && unit[0]&0x1F == sei && unit[1] == recoveryPoint && unit[3]&0x80 != 0 // ue(v) of 0 is one bit
}

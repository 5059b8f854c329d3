// Package cmaf writes CMAF (ISO/IEC 23000-19): the CMAF header of a track and its chunks, and reads what a track's decoder
// configuration says about it.
//
// It owns no buffers and no policy: what goes into a chunk, and when, is the packager's decision.
package cmaf

import (
	"encoding/binary"
	"fmt"

	"github.com/stagecast/stagecast/internal/media"
)

// Header makes the CMAF header (ftyp and moov) of tracks. Their order gives their track IDs, from 1.
//
// A Rendition has one track. Two of them make a plain fragmented file, as decoders take it from a pipe.
// An error says which track lacks what; see Complete.
func Header(tracks ...*media.Track) ([]byte, error) {
	moov := [][]byte{mvhd(len(tracks))}
	mvex := [][]byte{}
	for i, t := range tracks {
		entry, err := sampleEntry(t)
		if err != nil {
			return nil, fmt.Errorf("cmaf: header of track %d (%s): %w", t.ID, t.Codec, err)
		}
		id := uint32(i + 1)
		moov = append(moov, trak(id, t, entry))
		mvex = append(mvex, trex(id))
	}
	moov = append(moov, box("mvex", mvex...))
	return append(ftyp(len(tracks)), box("moov", moov...)...), nil
}

// ISO/IEC 23000-19, CMAF track: the 'cmfc' brand is of a file with one track; 'iso6' is what default-base-is-moof and
// signed composition offsets ask for.
func ftyp(tracks int) []byte {
	brands := "iso6mp41"
	if tracks == 1 {
		brands = "iso6cmfcmp41"
	}
	return box("ftyp", []byte("iso6"), u32(0), []byte(brands))
}

// ISO/IEC 23000-19, CMAF header: "no samples", so that every duration is zero.
func mvhd(tracks int) []byte {
	return fullBox("mvhd", 0, 0,
		u32(0, 0, 1000, 0), // creation, modification, timescale, duration
		u32(0x00010000),    // rate 1.0
		u16(0x0100, 0),     // volume 1.0
		u32(0, 0), unityMatrix, make([]byte, 6*4),
		u32(uint32(tracks+1)))
}

func trak(id uint32, t *media.Track, entry []byte) []byte {
	return box("trak", tkhd(id, t), box("mdia", mdhd(t), elng(t), hdlr(t.Kind()), minf(t.Kind(), entry)))
}

func tkhd(id uint32, t *media.Track) []byte {
	volume := uint16(0)
	if t.Kind() == media.Audio {
		volume = 0x0100
	}
	const enabledInMovieInPreview = 7
	return fullBox("tkhd", 0, enabledInMovieInPreview,
		u32(0, 0, id, 0, 0, 0, 0), // creation, modification, ID, reserved, duration, reserved
		u16(0, 0, volume, 0),      // layer, alternate group
		unityMatrix,
		u32(uint32(t.Width)<<16, uint32(t.Height)<<16))
}

func mdhd(t *media.Track) []byte {
	lang := "und"
	if isISO639(t.Language) {
		lang = t.Language
	}
	packed := uint16(lang[0]-0x60)<<10 | uint16(lang[1]-0x60)<<5 | uint16(lang[2]-0x60)
	return fullBox("mdhd", 0, 0, u32(0, 0, uint32(t.ClockRate), 0), u16(packed, 0))
}

// elng carries the RFC 5646 tags that the three letters of mdhd cannot.
func elng(t *media.Track) []byte {
	if t.Language == "" || isISO639(t.Language) {
		return nil
	}
	return fullBox("elng", 0, 0, []byte(t.Language), []byte{0})
}

func isISO639(lang string) bool {
	if len(lang) != 3 {
		return false
	}
	for _, c := range []byte(lang) {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func hdlr(k media.Kind) []byte {
	handler, name := "vide", "Video"
	if k == media.Audio {
		handler, name = "soun", "Sound"
	}
	return fullBox("hdlr", 0, 0, u32(0), []byte(handler), make([]byte, 3*4), []byte(name), []byte{0})
}

func minf(k media.Kind, entry []byte) []byte {
	head := fullBox("vmhd", 0, 1, make([]byte, 8))
	if k == media.Audio {
		head = fullBox("smhd", 0, 0, make([]byte, 4))
	}
	const selfContained = 1
	return box("minf", head,
		box("dinf", fullBox("dref", 0, 0, u32(1), fullBox("url ", 0, selfContained))),
		box("stbl",
			fullBox("stsd", 0, 0, u32(1), entry),
			fullBox("stts", 0, 0, u32(0)),
			fullBox("stsc", 0, 0, u32(0)),
			fullBox("stsz", 0, 0, u32(0, 0)),
			fullBox("stco", 0, 0, u32(0))))
}

func trex(id uint32) []byte {
	return fullBox("trex", 0, 0, u32(id, 1, 0, 0, 0)) // sample description 1; no default duration, size, flags
}

var unityMatrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

// box is one box around the concatenation of its bodies.
func box(kind string, bodies ...[]byte) []byte {
	size := 8
	for _, b := range bodies {
		size += len(b)
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(size))
	out = append(out, kind...)
	for _, b := range bodies {
		out = append(out, b...)
	}
	return out
}

func fullBox(kind string, version byte, flags uint32, bodies ...[]byte) []byte {
	return box(kind, append([][]byte{u32(uint32(version)<<24 | flags)}, bodies...)...)
}

func u32(values ...uint32) (out []byte) {
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

func u16(values ...uint16) (out []byte) {
	for _, v := range values {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	return out
}

package cmaf

import (
	"errors"
	"fmt"

	"github.com/stagecast/stagecast/internal/media"
)

// maxConfig bounds a decoder configuration: parameter sets take a few hundred bytes.
const maxConfig = 64 << 10

// sampleEntry is the box in stsd that describes a track's samples (ISO/IEC 14496-12, SampleEntry).
func sampleEntry(t *media.Track) ([]byte, error) {
	if err := checkEntry(t); err != nil {
		return nil, err
	}
	switch t.Codec {
	case media.H264:
		return visualEntry("avc1", t, box("avcC", t.Config)), nil
	case media.HEVC:
		return visualEntry("hvc1", t, box("hvcC", t.Config)), nil
	case media.AV1:
		return visualEntry("av01", t, box("av1C", t.Config)), nil
	case media.VP9:
		return visualEntry("vp09", t, fullBox("vpcC", 1, 0, t.Config)), nil
	case media.AAC:
		return audioEntry("mp4a", t, esds(t, mpeg4Audio, t.Config)), nil
	case media.MPA:
		return audioEntry("mp4a", t, esds(t, mpeg1Audio, nil)), nil
	case media.AC3:
		return audioEntry("ac-3", t, box("dac3", t.Config)), nil
	case media.Opus:
		return audioEntry("Opus", t, box("dOps", t.Config)), nil
	}
	return nil, fmt.Errorf("no sample entry for codec %q", t.Codec)
}

func checkEntry(t *media.Track) error {
	switch {
	case t.ClockRate <= 0 || t.ClockRate > 1<<31:
		return errors.New("no clock rate")
	case len(t.Config) == 0:
		return errors.New("no decoder configuration")
	case len(t.Config) > maxConfig:
		return errors.New("decoder configuration too large")
	case t.Kind() == media.Video && !sizeFits(t.Width, t.Height):
		return fmt.Errorf("picture size %dx%d", t.Width, t.Height)
	case t.Kind() == media.Audio && (t.Channels <= 0 || t.Channels > 255):
		return fmt.Errorf("%d channels", t.Channels)
	}
	return nil
}

func sizeFits(width, height int) bool {
	return width > 0 && height > 0 && width <= 0xffff && height <= 0xffff
}

func visualEntry(kind string, t *media.Track, config []byte) []byte {
	return box(kind,
		make([]byte, 6), u16(1), // reserved, data reference
		make([]byte, 16),
		u16(uint16(t.Width), uint16(t.Height)),
		u32(0x00480000, 0x00480000, 0), // 72 dpi
		u16(1),                         // one picture per sample
		make([]byte, 32),               // compressor name
		u16(0x0018, 0xffff),            // depth 24, no colour table
		config)
}

func audioEntry(kind string, t *media.Track, config []byte) []byte {
	rate := uint32(0) // above 16 bits only the configuration tells
	if t.SampleRate <= 0xffff {
		rate = uint32(t.SampleRate) << 16
	}
	return box(kind,
		make([]byte, 6), u16(1), // reserved, data reference
		make([]byte, 8),
		u16(uint16(t.Channels), 16, 0, 0), // 16 bits per sample
		u32(rate),
		config)
}

// The objectTypeIndication of a DecoderConfigDescriptor (ISO/IEC 14496-1, table 5).
const (
	mpeg4Audio = 0x40
	mpeg1Audio = 0x6B
)

// esds wraps a decoder configuration, where the object type has one (ISO/IEC 14496-1, ES_Descriptor; ISO/IEC 14496-14,
// ESDBox):
//
//	ES_Descriptor { ES_ID 0, DecoderConfigDescriptor { …, DecoderSpecificInfo }, SLConfigDescriptor }
func esds(t *media.Track, objectType byte, info []byte) []byte {
	const (
		esTag, configTag, infoTag, slTag = 3, 4, 5, 6
		audioStream                      = 0x15
		forMP4                           = 2
	)
	bitrate := uint32(max(t.Bitrate, 0))
	var specific []byte
	if info != nil {
		specific = descriptor(infoTag, info)
	}
	config := descriptor(configTag, []byte{objectType, audioStream, 0, 0, 0}, u32(bitrate, bitrate), specific)
	return fullBox("esds", 0, 0, descriptor(esTag, []byte{0, 0, 0}, config, descriptor(slTag, []byte{forMP4})))
}

// descriptor writes its length in the four-byte form, which every reader takes.
func descriptor(tag byte, bodies ...[]byte) []byte {
	size := 0
	for _, b := range bodies {
		size += len(b)
	}
	out := []byte{tag, byte(size>>21) | 0x80, byte(size>>14) | 0x80, byte(size>>7) | 0x80, byte(size) & 0x7f}
	for _, b := range bodies {
		out = append(out, b...)
	}
	return out
}

package check

import (
	"fmt"
	"slices"
)

// Init is a CMAF header as it was read: the Media Initialization Section of HLS.
type Init struct {
	Brands []string
	Tracks []Track
	Faults []string // against RFC 8216bis 3.1.2
}

// Track is one trak of an Init.
type Track struct {
	ID            uint32
	Handler       string // "vide", "soun", …
	Timescale     uint32
	Format        string // of its sample entry: "avc1", "mp4a", …
	Codec         string // as CODECS should say it (RFC 6381)
	Width, Height int
	NALLength     int   // bytes of a NAL unit's length; 0 where the format has none
	Edit          int64 // media time that an edit list starts at: what is presented first

	duration uint32 // defaults of its trex
	size     uint32
	flags    uint32
}

// Track of that ID; nil where there is none.
func (in *Init) Track(id uint32) *Track {
	for i := range in.Tracks {
		if in.Tracks[i].ID == id {
			return &in.Tracks[i]
		}
	}
	return nil
}

// Main is the track that the durations of the playlist are about: the first one of pictures, or else the first.
func (in *Init) Main() *Track {
	for i := range in.Tracks {
		if in.Tracks[i].Handler == "vide" {
			return &in.Tracks[i]
		}
	}
	if len(in.Tracks) == 0 {
		return nil
	}
	return &in.Tracks[0]
}

func (in *Init) fault(format string, args ...any) {
	in.Faults = append(in.Faults, fmt.Sprintf(format, args...))
}

// laterBrands are iso6 and what came after it; hlsf is what packagers for HLS write in its place.
var laterBrands = []string{"iso6", "iso7", "iso8", "iso9", "isoa", "isob", "isoc", "hlsf"}

// ParseInit reads a CMAF header. The error is for what cannot be read; what can, and should not be, is in Faults.
func ParseInit(b []byte) (*Init, error) {
	top, err := boxes(b)
	if err != nil {
		return nil, fmt.Errorf("init section: %w", err)
	}
	in := &Init{}
	var moov []byte
	for _, x := range top {
		switch x.name {
		case "ftyp":
			in.ftyp(x.data)
		case "moov":
			moov = x.data
		case "mdat", "moof":
			in.fault("holds a %s box", x.name)
		}
	}
	if moov == nil {
		return nil, fmt.Errorf("init section: no moov")
	}
	if !slices.ContainsFunc(in.Brands, func(s string) bool { return slices.Contains(laterBrands, s) }) {
		in.fault("no brand of iso6 or later: %q", in.Brands)
	}
	return in, in.moov(moov)
}

func (in *Init) ftyp(b []byte) {
	f := fields{b: b}
	in.Brands = append(in.Brands, string(f.take(4)))
	f.skip(4)
	for len(f.b) >= 4 {
		in.Brands = append(in.Brands, string(f.take(4)))
	}
}

func (in *Init) moov(b []byte) error {
	inside, err := boxes(b)
	if err != nil {
		return fmt.Errorf("moov: %w", err)
	}
	extended := false
	for _, x := range inside {
		switch x.name {
		case "mvhd":
			f := fields{b: x.data}
			v, _ := f.full()
			f.sized(v)
			f.sized(v)
			f.skip(4)
			in.zero("mvhd", f.sized(v))
		case "trak":
			if extended {
				in.fault("mvex stands before a trak")
			}
			if err := in.trak(x.data); err != nil {
				return fmt.Errorf("trak: %w", err)
			}
		case "mvex":
			extended = true
			in.mvex(x.data)
		}
	}
	if !extended {
		in.fault("no mvex")
	}
	return nil
}

func (in *Init) zero(where string, duration uint64) {
	if duration != 0 {
		in.fault("%s has a duration of %d", where, duration)
	}
}

func (in *Init) mvex(b []byte) {
	inside, err := boxes(b)
	if err != nil {
		in.fault("mvex: %v", err)
	}
	extended := make(map[uint32]bool)
	for _, x := range inside {
		if x.name != "trex" {
			continue
		}
		f := fields{b: x.data}
		f.full()
		id := f.u32()
		extended[id] = true
		f.skip(4)
		if t := in.Track(id); t != nil {
			t.duration, t.size, t.flags = f.u32(), f.u32(), f.u32()
		}
	}
	for _, t := range in.Tracks {
		if !extended[t.ID] {
			in.fault("no trex for track %d", t.ID)
		}
	}
}

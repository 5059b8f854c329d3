package check

import (
	"bytes"
	"errors"
	"fmt"
)

// Media is a part or a segment as it was read.
type Media struct {
	Samples []Sample // in the order of their fragments
	Faults  []string // against RFC 8216bis 3.1.2
}

// Sample is one access unit.
type Sample struct {
	Track    uint32
	DTS      int64 // ticks of the track's timescale
	Offset   int64 // PTS−DTS
	Duration uint32
	Sync     bool
	Data     []byte // of the bytes that were read; nil where they are not there
}

func (s *Sample) same(o *Sample) bool {
	return s.Track == o.Track && s.DTS == o.DTS && s.Offset == o.Offset && s.Duration == o.Duration && s.Sync == o.Sync && bytes.Equal(s.Data, o.Data)
}

// ParseMedia reads a part or a segment that belongs to the header. The error is for what cannot be read; what can, and
// should not be, is in Faults. The samples point into b.
func (in *Init) ParseMedia(b []byte) (*Media, error) {
	top, err := boxes(b)
	if err != nil {
		return nil, fmt.Errorf("fragment: %w", err)
	}
	r := &mediaReader{in: in, file: b, top: top, m: &Media{}}
	for i, x := range top {
		if x.name == "moof" {
			if err := r.moof(i); err != nil {
				return nil, fmt.Errorf("moof: %w", err)
			}
		}
	}
	if len(r.m.Samples) == 0 {
		return nil, errors.New("fragment: no samples")
	}
	return r.m, nil
}

// mediaReader walks the fragments of one resource.
type mediaReader struct {
	in   *Init
	file []byte
	top  []box
	m    *Media

	moofStart int
	payload   []box // the mdat boxes of the fragment
	dataEnd   int   // where the samples read last end
}

func (r *mediaReader) fault(format string, args ...any) {
	if len(r.m.Faults) < 16 {
		r.m.Faults = append(r.m.Faults, fmt.Sprintf(format, args...))
	}
}

// moof reads the fragment that begins with a top-level box.
func (r *mediaReader) moof(i int) error {
	r.moofStart, r.payload = r.top[i].start, nil
	for _, x := range r.top[i+1:] {
		if x.name == "moof" {
			break
		}
		if x.name == "mdat" {
			r.payload = append(r.payload, x)
		}
	}
	inside, err := boxes(r.top[i].data)
	if err != nil {
		return err
	}
	n := 0
	for _, x := range inside {
		if x.name == "traf" {
			n++
		}
	}
	for _, x := range inside {
		if x.name == "traf" {
			if err := r.traf(x.data, n); err != nil {
				return fmt.Errorf("traf: %w", err)
			}
		}
	}
	return nil
}

// run is what the boxes of a traf say of the samples that follow.
type run struct {
	track    uint32
	time     int64
	base     int
	duration uint32
	size     uint32
	flags    uint32
}

// The flags of tfhd and trun (ISO/IEC 14496-12 8.8.7, 8.8.8).
const (
	tfhdBaseDataOffset    = 0x1
	tfhdDescription       = 0x2
	tfhdDuration          = 0x8
	tfhdSize              = 0x10
	tfhdFlags             = 0x20
	tfhdDefaultBaseIsMoof = 0x20000

	trunDataOffset       = 0x1
	trunFirstSampleFlags = 0x4
	trunDuration         = 0x100
	trunSize             = 0x200
	trunFlags            = 0x400
	trunOffset           = 0x800

	nonSync = 0x10000 // sample_is_non_sync_sample
)

func (r *mediaReader) traf(b []byte, siblings int) error {
	var at run
	timed := false
	return walk(b, map[string]func([]byte) error{
		"tfhd": func(b []byte) (err error) { at, err = r.tfhd(b, siblings); return err },
		"tfdt": func(b []byte) error {
			f := fields{b: b}
			v, _ := f.full()
			at.time, timed = int64(f.sized(v)), true
			return f.err()
		},
		"trun": func(b []byte) error {
			if !timed {
				r.fault("a traf of track %d has no tfdt before its trun", at.track)
			}
			return r.trun(b, &at)
		},
	})
}

func (r *mediaReader) tfhd(b []byte, siblings int) (run, error) {
	f := fields{b: b}
	_, flags := f.full()
	at := run{track: f.u32(), base: r.moofStart}
	t := r.in.Track(at.track)
	if t == nil {
		r.fault("no trak for track %d", at.track)
		t = &Track{}
	}
	at.duration, at.size, at.flags = t.duration, t.size, t.flags
	if flags&tfhdBaseDataOffset != 0 {
		r.fault("base-data-offset is present")
		at.base = int(min(f.u64(), uint64(len(r.file))))
	} else if flags&tfhdDefaultBaseIsMoof == 0 && siblings > 1 {
		r.fault("several trafs without default-base-is-moof")
	}
	if flags&tfhdDescription != 0 {
		f.skip(4)
	}
	for _, v := range []struct {
		flag uint32
		to   *uint32
	}{{tfhdDuration, &at.duration}, {tfhdSize, &at.size}, {tfhdFlags, &at.flags}} {
		if flags&v.flag != 0 {
			*v.to = f.u32()
		}
	}
	r.dataEnd = at.base
	return at, f.err()
}

func (r *mediaReader) trun(b []byte, at *run) error {
	f := fields{b: b}
	version, flags := f.full()
	n := f.u32()
	data := r.dataEnd
	if flags&trunDataOffset != 0 {
		data = at.base + int(int32(f.u32()))
	}
	first := at.flags
	if flags&trunFirstSampleFlags != 0 {
		first = f.u32()
	}
	if uint64(n)+uint64(len(r.m.Samples)) > maxSamples {
		return fmt.Errorf("more than %d samples", maxSamples)
	}
	for i := range n {
		s := Sample{Track: at.track, DTS: at.time, Duration: at.duration}
		size, sampleFlags := at.size, at.flags
		if i == 0 {
			sampleFlags = first
		}
		if flags&trunDuration != 0 {
			s.Duration = f.u32()
		}
		if flags&trunSize != 0 {
			size = f.u32()
		}
		if flags&trunFlags != 0 {
			sampleFlags = f.u32()
		}
		if flags&trunOffset != 0 {
			s.Offset = compositionOffset(version, f.u32())
		}
		if f.short {
			return errShort
		}
		s.Sync, s.Data = sampleFlags&nonSync == 0, r.sample(data, int(size))
		r.m.Samples = append(r.m.Samples, s)
		at.time += int64(s.Duration)
		data += int(size)
	}
	r.dataEnd = data
	return nil
}

func compositionOffset(version uint8, v uint32) int64 {
	if version == 0 {
		return int64(v)
	}
	return int64(int32(v))
}

// sample is a sample's bytes, which must lie inside one mdat of the fragment.
func (r *mediaReader) sample(at, size int) []byte {
	for _, x := range r.payload {
		if at >= x.body && at+size <= x.body+len(x.data) {
			return r.file[at : at+size]
		}
	}
	r.fault("a sample of %d bytes at byte %d lies outside the mdat", size, at)
	return nil
}

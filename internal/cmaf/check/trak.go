package check

import "fmt"

// trak reads one track of the moov.
func (in *Init) trak(b []byte) error {
	t := Track{}
	err := walk(b, map[string]func([]byte) error{
		"tkhd": func(b []byte) error { return in.tkhd(&t, b) },
		"edts": func(b []byte) error { return walk(b, map[string]func([]byte) error{"elst": t.elst}) },
		"mdia": func(b []byte) error { return in.mdia(&t, b) },
	})
	if err != nil {
		return err
	}
	if t.Timescale == 0 {
		return fmt.Errorf("track %d has no timescale", t.ID)
	}
	in.Tracks = append(in.Tracks, t)
	return nil
}

// walk calls the reader of each box of a container that has one.
func walk(b []byte, readers map[string]func([]byte) error) error {
	inside, err := boxes(b)
	if err != nil {
		return err
	}
	for _, x := range inside {
		if read := readers[x.name]; read != nil {
			if err := read(x.data); err != nil {
				return fmt.Errorf("%s: %w", x.name, err)
			}
		}
	}
	return nil
}

func (in *Init) tkhd(t *Track, b []byte) error {
	f := fields{b: b}
	v, _ := f.full()
	f.sized(v)
	f.sized(v)
	t.ID = f.u32()
	f.skip(4)
	in.zero("tkhd", f.sized(v))
	return f.err()
}

func (f *fields) err() error {
	if f.short {
		return errShort
	}
	return nil
}

// elst takes the media time of the first edit that is not an empty one.
func (t *Track) elst(b []byte) error {
	f := fields{b: b}
	v, _ := f.full()
	for range min(f.u32(), 16) {
		f.sized(v)
		at := int64(f.sized(v))
		if v == 0 {
			at = int64(int32(at))
		}
		f.skip(4)
		if at >= 0 {
			t.Edit = at
			break
		}
	}
	return f.err()
}

func (in *Init) mdia(t *Track, b []byte) error {
	return walk(b, map[string]func([]byte) error{
		"mdhd": func(b []byte) error {
			f := fields{b: b}
			v, _ := f.full()
			f.sized(v)
			f.sized(v)
			t.Timescale = f.u32()
			in.zero("mdhd", f.sized(v))
			return f.err()
		},
		"hdlr": func(b []byte) error {
			f := fields{b: b}
			f.skip(8)
			t.Handler = string(f.take(4))
			return f.err()
		},
		"minf": func(b []byte) error {
			return walk(b, map[string]func([]byte) error{"stbl": func(b []byte) error { return in.stbl(t, b) }})
		},
	})
}

// stbl reads the sample entry, and checks that no sample is described.
func (in *Init) stbl(t *Track, b []byte) error {
	empty := func(name string, before int) func([]byte) error {
		return func(b []byte) error {
			f := fields{b: b}
			f.skip(4 + before)
			if n := f.u32(); n != 0 {
				in.fault("%s describes %d samples", name, n)
			}
			return f.err()
		}
	}
	return walk(b, map[string]func([]byte) error{
		"stsd": func(b []byte) error {
			if len(b) < 8 {
				return errShort
			}
			inside, err := boxes(b[8:])
			if err == nil && len(inside) > 0 {
				err = t.entry(inside[0])
			}
			return err
		},
		"stts": empty("stts", 0), "stsc": empty("stsc", 0), "stsz": empty("stsz", 4), "stco": empty("stco", 0), "co64": empty("co64", 0),
	})
}

package nut

func (r *Reader) mainHeader(f *fields) {
	if version := f.v(); version > 3 {
		f.v() // the minor version
	}
	f.v() // streams
	f.v() // the longest distance between syncpoints
	bases := f.v()
	if bases == 0 || bases > maxStreams {
		f.fail("%d time bases", bases)
		return
	}
	r.bases = r.bases[:0]
	for range bases {
		b := base{int64(f.v()), int64(f.v())}
		if b.num <= 0 || b.den <= 0 || b.num > maxBase || b.den > maxBase {
			f.fail("a time base of %d/%d", b.num, b.den)
		}
		r.bases = append(r.bases, b)
	}
	r.frameCodes(f)
	headers := f.v()
	if headers > 127 {
		f.fail("%d elision headers", headers)
		return
	}
	r.elided = [][]byte{nil}
	for range headers {
		r.elided = append(r.elided, f.bytes())
	}
}

// frameCodes reads the table of what each first byte of a frame stands for.
func (r *Reader) frameCodes(f *fields) {
	var c code
	c.mul = 1
	for i := 0; i < 256 && f.err == nil; {
		c.flags = f.v()
		n := f.v()
		c.lsb, c.reserved = 0, 0
		if n > 0 {
			c.delta = f.s()
		}
		if n > 1 {
			c.mul = f.v()
		}
		if n > 2 {
			c.stream = f.v()
		}
		if n > 3 {
			c.lsb = f.v()
		}
		if n > 4 {
			c.reserved = f.v()
		}
		count := c.mul - c.lsb
		if n > 5 {
			count = f.v()
		}
		if n > 6 {
			f.s()
		}
		if n > 7 {
			c.header = f.v()
		}
		for j := uint64(8); j < n && f.err == nil; j++ {
			f.v()
		}
		if count == 0 || count > 256 || c.mul > 1<<20 || c.lsb > 1<<20 {
			f.fail("a table of frame codes that does not add up")
			return
		}
		i = r.fill(i, int(count), c)
	}
}

// fill sets count codes from i on, and leaves out 'N', the first byte of the startcodes.
func (r *Reader) fill(i, count int, c code) int {
	for j := 0; j < count && i < 256; i++ {
		if i == 'N' {
			r.codes[i] = code{flags: flagInvalid}
			continue
		}
		r.codes[i] = c
		r.codes[i].lsb += uint64(j)
		j++
	}
	return i
}

func (r *Reader) streamHeader(f *fields) {
	id := f.v()
	class := f.v()
	s := &stream{}
	s.FourCC = string(f.bytes())
	b := f.v()
	s.shift = f.v()
	f.v() // the longest distance of timestamps
	f.v() // decode delay
	f.v() // flags
	s.Extradata = f.bytes()
	if b >= uint64(len(r.bases)) || s.shift > 32 || len(r.streams) >= maxStreams {
		f.fail("a stream header out of range")
		return
	}
	s.base = r.bases[b]
	s.Num, s.Den = s.base.num, s.base.den
	switch class {
	case 0:
		s.Width, s.Height = int(f.v()), int(f.v())
	case 1:
		rate, div := f.v(), f.v()
		if div == 0 {
			f.fail("a sample rate of %d/0", rate)
			return
		}
		s.SampleRate, s.Channels = int(rate/div), int(f.v())
	}
	if f.err == nil {
		r.streams[id] = s
	}
}

// syncpoint sets the time that the frames after it are coded against.
func (r *Reader) syncpoint(f *fields) {
	coded := f.v()
	n := uint64(len(r.bases))
	if n == 0 {
		f.fail("a syncpoint before the main header")
		return
	}
	from := r.bases[coded%n]
	at := int64(coded / n)
	for _, s := range r.streams {
		s.last = rescale(at, from, s.base)
	}
}

// rescale converts between time bases, rounding down, without overflow for times of our pipes.
func rescale(at int64, from, to base) int64 {
	if from == to {
		return at
	}
	num, den := from.num*to.den, from.den*to.num
	return at/den*num + at%den*num/den
}

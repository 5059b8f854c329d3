package nut

import (
	"fmt"
	"io"
)

// fields reads the fields of a header; the first fault sticks.
type fields struct {
	b   []byte
	err error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
}

// ReadByte implements io.ByteReader.
func (f *fields) ReadByte() (byte, error) {
	if len(f.b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b := f.b[0]
	f.b = f.b[1:]
	return b, nil
}

func (f *fields) v() uint64 {
	v, err := varint(f)
	if err != nil {
		f.fail("a header is cut short")
	}
	return v
}

// s is a signed number: 0, 1, -1, 2, -2, …
func (f *fields) s() int64 {
	v := f.v() + 1
	if v&1 != 0 {
		return -int64(v >> 1)
	}
	return int64(v >> 1)
}

func (f *fields) bytes() []byte {
	n := f.v()
	if n > uint64(len(f.b)) {
		f.fail("a field is cut short")
		return nil
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

// varint reads a number of seven bits a byte, the highest first.
func varint(r io.ByteReader) (uint64, error) {
	var v uint64
	for range 10 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v = v<<7 | uint64(b&0x7f)
		if b&0x80 == 0 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: an endless number", ErrFormat)
}

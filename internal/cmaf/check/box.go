package check

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The bounds of what is read.
const (
	maxBoxes   = 1 << 14 // in one container
	maxSamples = 1 << 16 // in one resource
)

var errShort = errors.New("ends too early")

// box is one box of a container (ISO/IEC 14496-12 4.2).
type box struct {
	name  string
	start int // of its header, from the start of the container's content
	body  int // where the content begins, likewise
	data  []byte
}

// boxes splits the content of a container. It fails where the boxes do not fill it exactly.
func boxes(b []byte) ([]box, error) {
	var out []box
	for at := 0; at < len(b); {
		if len(out) == maxBoxes {
			return out, fmt.Errorf("more than %d boxes", maxBoxes)
		}
		x, end, err := boxAt(b, at)
		if err != nil {
			return out, err
		}
		out = append(out, x)
		at = end
	}
	return out, nil
}

func boxAt(b []byte, at int) (x box, end int, err error) {
	rest := b[at:]
	if len(rest) < 8 {
		return x, 0, fmt.Errorf("box at byte %d %w", at, errShort)
	}
	size, head := uint64(binary.BigEndian.Uint32(rest)), 8
	x = box{name: string(rest[4:8]), start: at}
	switch {
	case size == 1 && len(rest) >= 16:
		size, head = binary.BigEndian.Uint64(rest[8:]), 16
	case size == 0:
		size = uint64(len(rest)) // to the end
	}
	if size < uint64(head) || size > uint64(len(rest)) {
		return x, 0, fmt.Errorf("box %q at byte %d of size %d %w", x.name, at, size, errShort)
	}
	x.body = at + head
	x.data = rest[head:size]
	return x, at + int(size), nil
}

// fields reads big-endian fields off the front of a box. Past the end it yields zeros and notes it.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if n > len(f.b) {
		f.short, f.b = true, nil
		return make([]byte, n)
	}
	out := f.b[:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) u8() uint8   { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }
func (f *fields) skip(n int)  { f.take(n) }

// sized reads 64 bits in version 1 of a full box and 32 in version 0.
func (f *fields) sized(version uint8) uint64 {
	if version == 1 {
		return f.u64()
	}
	return uint64(f.u32())
}

// full reads the head of a full box.
func (f *fields) full() (version uint8, flags uint32) {
	v := f.u32()
	return uint8(v >> 24), v & 0xFFFFFF
}

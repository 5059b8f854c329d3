// Package nut reads NUT, the container that ffmpeg writes to our pipes: it has exact timestamps, adds a few bytes a packet,
// and hands every packet over as soon as it is made.
//
// It reads streams of one elementary stream as ffmpeg's muxer writes them, in order, without index or seeking.
package nut

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The bounds of what is read.
const (
	maxHeader  = 1 << 20
	maxPacket  = 16 << 20
	maxStreams = 8
	maxBase    = 1 << 31 // of a time base's numbers, so that their products stay within 63 bits
)

// ErrFormat is returned for bytes that are not NUT, or not NUT of the kind that is read.
var ErrFormat = errors.New("nut: malformed")

// idString opens every file.
const idString = "nut/multimedia container\x00"

// The startcodes of the packets.
const (
	startMain   = 0x4E4D7A561F5F04AD
	startStream = 0x4E5311405BF2F9DB
	startSync   = 0x4E4BE4ADEECA4569
	startIndex  = 0x4E58DD672F23E64E
	startInfo   = 0x4E49AB68B596BA78
)

// The flags of a frame.
const (
	flagKey       = 1
	flagCodedPTS  = 8
	flagStreamID  = 16
	flagSizeMSB   = 32
	flagChecksum  = 64
	flagReserved  = 128
	flagSideData  = 256
	flagHeaderIdx = 1024
	flagMatchTime = 2048
	flagCoded     = 4096
	flagInvalid   = 8192
)

// Stream describes the elementary stream.
type Stream struct {
	FourCC        string
	Extradata     []byte
	Num, Den      int64 // the time base: a timestamp t is t·Num/Den seconds
	Width, Height int   // pictures
	SampleRate    int   // sound
	Channels      int
}

// Packet is one coded picture or audio frame.
type Packet struct {
	PTS  int64 // in the stream's time base
	Key  bool
	Data []byte // the caller's
}

// Reader reads one NUT stream. Make it with NewReader.
type Reader struct {
	in      *bufio.Reader
	bases   []base
	codes   [256]code
	elided  [][]byte
	streams map[uint64]*stream
}

type base struct{ num, den int64 }

type code struct {
	flags, stream, mul, lsb, reserved, header uint64
	delta                                     int64
}

type stream struct {
	Stream
	base  base
	shift uint64
	last  int64
}

// NewReader reads from r, which it buffers.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 64<<10), streams: make(map[uint64]*stream)}
}

// Open reads up to the first frame and returns what stream it is of.
func (r *Reader) Open() (*Stream, error) {
	id := make([]byte, len(idString))
	if _, err := io.ReadFull(r.in, id); err != nil {
		return nil, err
	}
	if string(id) != idString {
		return nil, fmt.Errorf("%w: no file identifier", ErrFormat)
	}
	for {
		next, err := r.in.Peek(1)
		if err != nil {
			return nil, err
		}
		if next[0] != 'N' {
			break
		}
		if err := r.packet(); err != nil {
			return nil, err
		}
	}
	if len(r.streams) != 1 {
		return nil, fmt.Errorf("%w: %d streams, want one", ErrFormat, len(r.streams))
	}
	for _, s := range r.streams {
		return &s.Stream, nil
	}
	return nil, ErrFormat
}

// Next reads the next packet. At a clean end it returns io.EOF.
func (r *Reader) Next() (Packet, error) {
	for {
		first, err := r.in.Peek(1)
		if err != nil {
			return Packet{}, err
		}
		if first[0] != 'N' {
			return r.frame()
		}
		if err := r.packet(); err != nil {
			return Packet{}, err
		}
	}
}

// packet reads one packet that begins with a startcode.
func (r *Reader) packet() error {
	var head [8]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return err
	}
	size, err := varint(r.in)
	if err != nil {
		return err
	}
	if size > 4096 { // then a checksum of the head follows
		if _, err := r.in.Discard(4); err != nil {
			return err
		}
	}
	if size < 4 || size > maxHeader {
		return fmt.Errorf("%w: a header of %d bytes", ErrFormat, size)
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r.in, payload); err != nil {
		return err
	}
	f := &fields{b: payload[:size-4]} // less its checksum
	switch binary.BigEndian.Uint64(head[:]) {
	case startMain:
		r.mainHeader(f)
	case startStream:
		r.streamHeader(f)
	case startSync:
		r.syncpoint(f)
	case startIndex, startInfo:
		return nil
	default:
		return fmt.Errorf("%w: unknown startcode", ErrFormat)
	}
	return f.err
}

// frame reads one frame (NUT, "frame"): its header says which fields follow by a code of one byte.
func (r *Reader) frame() (Packet, error) {
	first, err := r.in.ReadByte()
	if err != nil {
		return Packet{}, err
	}
	c := r.codes[first]
	var fault error
	read := func() uint64 {
		v, err := varint(r.in)
		if err != nil && fault == nil {
			fault = err
		}
		return v
	}
	if c.flags&flagCoded != 0 {
		c.flags ^= read()
	}
	if c.flags&(flagInvalid|flagSideData) != 0 || c.mul == 0 {
		return Packet{}, fmt.Errorf("%w: a frame of a kind that is not read", ErrFormat)
	}
	if c.flags&flagStreamID != 0 {
		c.stream = read()
	}
	s := r.streams[c.stream]
	if s == nil {
		return Packet{}, fmt.Errorf("%w: a frame of no stream", ErrFormat)
	}
	pts := s.last + c.delta
	if c.flags&flagCodedPTS != 0 {
		pts = s.pts(read())
	}
	var msb uint64
	if c.flags&flagSizeMSB != 0 {
		msb = read()
	}
	if c.flags&flagMatchTime != 0 {
		read()
	}
	if c.flags&flagHeaderIdx != 0 {
		c.header = read()
	}
	if c.flags&flagReserved != 0 {
		c.reserved = read()
	}
	for range min(c.reserved, 256) {
		read()
	}
	if fault != nil {
		return Packet{}, fault
	}
	if c.header >= uint64(len(r.elided)) || msb > maxPacket/c.mul+1 {
		return Packet{}, fmt.Errorf("%w: a frame header out of range", ErrFormat)
	}
	size := c.lsb + msb*c.mul
	prefix := r.elided[c.header]
	if size > 4096 {
		prefix = nil
	}
	if size > maxPacket || size < uint64(len(prefix)) {
		return Packet{}, fmt.Errorf("%w: a frame of %d bytes", ErrFormat, size)
	}
	if c.flags&flagChecksum != 0 {
		if _, err := r.in.Discard(4); err != nil {
			return Packet{}, err
		}
	}
	s.last = pts
	return r.body(pts, c.flags&flagKey != 0, prefix, int(size))
}

func (r *Reader) body(pts int64, key bool, prefix []byte, size int) (Packet, error) {
	p := Packet{PTS: pts, Key: key, Data: make([]byte, size)}
	n := copy(p.Data, prefix)
	if _, err := io.ReadFull(r.in, p.Data[n:]); err != nil {
		return Packet{}, err
	}
	return p, nil
}

// pts completes a coded timestamp: the low bits near the last one, or the whole.
func (s *stream) pts(coded uint64) int64 {
	if coded >= 1<<s.shift {
		return int64(coded - 1<<s.shift)
	}
	mask := int64(1)<<s.shift - 1
	delta := s.last - mask/2
	return (int64(coded)-delta)&mask + delta
}

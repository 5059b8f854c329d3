package cmaf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrChunk is what a ChunkReader says of bytes that AppendChunk does not write.
var ErrChunk = errors.New("cmaf: not a chunk of one sample")

// moofMost is more than the moof of one sample takes.
const moofMost = 512

// ChunkReader reads chunks of one track and one sample each, as AppendChunk writes them, and what stands before them. It takes
// nothing else: it is for streams between nodes of ours. It is for one reader.
type ChunkReader struct {
	r    io.Reader
	most int // bytes of a payload
	head [moofMost]byte
}

// NewChunkReader reads from r and refuses payloads of more than most bytes.
func NewChunkReader(r io.Reader, most int) *ChunkReader { return &ChunkReader{r: r, most: most} }

// box reads the header of the next box; size is what follows it.
func (c *ChunkReader) box() (kind string, size int, err error) {
	h := c.head[:8]
	if _, err := io.ReadFull(c.r, h); err != nil {
		return "", 0, err
	}
	n := binary.BigEndian.Uint32(h)
	if n < 8 || n > 1<<31-1 {
		return "", 0, ErrChunk
	}
	return string(h[4:8]), int(n) - 8, nil
}

// Header skips what Header has written: ftyp and moov, of headerMost bytes at most.
func (c *ChunkReader) Header() error {
	for _, want := range []string{"ftyp", "moov"} {
		kind, size, err := c.box()
		if err != nil {
			return err
		}
		if kind != want || size > headerMost {
			return fmt.Errorf("%w: %q of %d bytes for %q", ErrChunk, kind, size, want)
		}
		if _, err := io.CopyN(io.Discard, c.r, int64(size)); err != nil {
			return err
		}
	}
	return nil
}

const headerMost = 1 << 20

// Next is the next sample, with its track and its decode time. The payload is the caller's. The error is io.EOF where the stream ends
// between two chunks.
func (c *ChunkReader) Next() (track uint32, dts uint64, s Sample, err error) {
	kind, size, err := c.box()
	if err != nil {
		return 0, 0, s, err
	}
	if kind != "moof" || size > moofMost {
		return 0, 0, s, fmt.Errorf("%w: %q of %d bytes", ErrChunk, kind, size)
	}
	moof := c.head[:size]
	if _, err := io.ReadFull(c.r, moof); err != nil {
		return 0, 0, s, unexpected(err)
	}
	p := parser{rest: moof}
	track, dts, s = p.moof(size + 8)
	if p.bad {
		return 0, 0, s, ErrChunk
	}
	kind, size, err = c.box()
	if err != nil {
		return 0, 0, s, unexpected(err)
	}
	if kind != "mdat" || size != p.size || size > c.most {
		return 0, 0, s, fmt.Errorf("%w: %q of %d bytes for a sample of %d", ErrChunk, kind, size, p.size)
	}
	s.Payload = make([]byte, size)
	_, err = io.ReadFull(c.r, s.Payload)
	return track, dts, s, unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parser takes fields off a moof; bad is set once by what does not fit.
type parser struct {
	rest []byte
	size int // of the sample
	bad  bool
}

func (p *parser) u32() uint32 {
	if len(p.rest) < 4 {
		p.bad = true
		return 0
	}
	v := binary.BigEndian.Uint32(p.rest)
	p.rest = p.rest[4:]
	return v
}

func (p *parser) u64() uint64 { return uint64(p.u32())<<32 | uint64(p.u32()) }

// expect takes the header of a box that must come now.
func (p *parser) expect(kind string) {
	p.u32() // its size follows from what is in it
	if len(p.rest) < 4 || string(p.rest[:4]) != kind {
		p.bad = true
		return
	}
	p.rest = p.rest[4:]
}

// moof of size bytes: mfhd, and one traf with tfhd, tfdt and trun.
func (p *parser) moof(size int) (track uint32, dts uint64, s Sample) {
	p.expect("mfhd")
	p.u64() // version, flags, sequence
	p.expect("traf")
	p.expect("tfhd")
	flags := p.u32() & 0xffffff
	track = p.u32()
	if flags&tfhdDefaultDuration != 0 {
		s.Duration = p.u32()
	}
	sample := uint32(syncFlags)
	if flags&tfhdDefaultFlags != 0 {
		sample = p.u32()
	}
	p.expect("tfdt")
	p.bad = p.bad || p.u32()>>24 != 1
	dts = p.u64()
	p.expect("trun")
	run := p.u32() & 0xffffff
	p.bad = p.bad || p.u32() != 1 // one sample
	p.bad = p.bad || run&trunDataOffset == 0 || p.u32() != uint32(size+8)
	if run&trunDuration != 0 {
		s.Duration = p.u32()
	}
	p.bad = p.bad || run&trunSize == 0
	p.size = int(p.u32())
	if run&trunFlags != 0 {
		sample = p.u32()
	}
	if run&trunOffset != 0 {
		s.CompositionOffset = int32(p.u32())
	}
	s.RandomAccess = sample == syncFlags
	p.bad = p.bad || len(p.rest) > 0 || flags&^(tfhdDefaultDuration|tfhdDefaultFlags) != tfhdDefaultBaseIsMoof ||
		run&^(trunDataOffset|trunDuration|trunSize|trunFlags|trunOffset) != 0
	return track, dts, s
}

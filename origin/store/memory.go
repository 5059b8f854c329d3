package store

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Memory is a Store in memory. It has no cap: it holds what has not been removed. See NewMemory.
type Memory struct {
	mu    sync.RWMutex // guards blobs
	blobs blobs
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{blobs: blobs{byKey: make(map[Key]*blob)}} }

// Append implements Store.
func (m *Memory) Append(k Key, at int64, chunks ...[]byte) error {
	if err := k.Validate(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.blobs.append(k, at, chunks)
	return err
}

// Open implements Store.
func (m *Memory) Open(k Key, offset, length int64) (Reader, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if r := m.blobs.open(k, offset, length); r != nil {
		return r, nil
	}
	return nil, notFound(k)
}

// Remove implements Store.
func (m *Memory) Remove(k Key) error {
	if err := k.Validate(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs.remove(k)
	return nil
}

// List implements Store.
func (m *Memory) List() ([]Info, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]Info, 0, len(m.blobs.byKey))
	for k, b := range m.blobs.byKey {
		out = append(out, Info{k, b.size})
	}
	return out, nil
}

// Sync implements Store.
func (m *Memory) Sync(context.Context) error { return nil }

// Held is how many bytes are in memory.
func (m *Memory) Held() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.blobs.held
}

// blobs are objects in memory, guarded by whoever has them.
type blobs struct {
	byKey map[Key]*blob
	held  int64
}

// blob is the part of an object that is in memory: from its byte from on.
type blob struct {
	chunks []chunk
	from   int64
	size   int64
	safe   int64 // Tiered: how much of it is on disk
	lost   bool  // Tiered: the disk has failed it; it is not written on
	gone   bool  // Tiered: it has been removed
}

type chunk struct {
	bytes []byte
	at    time.Time // when it came
}

func (s *blobs) append(k Key, at int64, chunks [][]byte) (*blob, error) {
	b := s.byKey[k]
	if b == nil {
		b = &blob{}
	}
	if at != b.size {
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", ErrHole, k, b.size, at)
	}
	s.byKey[k] = b
	now := time.Now()
	for _, c := range chunks {
		if len(c) > 0 {
			b.chunks = append(b.chunks, chunk{c, now})
		}
	}
	n := length(chunks)
	b.size += n
	s.held += n
	return b, nil
}

// open returns nil where some of the range is not in memory.
func (s *blobs) open(k Key, offset, length int64) *memoryReader {
	b := s.byKey[k]
	if b == nil || offset < b.from || length < 0 || offset+length > b.size {
		return nil
	}
	return &memoryReader{chunks: b.slice(offset, offset+length), position: position{length: length}}
}

// slice is the range as pieces of the blob's chunks.
func (b *blob) slice(from, to int64) (out [][]byte) {
	at := b.from
	for _, c := range b.chunks {
		end := at + int64(len(c.bytes))
		if lo, hi := max(from, at), min(to, end); lo < hi {
			out = append(out, c.bytes[lo-at:hi-at])
		}
		at = end
	}
	return out
}

// drop lets the oldest chunk go, and returns its size.
func (s *blobs) drop(k Key, b *blob) int64 {
	n := int64(len(b.chunks[0].bytes))
	b.chunks[0] = chunk{}
	b.chunks = b.chunks[1:]
	b.from += n
	s.held -= n
	if len(b.chunks) == 0 && b.safe >= b.size {
		delete(s.byKey, k)
	}
	return n
}

func (s *blobs) remove(k Key) {
	if b := s.byKey[k]; b != nil {
		s.held -= b.size - b.from
		delete(s.byKey, k)
	}
}

// memoryReader reads a range of chunks.
type memoryReader struct {
	chunks [][]byte
	position
}

// Read implements io.Reader.
func (r *memoryReader) Read(p []byte) (int, error) {
	skip := r.at
	for _, c := range r.chunks {
		if skip < int64(len(c)) {
			n := copy(p, c[skip:])
			r.at += int64(n)
			return n, nil
		}
		skip -= int64(len(c))
	}
	return 0, io.EOF
}

// CopyTo implements Reader.
func (r *memoryReader) CopyTo(w io.Writer, n int64) (written int64, err error) {
	skip, left := r.at, r.rest(n)
	for _, c := range r.chunks {
		if skip >= int64(len(c)) {
			skip -= int64(len(c))
			continue
		}
		c = c[skip:]
		skip = 0
		if int64(len(c)) > left {
			c = c[:left]
		}
		if len(c) == 0 {
			break
		}
		m, err := w.Write(c)
		written, left, r.at = written+int64(m), left-int64(m), r.at+int64(m)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Close implements io.Closer.
func (r *memoryReader) Close() error { return nil }

// Package store keeps the bytes of media: headers, and segments that grow part by part.
//
// Every implementation keeps one contract, which storetest checks. Tiered decorates two of them: what was written last is
// read from memory, the rest from disk, and no writer ever waits for a disk that does not answer. What is kept and for how
// long is the caller's decision.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Key names an object. Each of its words is a file name of at most 200 bytes that does not begin with a dot; Rendition may be
// empty, for what belongs to a stream as a whole.
type Key struct{ Stream, Rendition, Name string }

func (k Key) String() string {
	if k.Rendition == "" {
		return k.Stream + "/" + k.Name
	}
	return k.Stream + "/" + k.Rendition + "/" + k.Name
}

// The errors of a Store. They are wrapped: use errors.Is.
var (
	ErrNotFound = fs.ErrNotExist                                  // there is no such object, or not all of the range
	ErrName     = errors.New("store: not a name for an object")   // the Key would leave its place
	ErrHole     = errors.New("store: bytes before are missing")   // an object only grows at its end
	ErrFull     = errors.New("store: no room for more")           // the cap is reached
	ErrBehind   = errors.New("store: the disk is behind")         // what was appended is in memory alone
	ErrLost     = errors.New("store: the disk failed the object") // what is appended is kept, but in memory alone
)

// Store keeps objects. It is safe for concurrent use; each object has one writer at a time.
type Store interface {
	// Append adds chunks to an object that has at bytes, and makes it where it has none. Bytes beyond at that a failed Append
	// left are written over. The caller gives the chunks away: nobody writes them again.
	Append(k Key, at int64, chunks ...[]byte) error
	// Open reads length bytes of an object from offset on. The caller closes the Reader, which goes on to read what it was
	// opened for when the object is removed.
	Open(k Key, offset, length int64) (Reader, error)
	// Remove removes an object. It is no error when there is none.
	Remove(k Key) error
	// List tells of every object that there is, in no order.
	List() ([]Info, error)
	// Sync returns when all that has been appended before is kept as well as the Store keeps anything: nil. It returns
	// ErrBehind at once when that cannot be awaited, or when ctx ends.
	Sync(ctx context.Context) error
}

// Info is one object of a list.
type Info struct {
	Key  Key
	Size int64
}

// Reader reads one range of an object. It is for one goroutine.
type Reader interface {
	io.ReadSeekCloser
	// CopyTo writes the next n bytes to w, without a copy in between: from memory, or from the file by the kernel where w
	// is a connection.
	CopyTo(w io.Writer, n int64) (int64, error)
}

// Validate says whether a Key stays in its place.
func (k Key) Validate() error {
	for i, word := range []string{k.Stream, k.Rendition, k.Name} {
		if word == "" && i == 1 {
			continue
		}
		if word == "" || len(word) > 200 || word[0] == '.' || strings.ContainsAny(word, "/\\\x00") {
			return fmt.Errorf("%w: %q", ErrName, k)
		}
	}
	return nil
}

func notFound(k Key) error { return fmt.Errorf("store: %s: %w", k, ErrNotFound) }

func length(chunks [][]byte) (n int64) {
	for _, c := range chunks {
		n += int64(len(c))
	}
	return n
}

// position is where a Reader stands in its range.
type position struct{ at, length int64 }

// Seek implements io.Seeker.
func (p *position) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.length
	}
	if offset < 0 {
		return 0, errors.New("store: seek before the start")
	}
	p.at = offset
	return offset, nil
}

// rest is how many of n bytes there are still to read.
func (p *position) rest(n int64) int64 { return max(0, min(n, p.length-p.at)) }

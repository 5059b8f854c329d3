package origin

import (
	"errors"
	"io"
)

// reader is an io.ReadSeeker over an object's chunks, for byte ranges.
type reader struct {
	chunks [][]byte
	size   int64
	at     int64
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
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

// Seek implements io.Seeker.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("origin: seek before the start")
	}
	r.at = offset
	return offset, nil
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Disk is a Store in a directory, with a file for each object: DIRECTORY/STREAM/RENDITION/NAME. What has been appended
// survives the process; with Sync set, also a loss of power. See OpenDisk.
//
// A file may end with bytes of an Append that was cut short. Whoever lists objects knows how long each is.
type Disk struct {
	config DiskConfig
	root   *os.Root
	lock   *os.File

	mu    sync.Mutex // guards what follows
	sizes map[Key]int64
	used  int64
}

// DiskConfig of a Disk. Directory must be set.
type DiskConfig struct {
	Directory string // made if it is not there; one process at a time has it
	Cap       int64  // bytes; 0: none
	Sync      bool   // every Append is on the medium when it returns
}

// lockName is a file that no Key can name.
const lockName = ".lock"

// OpenDisk opens the directory and finds out what is in it. The caller closes the Disk.
func OpenDisk(c DiskConfig) (*Disk, error) {
	if err := os.MkdirAll(c.Directory, 0o755); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	root, err := os.OpenRoot(c.Directory)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	d := &Disk{config: c, root: root, sizes: make(map[Key]int64)}
	if d.lock, err = root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, 0o644); err == nil {
		err = syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("store: %s: is another server running on it? %w", c.Directory, err)
	}
	if err := d.walk(); err != nil {
		d.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	return d, nil
}

// Close lets the directory go.
func (d *Disk) Close() {
	if d.lock != nil {
		d.lock.Close()
	}
	d.root.Close()
}

// walk notes the sizes of all objects.
func (d *Disk) walk() error {
	return fs.WalkDir(d.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !e.Type().IsRegular() {
			return err
		}
		k, ok := keyOf(path)
		if !ok {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		d.sizes[k] = info.Size()
		d.used += info.Size()
		return nil
	})
}

func keyOf(path string) (Key, bool) {
	dir, name := filepath.Split(path)
	stream, rendition := filepath.Split(filepath.Clean(dir))
	k := Key{filepath.Clean(stream), rendition, name}
	if stream == "" {
		k = Key{rendition, "", name}
	}
	return k, k.Validate() == nil
}

func (k Key) path() string { return filepath.Join(k.Stream, k.Rendition, k.Name) }

// Append implements Store. Where some of it could not be written, the file is as long as before, or is cut to that by the
// next Append.
func (d *Disk) Append(k Key, at int64, chunks ...[]byte) error {
	if err := k.Validate(); err != nil {
		return err
	}
	if err := d.reserve(k, at, at+length(chunks)); err != nil {
		return err
	}
	err := d.write(k, at, chunks)
	if err != nil {
		d.mu.Lock()
		d.resize(k, at)
		d.mu.Unlock()
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// reserve makes the object as large as it is going to be, within the cap.
func (d *Disk) reserve(k Key, at, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	had := d.sizes[k]
	if had < at {
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrHole, k, had, at)
	}
	if d.config.Cap > 0 && d.used-had+size > d.config.Cap {
		return fmt.Errorf("%w: %s would make more than %d bytes", ErrFull, k, d.config.Cap)
	}
	d.resize(k, size)
	return nil
}

func (d *Disk) resize(k Key, size int64) { // d.mu is held
	d.used += size - d.sizes[k]
	d.sizes[k] = size
}

func (d *Disk) write(k Key, at int64, chunks [][]byte) (err error) {
	f, err := d.open(k)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() < at:
		return fmt.Errorf("%w: %s", ErrHole, k)
	case info.Size() > at:
		if err := f.Truncate(at); err != nil {
			return err
		}
	}
	for _, c := range chunks {
		n, err := f.WriteAt(c, at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	if !d.config.Sync {
		return nil
	}
	if err := f.Sync(); err != nil || info.Size() > 0 {
		return err
	}
	return d.syncDirectory(filepath.Dir(k.path())) // so that the name of a new file is kept too
}

func (d *Disk) syncDirectory(name string) error {
	dir, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// open opens an object's file to write, and makes it, with its directories.
func (d *Disk) open(k Key) (*os.File, error) {
	const flags = os.O_CREATE | os.O_WRONLY
	f, err := d.root.OpenFile(k.path(), flags, 0o644)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	dir := filepath.Dir(k.path())
	if err := d.root.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return d.root.OpenFile(k.path(), flags, 0o644)
}

// Open implements Store.
func (d *Disk) Open(k Key, offset, length int64) (Reader, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	size, there := d.sizes[k]
	d.mu.Unlock()
	if !there || offset < 0 || length < 0 || offset+length > size {
		return nil, notFound(k)
	}
	f, err := d.root.Open(k.path())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &fileReader{file: f, from: offset, position: position{length: length}}, nil
}

// Remove implements Store.
func (d *Disk) Remove(k Key) error {
	if err := k.Validate(); err != nil {
		return err
	}
	if err := d.root.Remove(k.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resize(k, 0)
	delete(d.sizes, k)
	return nil
}

// List implements Store.
func (d *Disk) List() ([]Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]Info, 0, len(d.sizes))
	for k, n := range d.sizes {
		out = append(out, Info{k, n})
	}
	return out, nil
}

// Sync implements Store: nothing is ever pending.
func (d *Disk) Sync(context.Context) error { return nil }

// Used is how many bytes the objects have.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used
}

// fileReader reads a range of a file.
type fileReader struct {
	file *os.File
	from int64
	position
}

// Read implements io.Reader.
func (r *fileReader) Read(p []byte) (int, error) {
	left := r.rest(int64(len(p)))
	if left == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(p[:left], r.from+r.at)
	r.at += int64(n)
	return n, err
}

// CopyTo implements Reader. The file itself is what is copied from, so that a connection can have the kernel do it.
func (r *fileReader) CopyTo(w io.Writer, n int64) (int64, error) {
	if _, err := r.file.Seek(r.from+r.at, io.SeekStart); err != nil {
		return 0, err
	}
	n = r.rest(n)
	copied, err := io.CopyN(w, r.file, n)
	r.at += copied
	return copied, err
}

// Close implements io.Closer.
func (r *fileReader) Close() error { return r.file.Close() }

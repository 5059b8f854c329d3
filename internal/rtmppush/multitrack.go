package rtmppush

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Multitrack joins FLV files of H.264 into one as OBS sends several sizes of one picture: the first as it is, and the
// pictures of the others, whose sound is left out, as tracks 1, 2, … of Enhanced RTMP v2. Tags are in the order of their
// times, decoder configurations first, so that a tag comes out once every file has its next. The whole ends with the first
// file; a read waits for each file, so that whoever makes them must end them.
func Multitrack(files ...io.Reader) io.Reader {
	m := &merger{heads: make([]flvTag, len(files))}
	for _, f := range files {
		m.files = append(m.files, bufio.NewReaderSize(f, 64<<10))
	}
	return m
}

// flvTag is a tag with its head of 11 bytes; nil where there is none.
type flvTag []byte

// setup reports whether a tag holds a decoder configuration or metadata.
func (t flvTag) setup() bool { return t[0] == tagScript || len(t) > 12 && t[12] == 0 }

// before is the order of tags.
func (t flvTag) before(o flvTag) bool {
	if t.time() != o.time() {
		return t.time() < o.time()
	}
	return t.setup() && !o.setup()
}

func (t flvTag) time() uint32 { return uint32(t[7])<<24 | binary.BigEndian.Uint32(t[3:7])&0xffffff }

type merger struct {
	files  []*bufio.Reader
	heads  []flvTag // the next tag of each file
	opened bool
	out    []byte // not read yet
	err    error  // that follows it
}

// flvHead is the file header of sound and pictures, and the size of no tag before the first (FLV 10.1, E.2 and E.3).
var flvHead = []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")

func (m *merger) Read(p []byte) (int, error) {
	for len(m.out) == 0 {
		if m.err != nil {
			return 0, m.err
		}
		m.err = m.next()
	}
	n := copy(p, m.out)
	m.out = m.out[n:]
	return n, nil
}

// next makes the tag with the lowest time ready.
func (m *merger) next() error {
	if !m.opened {
		m.opened, m.out = true, append([]byte(nil), flvHead...)
		for i := range m.files {
			if _, err := m.files[i].Discard(len(flvHead)); err != nil {
				return err
			}
			if err := m.advance(i); err != nil {
				return err
			}
		}
		return nil
	}
	first := 0
	for i, t := range m.heads {
		if t != nil && t.before(m.heads[first]) {
			first = i
		}
	}
	m.out = withSize(m.heads[first])
	return m.advance(first)
}

// advance reads the next tag of a file that goes into the whole. The end of another than the first is the end of its track.
func (m *merger) advance(i int) error {
	for {
		tag, err := readTag(m.files[i])
		if err != nil && i > 0 {
			m.heads[i] = nil
			return nil
		}
		if err != nil {
			return err
		}
		if i > 0 {
			tag = asTrack(tag, byte(i))
		}
		if tag != nil {
			m.heads[i] = tag
			return nil
		}
	}
}

// readTag reads a tag and the size that follows it.
func readTag(r io.Reader) (flvTag, error) {
	var head [11]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[0:4]) & 0xffffff)
	tag := append(flvTag(head[:]), make([]byte, size+4)...)
	_, err := io.ReadFull(r, tag[11:])
	return tag[:11+size], err
}

func withSize(t flvTag) []byte {
	return binary.BigEndian.AppendUint32(t[:len(t):len(t)], uint32(len(t)))
}

// asTrack makes an H.264 tag one of a track of its own (E-RTMP v2, ExVideoTagHeader: VideoPacketType.Multitrack,
// AvMultitrackType.OneTrack); nil for what is no picture.
func asTrack(t flvTag, track byte) flvTag {
	const extended, multitrack, avc, sequenceStart = 0x80, 6, 7, 0
	if t[0] != tagVideo || len(t) < 16 || t[11]&15 != avc || t[12] > 1 {
		return nil
	}
	out := append(flvTag(nil), t[:11]...)
	out = append(out, extended|t[11]&0xf0|multitrack, t[12], 'a', 'v', 'c', '1', track)
	body := t[13:]
	if t[12] == sequenceStart {
		body = body[3:] // a composition time that the enhanced form has not
	}
	out = append(out, body...)
	binary.BigEndian.PutUint32(out[0:4], uint32(tagVideo)<<24|uint32(len(out)-11))
	return out
}

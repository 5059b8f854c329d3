package mpegts

import "encoding/binary"

// section puts the pieces of a table's section together (2.4.4.1). It holds at most maxSection bytes.
type section struct {
	data    []byte
	started bool
	crc     uint32 // of the last one that was whole
	known   bool   // crc is set
}

// take adds the payload of a packet. It returns a whole section that is right and not the same as the last, valid until
// the next call; else nil. Only the first section that starts in a packet is looked at: tables of one programme have one.
func (s *section) take(p packet) []byte {
	body := p.payload
	if p.starts {
		pointer := int(body[0])
		if body = body[1:]; pointer > len(body) {
			s.started = false
			return nil
		}
		if s.started { // the end of the one before
			if done := s.add(body[:pointer]); done != nil {
				return done
			}
		}
		s.started, s.data, body = true, s.data[:0], body[pointer:]
	}
	if !s.started {
		return nil
	}
	return s.add(body)
}

func (s *section) add(body []byte) []byte {
	s.data = append(s.data, body...)
	if len(s.data) < 3 {
		return nil
	}
	size := 3 + int(binary.BigEndian.Uint16(s.data[1:])&0xFFF)
	if size > maxSection || size < 12 {
		s.started = false
		return nil
	}
	if len(s.data) < size {
		return nil
	}
	s.started = false
	whole := s.data[:size]
	sum := binary.BigEndian.Uint32(whole[size-4:])
	if crc32(whole[:size-4]) != sum || s.known && sum == s.crc {
		return nil
	}
	s.crc, s.known = sum, true
	return whole
}

// crc32 is that of annex A: not reflected, no final inversion.
func crc32(b []byte) uint32 {
	crc := ^uint32(0)
	for _, x := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>24)^x]
	}
	return crc
}

var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04C11DB7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

const (
	tableProgrammes = 0
	tableProgramme  = 2
)

// parsePAT is the PID of the map of the first programme in a program association section (2.4.4.3).
func parsePAT(s []byte) (pid uint16, ok bool) {
	if s[0] != tableProgrammes {
		return 0, false
	}
	for b := s[8 : len(s)-4]; len(b) >= 4; b = b[4:] {
		if number := binary.BigEndian.Uint16(b); number != 0 { // 0 is the network's own table
			return binary.BigEndian.Uint16(b[2:]) & 0x1FFF, true
		}
	}
	return 0, false
}

// stream is an elementary stream as a programme map declares it.
type stream struct {
	pid         uint16
	kind        byte // stream_type (table 2-34)
	descriptors []byte
}

// parsePMT lists the streams of a program map section (2.4.4.8). Their descriptors are slices of it.
func parsePMT(s []byte) (streams []stream, ok bool) {
	if s[0] != tableProgramme || len(s) < 16 {
		return nil, false
	}
	b := s[10 : len(s)-4]
	info := int(binary.BigEndian.Uint16(b) & 0xFFF)
	if b = b[2:]; info > len(b) {
		return nil, false
	}
	for b = b[info:]; len(b) >= 5 && len(streams) < maxStreams; {
		st := stream{kind: b[0], pid: binary.BigEndian.Uint16(b[1:]) & 0x1FFF}
		size := int(binary.BigEndian.Uint16(b[3:]) & 0xFFF)
		if b = b[5:]; size > len(b) {
			return nil, false
		}
		st.descriptors, b = b[:size], b[size:]
		streams = append(streams, st)
	}
	return streams, true
}

// descriptor is the body of the first descriptor with that tag (2.6).
func (s stream) descriptor(tag byte) (body []byte, ok bool) {
	for b := s.descriptors; len(b) >= 2 && len(b)-2 >= int(b[1]); b = b[2+int(b[1]):] {
		if b[0] == tag {
			return b[2 : 2+int(b[1])], true
		}
	}
	return nil, false
}

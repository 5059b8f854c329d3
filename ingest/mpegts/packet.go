package mpegts

import "bytes"

const (
	packetSize = 188
	syncByte   = 0x47
	pidNull    = 0x1FFF
)

// packet is one transport packet (2.4.3.2). Its payload is valid until the next one is read.
type packet struct {
	pid           uint16
	starts        bool // a section or a PES packet starts in it
	scrambled     bool
	broken        bool // the sender says that it is (transport_error_indicator)
	discontinuity bool // the counter may jump here
	counter       byte
	payload       []byte // nil where there is none
}

// parsePacket reads a packet, whose first byte is syncByte.
func parsePacket(b []byte) (p packet, ok bool) {
	p = packet{
		pid: uint16(b[1]&0x1F)<<8 | uint16(b[2]), broken: b[1]&0x80 != 0, starts: b[1]&0x40 != 0, scrambled: b[3]&0xC0 != 0,
		counter: b[3] & 15,
	}
	const payload, adaptation = 0x10, 0x20
	rest := b[4:packetSize]
	if b[3]&adaptation != 0 {
		length := int(rest[0])
		if length >= len(rest) {
			return p, false
		}
		p.discontinuity = length > 0 && rest[1]&0x80 != 0
		rest = rest[1+length:]
	}
	if b[3]&payload != 0 && len(rest) > 0 {
		p.payload = rest
	}
	return p, true
}

// packets cuts a byte stream into packets. After garbage it takes a sync byte for one where another follows a packet later.
type packets struct {
	rest []byte // less than a packet, or two where they have to agree
	lost bool   // packets do not stand where the last one said
}

// cut calls take for each whole packet in b and what was left of the bytes before it, and returns how many bytes were none.
func (p *packets) cut(b []byte, take func([]byte) error) (skipped int64, err error) {
	if len(p.rest) > 0 {
		b = append(p.rest, b...)
	}
	for len(b) >= packetSize {
		if b[0] != syncByte {
			p.lost = true
		}
		if p.lost {
			n, found := resync(b)
			skipped += int64(n)
			if b = b[n:]; !found {
				break
			}
			p.lost = false
		}
		if err := take(b[:packetSize]); err != nil {
			return skipped, err
		}
		b = b[packetSize:]
	}
	p.rest = append(p.rest[:0], b...)
	return skipped, nil
}

// resync is where the first packet starts; found is false where more bytes are needed to tell, which then start there.
func resync(b []byte) (n int, found bool) {
	for {
		i := bytes.IndexByte(b[n:], syncByte)
		if i < 0 {
			return len(b), false
		}
		if n += i; len(b) <= n+packetSize {
			return n, false
		}
		if b[n+packetSize] == syncByte {
			return n, true
		}
		n++
	}
}

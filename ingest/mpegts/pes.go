package mpegts

// pes puts the pieces of the PES packets of one stream together (2.4.3.6).
type pes struct {
	max     int
	data    []byte // header and payload so far; reused
	size    int    // of both as declared; 0 where it is not
	started bool
	hurt    bool // a part has not come
}

// payloadOf is a PES packet without its header.
type payloadOf struct {
	pts, dts       int64 // 33 bits; those of the packet before where it has none
	hasPTS, hasDTS bool
	data           []byte // valid until the next packet is put together
}

// begin starts with the first piece of a packet.
func (p *pes) begin(b []byte) {
	p.data = append(p.data[:0], b...)
	p.started, p.hurt, p.size = true, false, 0
	if len(b) >= 6 {
		if n := int(b[4])<<8 | int(b[5]); n > 0 {
			p.size = 6 + n
		}
	}
}

// add takes the next piece. Too large a packet is hurt.
func (p *pes) add(b []byte) {
	if len(p.data)+len(b) > p.max {
		p.hurt = true
		return
	}
	p.data = append(p.data, b...)
}

// whole reports whether all that was declared has come.
func (p *pes) whole() bool { return p.started && p.size > 0 && len(p.data) >= p.size }

// finish takes the packet out; ok is false where there is none to be used. damaged says that there was one.
func (p *pes) finish() (out payloadOf, ok, damaged bool) {
	if !p.started {
		return payloadOf{}, false, false
	}
	p.started = false
	if p.hurt || p.size > 0 && len(p.data) < p.size {
		return payloadOf{}, false, true
	}
	if p.size > 0 {
		p.data = p.data[:p.size]
	}
	out, ok = parsePES(p.data)
	return out, ok, !ok
}

// parsePES reads a packet's header: startcode, stream_id, length, flags, header length, PTS, DTS.
func parsePES(b []byte) (p payloadOf, ok bool) {
	if len(b) < 9 || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xC0 != 0x80 {
		return p, false
	}
	head := 9 + int(b[8])
	if head > len(b) {
		return p, false
	}
	const justPTS, both = 2, 3
	switch flags := b[7] >> 6; {
	case flags == justPTS && b[8] >= 5:
		p.pts, p.hasPTS = timestamp(b[9:]), true
		p.dts = p.pts
	case flags == both && b[8] >= 10:
		p.pts, p.hasPTS = timestamp(b[9:]), true
		p.dts, p.hasDTS = timestamp(b[14:]), true
	}
	p.data = b[head:]
	return p, true
}

// timestamp reads 33 bits out of five bytes with a marker bit after the 3rd, the 18th and the last.
func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}

// wrap keeps a timestamp within its bits.
func wrap(t int64) int64 { return t & (1<<timestampBits - 1) }

// apart is how far a stands after b, the shorter way around the wrap.
func apart(a, b int64) int64 {
	const unused = 64 - timestampBits
	return (a - b) << unused >> unused
}

package rtmp

// av1Fixed is the size of av1C without OBUs.
const av1Fixed = 4

// trimDelimiter takes the temporal delimiter off a temporal unit (AV1 specification, 5.3): CMAF has none.
func trimDelimiter(b []byte) []byte {
	const delimiter = 2<<3 | 1<<1 // obu_type 2, obu_has_size_field; its size is zero
	if len(b) >= 2 && b[0] == delimiter && b[1] == 0 {
		return b[2:]
	}
	return b
}

// sequenceHeader finds the sequence header OBU of a temporal unit; nil where there is none (AV1 specification, 5.3).
func sequenceHeader(unit []byte) []byte {
	const typeSequenceHeader, hasExtension, hasSize = 1, 1 << 2, 1 << 1
	for rest := unit; len(rest) > 0; {
		header := 1
		if rest[0]&hasExtension != 0 {
			header = 2
		}
		if rest[0]&hasSize == 0 || len(rest) < header {
			return nil // only the last OBU may lack its size, and a sequence header comes first
		}
		size, n := leb128(rest[header:])
		end := header + n + size
		if n == 0 || end > len(rest) {
			return nil
		}
		if rest[0]>>3&15 == typeSequenceHeader {
			return rest[:end]
		}
		rest = rest[end:]
	}
	return nil
}

// leb128 reads a number of up to four bytes, and how many it had; 0 where there is none (AV1 specification, 4.10.5).
func leb128(b []byte) (value, size int) {
	for i := range min(len(b), 4) {
		value |= int(b[i]&0x7F) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

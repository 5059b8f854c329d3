package rtmp

import (
	"encoding/binary"
	"math"
)

// appendAMF appends values of ours in AMF0: the Go types of object's values, none longer than a short string.
func appendAMF(b []byte, values ...any) []byte {
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b = append(b, amfNull)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, amfNumber), math.Float64bits(v))
		case string:
			b = appendAMFString(append(b, amfString), v)
		case []any:
			b = binary.BigEndian.AppendUint32(append(b, amfStrictArray), uint32(len(v)))
			b = appendAMF(b, v...)
		case object:
			b = append(b, amfObject)
			for _, m := range v {
				b = appendAMF(appendAMFString(b, m.name), m.value)
			}
			b = append(b, 0, 0, amfObjectEnd)
		}
	}
	return b
}

func appendAMFString(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

package rtmppush_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/rtmppush"
)

// flv is a file of tags: type, time and payload of each.
func flv(tags ...any) []byte {
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for i := 0; i < len(tags); i += 3 {
		kind, at, payload := tags[i].(int), tags[i+1].(int), tags[i+2].(string)
		b = binary.BigEndian.AppendUint32(b, uint32(kind)<<24|uint32(len(payload)))
		b = append(b, byte(at>>16), byte(at>>8), byte(at), byte(at>>24), 0, 0, 0)
		b = append(b, payload...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(payload)+11))
	}
	return b
}

func TestMultitrack(t *testing.T) {
	first := flv(18, 0, "meta", 9, 0, "\x17\x00\x00\x00\x00A", 8, 0, "\xaf\x00a", 9, 0, "\x17\x01\x00\x00\x02P", 9, 0x1000000, "\x27\x01\x00\x00\x00Q")
	second := flv(18, 0, "meta", 9, 0, "\x17\x00\x00\x00\x00B", 8, 0, "\xaf\x00b", 9, 40, "\x27\x01\x00\x00\x03R", 9, 80, "\x17\x02\x00\x00\x00")
	got, err := io.ReadAll(rtmppush.Multitrack(bytes.NewReader(first), bytes.NewReader(second)))
	require.NoError(t, err)
	require.Equal(t, flv(
		18, 0, "meta", 9, 0, "\x17\x00\x00\x00\x00A", 8, 0, "\xaf\x00a", 9, 0, "\x96\x00avc1\x01B", 9, 0, "\x17\x01\x00\x00\x02P",
		9, 40, "\xa6\x01avc1\x01\x00\x00\x03R", 9, 0x1000000, "\x27\x01\x00\x00\x00Q",
	), got)
}

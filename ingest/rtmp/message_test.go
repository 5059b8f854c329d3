package rtmp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// flvTag is a message inside an aggregate.
func flvTag(typeID byte, at uint32, payload string, trailer bool) string {
	b := appendUint24([]byte{typeID}, len(payload))
	b = appendUint24(b, int(at&0xFFFFFF))
	b = append(b, byte(at>>24), 0, 0, 0)
	b = append(b, payload...)
	if trailer {
		b = append(b, 0, 0, 0, byte(11+len(payload)))
	}
	return string(b)
}

func unbundled(payload string) (parts []message, err error) {
	m := message{typeID: typeAggregate, streamID: 1, timestamp: 5000, payload: []byte(payload)}
	err = m.unbundle(func(part message) error {
		parts = append(parts, part)
		return nil
	})
	return parts, err
}

func TestAggregateUnbundles(t *testing.T) {
	parts, err := unbundled(flvTag(8, 0x01000000, "ab", true) + flvTag(9, 0x01000017, "cde", true) + flvTag(18, 0x01000018, "", false))
	require.NoError(t, err)
	require.Equal(t, []message{
		{typeID: 8, streamID: 1, timestamp: 5000, payload: []byte("ab")},
		{typeID: 9, streamID: 1, timestamp: 5023, payload: []byte("cde")},
		{typeID: 18, streamID: 1, timestamp: 5024, payload: []byte{}},
	}, parts)
	_ = append(parts[0].payload, 'x')
	require.Equal(t, "cde", string(parts[1].payload), "parts must not reach into each other")
}

func TestAggregatesThatAreRefused(t *testing.T) {
	for name, payload := range map[string]string{
		"header cut off":  flvTag(8, 0, "ab", true) + "\x08\x00",
		"payload cut off": flvTag(8, 0, "abc", false)[:13],
		"in itself":       flvTag(typeAggregate, 0, flvTag(8, 0, "ab", true), true),
	} {
		_, err := unbundled(payload)
		require.Error(t, err, name)
		require.Equal(t, ingest.ReasonBadMessage, ingest.ReasonOf(err), name)
	}
}

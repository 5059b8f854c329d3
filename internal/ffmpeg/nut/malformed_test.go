package nut_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg/nut"
)

const (
	mainCode   = 0x4E4D7A561F5F04AD
	streamCode = 0x4E5311405BF2F9DB
	syncCode   = 0x4E4BE4ADEECA4569
)

// v writes numbers of variable length.
func v(numbers ...uint64) (out []byte) {
	for _, n := range numbers {
		digits := []byte{byte(n & 0x7f)}
		for n >>= 7; n > 0; n >>= 7 {
			digits = append([]byte{byte(n&0x7f) | 0x80}, digits...)
		}
		out = append(out, digits...)
	}
	return out
}

// packet puts a payload between its startcode and a checksum that nobody checks.
func packet(startcode uint64, payload []byte) []byte {
	out := binary.BigEndian.AppendUint64(nil, startcode)
	out = append(out, v(uint64(len(payload)+4))...)
	return append(append(out, payload...), 0, 0, 0, 0)
}

// allCodes is a table in which every first byte of a frame stands for flags and a size of lsb bytes.
func allCodes(flags, lsb uint64) []byte { return v(flags, 6, 0, 1, 0, lsb, 0, 256) }

// file is one of a single stream of class 0, with the given time bases and frames behind it.
func file(bases []uint64, codes []byte, rest ...[]byte) []byte {
	head := v(3, 1, 0, uint64(len(bases)/2))
	head = append(append(append(head, v(bases...)...), codes...), v(0)...)
	out := []byte("nut/multimedia container\x00")
	out = append(out, packet(mainCode, head)...)
	out = append(out, packet(streamCode, v(0, 0, 0, 0, 1, 0, 0, 0, 0, 16, 16))...)
	return append(out, bytes.Join(rest, nil)...)
}

// read reads to the end or the first fault.
func read(b []byte) error {
	r := nut.NewReader(bytes.NewReader(b))
	if _, err := r.Open(); err != nil {
		return err
	}
	for {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
}

func TestMalformedFiles(t *testing.T) {
	const codedSize, codedPTS, streamID = 32, 8, 16
	normal := []uint64{1, 90000}
	frame := []byte{0, 0xaa}
	for name, b := range map[string][]byte{
		"no time base":                     file(nil, allCodes(0, 1), frame),
		"a time base of zero":              file([]uint64{0, 90000}, allCodes(0, 1), frame),
		"time bases that overflow":         file([]uint64{1 << 32, 1, 1, 1 << 32}, allCodes(0, 1), packet(syncCode, v(3)), frame),
		"an empty run of codes":            file(normal, v(0, 6, 0, 1, 0, 1, 0, 0), frame),
		"a frame of another stream":        file(normal, allCodes(streamID, 1), append([]byte{0}, v(7)...)),
		"a frame of 2^60 bytes":            file(normal, allCodes(codedSize, 0), append([]byte{0}, v(1<<60)...)),
		"a frame of 17 MiB":                file(normal, allCodes(codedSize, 0), append([]byte{0}, v(17<<20)...)),
		"a number without end":             file(normal, allCodes(codedPTS, 1), append([]byte{0}, bytes.Repeat([]byte{0xff}, 20)...)),
		"an unknown packet":                file(normal, allCodes(0, 1), packet(0x4E00000000000000, nil)),
		"a syncpoint before all else":      append([]byte("nut/multimedia container\x00"), packet(syncCode, v(3))...),
		"a stream header before the first": append([]byte("nut/multimedia container\x00"), packet(streamCode, v(0, 0, 0, 0, 1, 0, 0, 0, 0, 16, 16))...),
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, read(b), nut.ErrFormat) })
	}
	require.ErrorIs(t, read(file(normal, allCodes(0, 1), frame)), io.EOF, "and a file that is well formed")
}

func TestHeadersMayBeRepeated(t *testing.T) {
	const key, codedPTS = 1, 8
	base := []uint64{1, 90000}
	frame := func(pts uint64) []byte { return append(append([]byte{0}, v(pts+2)...), 0xaa) } // shift 1: whole, moved up by 2
	again := file(base, allCodes(key|codedPTS, 1))[len("nut/multimedia container\x00"):]
	r := nut.NewReader(bytes.NewReader(file(base, allCodes(key|codedPTS, 1), frame(100), again, packet(syncCode, v(100)), frame(200))))
	s, err := r.Open()
	require.NoError(t, err)
	require.Equal(t, 16, s.Width)
	for _, pts := range []int64{100, 200} {
		p, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, pts, p.PTS)
		require.True(t, p.Key)
	}
}

func TestFileCutShort(t *testing.T) {
	b := encode(t, "-i", "sine=duration=0.2", "-c:a", "aac")
	for n := range b {
		require.Error(t, read(b[:n]))
	}
}

package mpegts_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/mpegts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// crc is that of a section, bit by bit.
func crc(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04C11DB7
			} else {
				c <<= 1
			}
		}
	}
	return c
}

// table wraps the body of a section into packets of a PID.
func table(pid uint16, id byte, body []byte) (out []byte) {
	s := []byte{id, 0xB0 | byte((len(body)+9)>>8), byte(len(body) + 9), 0, 1, 0xC1, 0, 0}
	s = append(s, body...)
	s = binary.BigEndian.AppendUint32(s, crc(s))
	s = append([]byte{0}, s...)
	for i := 0; len(s) > 0; i++ {
		p := []byte{0x47, byte(pid >> 8), byte(pid), 0x10 | byte(i&15)}
		if i == 0 {
			p[1] |= 0x40
		}
		n := min(184, len(s))
		p = append(p, s[:n]...)
		s = s[n:]
		out = append(out, append(p, bytes.Repeat([]byte{0xFF}, 188-len(p))...)...)
	}
	return out
}

// pat and pmt of one stream on PID 256.
func tables(kind byte) []byte {
	return append(table(0, 0, []byte{0, 1, 0xF0, 0x00}), table(0x1000, 2, []byte{0xE1, 0, 0xF0, 0, kind, 0xE1, 0, 0xF0, 0})...)
}

// media is a packet on PID 256.
func packet(start bool, counter int, body []byte) []byte {
	p := []byte{0x47, 0x01, 0x00, 0x10 | byte(counter&15)}
	if start {
		p[1] |= 0x40
	}
	return append(append(p, body...), bytes.Repeat([]byte{0}, 184-len(body))...)
}

// grown is by how much the heap is larger after f than before.
func grown(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// A PES packet without an end is given up; what it took is bounded.
func TestEndlessPicture(t *testing.T) {
	ts := tables(0x1B)
	ts = append(ts, packet(true, 0, []byte{0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1})...)
	for i := 1; i < 200_000; i++ { // 37 MB
		ts = append(ts, packet(false, i, nil)...)
	}
	r, n := &record{}, &mpegts.Counters{}
	used := grown(func() { require.NoError(t, mpegts.Read(bytes.NewReader(ts), r, n, slog.New(errorsFail{t}))) })
	require.Less(t, used, int64(40<<20))
	require.EqualValues(t, 1, n.Damaged.Load())
	require.Empty(t, r.units)
}

// Tables that change with every packet, that claim to be longer than they may, and that point nowhere.
func TestTableBombs(t *testing.T) {
	var ts []byte
	for i := range 20_000 {
		ts = append(ts, table(0, 0, []byte{0, 1, 0xE0 | byte(i>>8&0x1F), byte(i)})...)
		ts = append(ts, table(uint16(i&0x1FFF), 2, append([]byte{0xE1, 0, 0xF0, 0}, bytes.Repeat([]byte{0x1B, 0xE1, byte(i), 0xF0, 0}, 200)...))...)
	}
	long := packet(true, 0, []byte{0, 0, 0xBF, 0xFF})
	long[1] = 0x40
	long[2] = 0
	ts = append(ts, bytes.Repeat(long, 1000)...)
	pointer := packet(true, 0, []byte{255})
	pointer[1], pointer[2] = 0x40, 0
	ts = append(ts, bytes.Repeat(pointer, 1000)...)
	r, n := &record{}, &mpegts.Counters{}
	used := grown(func() { require.NoError(t, mpegts.Read(bytes.NewReader(ts), r, n, slog.New(errorsFail{t}))) })
	require.Less(t, used, int64(1<<20))
	require.Empty(t, r.units)
}

// Ten thousand NAL units of one byte are no picture.
func TestTooManyUnits(t *testing.T) {
	pes := []byte{0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1}
	pes = append(pes, bytes.Repeat([]byte{0, 0, 1, 0x65}, 10_000)...)
	ts := tables(0x1B)
	for i := 0; len(pes) > 0; i++ {
		n := min(184, len(pes))
		ts = append(ts, packet(i == 0, i, pes[:n])...)
		pes = pes[n:]
	}
	r, n, err := read(t, bytes.NewReader(ts))
	require.NoError(t, err)
	require.Empty(t, r.units)
	require.EqualValues(t, 1, n.Damaged.Load())
}

// A stream that is cut off anywhere ends well.
func TestTruncated(t *testing.T) {
	ts := encode(t, "-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-t", "0.3")
	for end := 0; end < len(ts); end += 61 {
		_, _, err := read(t, bytes.NewReader(ts[:end]))
		require.NoError(t, err)
	}
}

// errorsFail is a slog.Handler that fails the test on what someone must look at: a panic above all.
type errorsFail struct{ t testing.TB }

func (errorsFail) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (h errorsFail) WithAttrs([]slog.Attr) slog.Handler         { return h }
func (h errorsFail) WithGroup(string) slog.Handler              { return h }
func (h errorsFail) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		h.t.Errorf("%s: %v", r.Message, a)
		return true
	})
	return nil
}

// FuzzRead reads anything: it must end without a panic, and hand on no more than it was given.
func FuzzRead(f *testing.F) {
	for _, kind := range []byte{0x03, 0x0F, 0x11, 0x1B, 0x24, 0x81} {
		f.Add(append(tables(kind), packet(true, 0, []byte{0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0xff})...))
	}
	f.Add(encode(f, "-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-t", "0.2", "-s", "64x64")[:188*20])
	f.Add(encode(f, "-vn", "-c:a", "aac", "-mpegts_flags", "latm", "-t", "0.2"))
	f.Add(encode(f, "-vn", "-c:a", "ac3", "-t", "0.2"))
	f.Add(encode(f, "-vn", "-c:a", "mp2", "-t", "0.2"))
	f.Add(encode(f, "-vn", "-c:a", "libopus", "-t", "0.2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, n := &record{}, &mpegts.Counters{}
		_ = mpegts.Read(bytes.NewReader(b), r, n, slog.New(errorsFail{t}))
		require.LessOrEqual(t, r.bytes, 2*len(b)+1024)
		for _, u := range r.units {
			require.True(t, u.DTS >= 0 && u.DTS < 1<<33)
		}
	})
}

// The largest packets of the shapes that cost the parsers most end, and soon: headers everywhere, and none.
func TestWorstShapes(t *testing.T) {
	for name, c := range map[string]struct {
		kind byte
		fill []byte
		size int
	}{
		"adts":      {0x0F, []byte{0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x1F, 0xFC}, 100 << 10},
		"latm":      {0x11, []byte{0x56, 0xE0}, 100 << 10},
		"latm long": {0x11, []byte{0x56, 0xE3, 0x20, 0x00, 0x7F}, 100 << 10},
		"mpa":       {0x03, []byte{0xFF, 0xFD, 0x14}, 100 << 10},
		"ac3":       {0x81, []byte{0x0B, 0x77}, 100 << 10},
		"zeros":     {0x1B, []byte{0}, 15 << 20},
		"slices":    {0x1B, []byte{0, 0, 1, 0x65}, 15 << 20},
		"sets":      {0x1B, []byte{0, 0, 1, 0x67, 0, 0, 1, 0x68}, 15 << 20},
		"hevc sets": {0x24, []byte{0, 0, 1, 0x40, 0, 0, 1, 0x42, 0, 0, 1, 0x44}, 15 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			pes := append([]byte{0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1}, bytes.Repeat(c.fill, c.size/len(c.fill))...)
			ts := tables(c.kind)
			for i := 0; len(pes) > 0; i++ {
				n := min(184, len(pes))
				ts = append(ts, packet(i == 0, i, pes[:n])...)
				pes = pes[n:]
			}
			r, n := &record{}, &mpegts.Counters{}
			err := mpegts.Read(bytes.NewReader(ts), r, n, slog.New(errorsFail{t}))
			require.True(t, err == nil || ingest.ReasonOf(err) == ingest.ReasonBadMedia, "%v", err)
			require.LessOrEqual(t, r.bytes, len(ts))
		})
	}
}

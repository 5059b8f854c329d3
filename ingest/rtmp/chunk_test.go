package rtmp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
)

// readAll reads messages up to the end or the first error.
func readAll(b []byte, admitted bool) ([]message, error) {
	r := newChunkReader(bufio.NewReaderSize(bytes.NewReader(b), readBuffer))
	r.admitted = admitted
	var messages []message
	for {
		m, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestChunksOfEveryFormJoin(t *testing.T) {
	body := pattern(1000)
	for _, id := range []int{2, 3, 63, 64, 319, 320, 65599} {
		full, length, delta, none := rtmptest.Writer{}, rtmptest.Writer{RepeatedHeader: 1}, rtmptest.Writer{RepeatedHeader: 2}, rtmptest.Writer{RepeatedHeader: 3}
		b := full.Append(nil, rtmptest.Message{Chunks: id, Type: 9, Stream: 1, Timestamp: 5000, Payload: body})
		b = length.Append(b, rtmptest.Message{Chunks: id, Type: 8, Timestamp: 40, Payload: body[:10]})
		b = delta.Append(b, rtmptest.Message{Chunks: id, Timestamp: 20, Payload: body[:10]})
		b = none.Append(b, rtmptest.Message{Chunks: id, Payload: body[:10]})
		got, err := readAll(b, false)
		require.NoError(t, err, "chunk stream %d", id)
		require.Equal(t, []message{
			{typeID: 9, streamID: 1, timestamp: 5000, payload: body},
			{typeID: 8, streamID: 1, timestamp: 5040, payload: body[:10]},
			{typeID: 8, streamID: 1, timestamp: 5060, payload: body[:10]},
			{typeID: 8, streamID: 1, timestamp: 5080, payload: body[:10]},
		}, got, "chunk stream %d", id)
	}
}

func TestAMessageWithoutHeaderAfterAFullOneAddsItsTimestampOnlyNearTheStart(t *testing.T) {
	none := rtmptest.Writer{RepeatedHeader: 3}
	for first, second := range map[uint32]uint32{0: 0, 23: 46, 1000: 2000, 1001: 1001, 20_000_000: 20_000_000} {
		m := rtmptest.Message{Chunks: 4, Type: 9, Timestamp: first, Payload: []byte{1}}
		got, err := readAll(none.Append(rtmptest.Writer{}.Append(nil, m), m), false)
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, second, got[1].timestamp)
	}
}

// librtmp's control messages have no stream ID although nothing came before them.
func TestAFirstHeaderMayLackTheStreamID(t *testing.T) {
	got, err := readAll(rtmptest.Writer{RepeatedHeader: 1}.Append(nil, rtmptest.Control(5, 2_500_000)), false)
	require.NoError(t, err)
	require.Equal(t, []message{{typeID: 5, payload: []byte{0, 0x26, 0x25, 0xa0}}}, got)
}

func TestExtendedTimestampsInBothStyles(t *testing.T) {
	for name, omit := range map[string]bool{"repeated": false, "omitted": true} {
		t.Run(name, func(t *testing.T) {
			full := rtmptest.Writer{OmitExtended: omit}
			delta := rtmptest.Writer{OmitExtended: omit, RepeatedHeader: 1}
			var b []byte
			var want []message
			at := uint32(0xFFFFFF - 100)
			for n := range 12 {
				body := pattern(100 + 60*n) // ends of one to six chunks, of four bytes and fewer among them
				if n%4 == 0 {
					b = full.Append(b, rtmptest.Message{Chunks: 4, Type: 9, Stream: 1, Timestamp: at, Payload: body})
				} else {
					b = delta.Append(b, rtmptest.Message{Chunks: 4, Type: 9, Timestamp: 33, Payload: body})
				}
				want = append(want, message{typeID: 9, streamID: 1, timestamp: at, payload: body})
				at += 33
			}
			for n := range 3 { // near the wrap of the 32 bits, with a message that ends in the last byte of the stream
				at = 0xFFFFFFFF - 10 + uint32(8*n)
				body := pattern(129)
				b = full.Append(b, rtmptest.Message{Chunks: 4, Type: 9, Stream: 1, Timestamp: at, Payload: body})
				want = append(want, message{typeID: 9, streamID: 1, timestamp: at, payload: body})
			}
			got, err := readAll(b, true)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestAnOmittedExtendedTimestampAtTheEndOfTheStream(t *testing.T) {
	m := rtmptest.Message{Chunks: 4, Type: 9, Timestamp: 20_000_000, Payload: pattern(130)}
	got, err := readAll(rtmptest.Writer{OmitExtended: true}.Append(nil, m), false)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, m.Payload, got[0].payload)
}

func TestChunkSizeHoldsForWhatFollows(t *testing.T) {
	m := rtmptest.Message{Chunks: 4, Type: 9, Payload: pattern(9000)}
	b := rtmptest.Join(rtmptest.Control(1, 4096))
	b = rtmptest.Writer{ChunkSize: 4096}.Append(b, m)
	b = rtmptest.Writer{ChunkSize: 4096}.Append(b, rtmptest.Control(1, 1))
	b = rtmptest.Writer{ChunkSize: 1}.Append(b, m)
	b = rtmptest.Writer{ChunkSize: 1}.Append(b, rtmptest.Control(1, 0x7FFFFFFF))
	b = rtmptest.Writer{ChunkSize: 1 << 24}.Append(b, m)
	got, err := readAll(b, false)
	require.NoError(t, err)
	require.Len(t, got, 3)
	for _, g := range got {
		require.Equal(t, m.Payload, g.payload)
	}
}

func TestAbortForgetsAMessage(t *testing.T) {
	m := rtmptest.Message{Chunks: 4, Type: 9, Payload: pattern(300)}
	b := rtmptest.Writer{}.Append(nil, m)[:12+128]
	b = append(b, rtmptest.Join(rtmptest.Control(2, 4), m)...)
	got, err := readAll(b, false)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, m.Payload, got[0].payload)
}

func TestInterleavedMessagesJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rtmptest.Writer{ChunkSize: rapid.IntRange(1, 300).Draw(t, "chunk size"), OmitExtended: rapid.Bool().Draw(t, "omit")}
		b := rtmptest.Join(rtmptest.Control(1, uint32(w.ChunkSize)))
		var queues [][][]byte // one message each, as chunks
		want := map[uint32][]byte{}
		for i := range rapid.IntRange(1, 8).Draw(t, "streams") {
			m := rtmptest.Message{
				Chunks: 4 + 100*i, Type: 9, Stream: uint32(i), Timestamp: rapid.Uint32().Draw(t, "at"),
				Payload: rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "payload"),
			}
			queues, want[m.Stream] = append(queues, w.Chunks(m)), m.Payload
		}
		for len(queues) > 0 {
			i := rapid.IntRange(0, len(queues)-1).Draw(t, "next")
			b, queues[i] = append(b, queues[i][0]...), queues[i][1:]
			if len(queues[i]) == 0 {
				queues = append(queues[:i], queues[i+1:]...)
			}
		}
		got, err := readAll(b, true)
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for _, m := range got {
			require.Equal(t, want[m.streamID], m.payload)
		}
	})
}

func TestChunkLimits(t *testing.T) {
	large := func(typeID byte, n int) rtmptest.Message {
		return rtmptest.Message{Chunks: 4, Type: typeID, Payload: make([]byte, n)}
	}
	begun := func(chunks int, typeID byte, n int) []byte { // a header, and one chunk of the payload
		return rtmptest.Writer{}.Append(nil, rtmptest.Message{Chunks: chunks, Type: typeID, Payload: make([]byte, n)})[:12+128]
	}
	many := func(n int, f func(i int) []byte) (b []byte) {
		for i := range n {
			b = append(b, f(i)...)
		}
		return b
	}
	cases := map[string]struct {
		bytes    []byte
		admitted bool
		bad      bool
	}{
		"picture of 64 KiB before publish":       {bytes: rtmptest.Join(large(9, 64<<10))},
		"picture of more before publish":         {bytes: rtmptest.Join(large(9, 64<<10+1)), bad: true},
		"picture of 4 MiB after publish":         {bytes: rtmptest.Join(large(9, 4<<20)), admitted: true},
		"command of more than 64 KiB":            {bytes: rtmptest.Join(large(20, 64<<10+1)), admitted: true, bad: true},
		"metadata of more than 64 KiB":           {bytes: rtmptest.Join(large(18, 64<<10+1)), admitted: true, bad: true},
		"five unfinished messages before":        {bytes: many(5, func(i int) []byte { return begun(4+i, 9, 60<<10) }), bad: true},
		"17 MiB unfinished after":                {bytes: many(17, func(i int) []byte { return begun(4+i, 9, 1<<20) }), admitted: true, bad: true},
		"16 chunk streams":                       {bytes: many(16, func(i int) []byte { return begun(4+i, 9, 1000) })},
		"17 chunk streams":                       {bytes: many(17, func(i int) []byte { return begun(4+i, 9, 1000) }), bad: true},
		"chunk size 0":                           {bytes: rtmptest.Join(rtmptest.Control(1, 0)), bad: true},
		"chunk size with its top bit set":        {bytes: rtmptest.Join(rtmptest.Control(1, 1<<31)), bad: true},
		"control message of three bytes":         {bytes: rtmptest.Join(rtmptest.Message{Chunks: 2, Type: 1, Payload: []byte{0, 0, 1}}), bad: true},
		"a header inside a message":              {bytes: many(2, func(int) []byte { return begun(4, 9, 1000) }), bad: true},
		"a chunk that refers to nothing":         {bytes: []byte{0xC4}, bad: true},
		"a delta that refers to nothing":         {bytes: []byte{0x84, 0, 0, 1}, bad: true},
		"a message of no bytes":                  {bytes: rtmptest.Join(large(9, 0))},
		"more than 64 aborted messages":          {bytes: many(65, func(int) []byte { return append(begun(4, 9, 1000), rtmptest.Join(rtmptest.Control(2, 4))...) }), bad: true},
		"an abort of a stream that is not there": {bytes: rtmptest.Join(rtmptest.Control(2, 99))},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(c.bytes, c.admitted)
			if !c.bad {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, ingest.ReasonBadMessage, ingest.ReasonOf(err))
		})
	}
}

func FuzzChunks(f *testing.F) {
	f.Add(rtmptest.Opening("live", "k")[3073:], false)
	f.Add(rtmptest.Join(rtmptest.Control(1, 1), rtmptest.Control(2, 3), rtmptest.AVCHeader(), rtmptest.Sound(0xFFFFFFFF, 300)), true)
	f.Fuzz(func(t *testing.T, b []byte, admitted bool) {
		messages, err := readAll(b, admitted)
		total := 0
		for _, m := range messages {
			total += len(m.payload)
		}
		if total > len(b) {
			t.Fatalf("%d bytes of messages out of %d", total, len(b))
		}
		if err != nil && ingest.ReasonOf(err) != ingest.ReasonBadMessage {
			t.Fatalf("no reason: %v", err)
		}
	})
}

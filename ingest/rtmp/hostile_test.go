package rtmp_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
)

// command is a command whose AMF0 is hostile.
func command(payload string) []byte {
	return append(rtmptest.Handshake(), rtmptest.Join(rtmptest.Message{Chunks: 3, Type: 20, Payload: []byte(payload)})...)
}

func TestHostileBytesBeforePublish(t *testing.T) {
	handshake := rtmptest.Handshake()
	cases := map[string]struct {
		bytes  []byte
		reason ingest.Reason
	}{
		"TLS":                    {append([]byte{0x16, 3, 1}, make([]byte, 2000)...), ingest.ReasonBadHandshake},
		"HTTP":                   {[]byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), ingest.ReasonBadHandshake},
		"version 6":              {append([]byte{6}, make([]byte, 1536)...), ingest.ReasonBadHandshake},
		"a handshake cut off":    {handshake[:1000], ingest.ReasonDisconnected},
		"a chunk cut off":        {append(handshake, 3, 0, 0), ingest.ReasonDisconnected},
		"a huge chunk size":      {append(handshake, rtmptest.Join(rtmptest.Control(1, 0xFFFFFFFF))...), ingest.ReasonBadMessage},
		"a huge message":         {append(handshake, 4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0), ingest.ReasonBadMessage},
		"a huge command":         {append(handshake, 4, 0, 0, 0, 0x01, 0x00, 0x01, 20, 0, 0, 0, 0), ingest.ReasonBadMessage},
		"nested arrays":          {command(strings.Repeat("\x0a\x00\x00\x00\x01", 12_000)), ingest.ReasonBadMessage},
		"nested objects":         {command(strings.Repeat("\x03\x00\x01a", 15_000)), ingest.ReasonBadMessage},
		"an array of 4 billion":  {command("\x0a\xff\xff\xff\xff"), ingest.ReasonBadMessage},
		"a flood of values":      {command(strings.Repeat("\x05", 60_000)), ingest.ReasonBadMessage},
		"a command of no name":   {command(""), ingest.ReasonBadMessage},
		"a name that is no text": {command("\x05"), ingest.ReasonBadMessage},
		"publish before connect": {append(handshake, rtmptest.Join(rtmptest.Publish(rtmptest.Key))...), ingest.ReasonBadMessage},
		"a name of 10 kB":        {rtmptest.Opening("live", strings.Repeat("k", 10_240)), ingest.ReasonBadName},
		"a name with NUL":        {rtmptest.Opening("live", "k\x00"), ingest.ReasonBadName},
		"an escaped slash":       {rtmptest.Opening("live", "..%2fk"), ingest.ReasonBadName},
		"publish of nothing":     {append(handshake, rtmptest.Join(rtmptest.Connect("live"), rtmptest.Command(1, "publish", 1.0))...), ingest.ReasonWrongKey},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, rtmp.Config{})
			client := s.dial()
			client.Send(c.bytes)
			if c.reason == ingest.ReasonDisconnected {
				client.Close()
			}
			client.Await()
			log := s.wait(refused)
			require.Equal(t, c.reason, ingest.ReasonOf(log.Refusals[0]), "%v", log.Refusals[0])
			require.Empty(t, log.Sessions)
			require.NotContains(t, s.log.String(), "level=ERROR")
		})
	}
}

func TestHostileBytesAfterPublish(t *testing.T) {
	configured := rtmptest.Join(rtmptest.AVCHeader(), rtmptest.AACHeader())
	begun := rtmptest.Writer{}.Append(nil, rtmptest.Message{Chunks: 4, Type: 9, Payload: make([]byte, 8<<20)})[:12+128]
	cases := map[string]struct {
		bytes  []byte
		reason ingest.Reason
	}{
		"a record cut off":         {rtmptest.Join(rtmptest.Video(0, append([]byte{0x17, 0, 0, 0, 0}, rtmptest.AVCConfig[:20]...)...)), ingest.ReasonBadMedia},
		"a NAL unit that overruns": {append(configured, rtmptest.Join(rtmptest.Video(0, 0x17, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x65))...), ingest.ReasonBadMedia},
		"16 MiB of empty NALs":     {append(configured, rtmptest.Join(rtmptest.Video(0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 8<<20)...)...))...), ingest.ReasonBadMedia},
		"a tag of one byte":        {rtmptest.Join(rtmptest.Video(0, 0x17)), ingest.ReasonBadMedia},
		"MP3":                      {rtmptest.Join(rtmptest.Audio(0, 0x2F, 0, 0, 0)), ingest.ReasonUnsupported},
		"VVC":                      {rtmptest.Join(rtmptest.Video(0, []byte("\x90vvc1....")...)), ingest.ReasonUnsupported},
		"a second publish":         {rtmptest.Join(rtmptest.Publish(rtmptest.Key)), ingest.ReasonBadMessage},
		"an aggregate cut off":     {rtmptest.Join(rtmptest.Message{Chunks: 4, Type: 22, Payload: []byte{9, 0, 0, 9}}), ingest.ReasonBadMessage},
		"huge messages given up":   {bytes.Repeat(append(begun, rtmptest.Join(rtmptest.Control(2, 4))...), 100), ingest.ReasonBadMessage},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serve(t, rtmp.Config{})
			client := s.dial()
			client.Send(rtmptest.Opening("live", rtmptest.Key))
			client.Send(c.bytes)
			record := s.waitEnd()
			require.Equal(t, c.reason, ingest.ReasonOf(record.Err), "%v", record.Err)
			require.NotContains(t, s.log.String(), "level=ERROR")
		})
	}
}

func TestMetadataThatCannotBeReadEndsNothing(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c := s.dial()
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), rtmptest.Join(
		rtmptest.Message{Chunks: 4, Type: 18, Payload: []byte(strings.Repeat("\x0a\xff\xff\xff\xff", 10_000))},
	)...))
	c.Send(append(broadcast(), rtmptest.Join(rtmptest.Command(1, "closeStream", 0.0, nil))...))
	r := s.waitEnd()
	require.NoError(t, r.Err)
	require.Len(t, r.Units, 4)
	require.EqualValues(t, 1, s.metric("stagecast_rtmp_dropped_total"))
}

// TestMemoryBeforeAdmission has many peers each hold as much as they are let, and looks at what one costs.
func TestMemoryBeforeAdmission(t *testing.T) {
	const peers, limit = 32, 4 << 20
	s := serve(t, rtmp.Config{})
	unfinished := rtmptest.Handshake()
	for i := range 4 {
		m := rtmptest.Message{Chunks: 4 + i, Type: 9, Payload: make([]byte, 64<<10)}
		unfinished = append(unfinished, rtmptest.Join(rtmptest.Control(1, 60<<10))...)
		unfinished = append(unfinished, rtmptest.Writer{ChunkSize: 60 << 10}.Append(nil, m)[:12+60<<10]...)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := heap()
	for range peers {
		s.dial().Send(unfinished)
	}
	require.Eventually(t, func() bool {
		return s.metric("stagecast_rtmp_bytes_received_total") >= float64(peers*len(unfinished))
	}, 30*time.Second, 10*time.Millisecond)
	each := (heap() - before) / peers
	t.Logf("%d KiB for each connection", each>>10)
	require.Less(t, each, uint64(limit))
}

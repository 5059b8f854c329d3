package rtmppush_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/rtmppush"
)

// door is the real server with a gate that remembers.
type door struct {
	gate    rtmptest.Gate
	address string
}

func newDoor(t *testing.T) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &door{address: l.Addr().String()}
	s := rtmp.New(rtmp.Config{Listener: l}, &d.gate, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	return d
}

func (d *door) target() rtmppush.Target {
	return rtmppush.Target{Address: d.address, App: "live", Key: rtmptest.Key}
}

// wait blocks until the one session is as wanted.
func (d *door) wait(t *testing.T, ready func(rtmptest.Record) bool) rtmptest.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	log, err := d.gate.Wait(ctx, func(l rtmptest.Log) bool { return len(l.Sessions) == 1 && ready(l.Sessions[0]) })
	require.NoError(t, err)
	return log.Sessions[0]
}

// tag is one FLV tag and its size after it.
func tag(b []byte, m rtmptest.Message) []byte {
	size := len(m.Payload)
	b = append(b, m.Type, byte(size>>16), byte(size>>8), byte(size))
	b = append(b, byte(m.Timestamp>>16), byte(m.Timestamp>>8), byte(m.Timestamp), byte(m.Timestamp>>24), 0, 0, 0)
	b = append(b, m.Payload...)
	return binary.BigEndian.AppendUint32(b, uint32(size+11))
}

// opening is the start of an FLV file with picture and sound.
func opening() []byte {
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	b = tag(b, rtmptest.Message{Type: 18, Payload: rtmptest.AMF("onMetaData", rtmptest.Object{
		"framerate": 30.0, "hasVideo": true, "hasAudio": true,
	})})
	return tag(tag(b, rtmptest.AVCHeader()), rtmptest.AACHeader())
}

func TestEveryTagArrivesAndTheEndIsAGoodbye(t *testing.T) {
	d := newDoor(t)
	flv := opening()
	const late = 0xFFFFFF + 40 // beyond what fits into a plain chunk header
	for i := range uint32(50) {
		flv = tag(flv, rtmptest.Picture(late+i*33, i == 0, 100_000))
		flv = tag(flv, rtmptest.Sound(late+i*33+5, 300))
	}
	require.NoError(t, rtmppush.Run(context.Background(), d.target(), bytes.NewReader(flv)))
	r := d.wait(t, func(r rtmptest.Record) bool { return r.Ended })
	require.NoError(t, r.Err)
	require.Equal(t, media.Rational{Num: 30, Den: 1}, r.Track(1).FrameRate)
	require.Equal(t, []int{50, 50}, []int{len(r.Of(1)), len(r.Of(2))})
	for i, u := range r.Of(1) {
		require.EqualValues(t, late+i*33, u.DTS)
		require.Equal(t, i == 0, u.RandomAccess)
		require.True(t, bytes.Equal(rtmptest.Picture(0, i == 0, 100_000).Payload[5:], u.Payload), "picture %d", i)
	}
}

func TestAFileCutShortIsAnEndLikeAnyOther(t *testing.T) {
	d := newDoor(t)
	flv := tag(tag(opening(), rtmptest.Picture(0, true, 500)), rtmptest.Sound(5, 100))
	require.NoError(t, rtmppush.Run(context.Background(), d.target(), bytes.NewReader(flv[:len(flv)-50])))
	r := d.wait(t, func(r rtmptest.Record) bool { return r.Ended })
	require.NoError(t, r.Err)
	require.Len(t, r.Units, 1)
}

// endless is an FLV file that never ends.
type endless struct {
	rest []byte
	at   uint32
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = tag(nil, rtmptest.Picture(e.at, e.at%60 == 0, 2000))
		e.at++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestItEndsWithItsContext(t *testing.T) {
	d := newDoor(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- rtmppush.Run(ctx, d.target(), &endless{rest: opening()}) }()
	d.wait(t, func(r rtmptest.Record) bool { return len(r.Units) > 10 })
	cancel()
	require.NoError(t, <-ended)
	d.wait(t, func(r rtmptest.Record) bool { return r.Ended })
}

func TestASilentServerIsLeftWithTheContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1)) // the client has begun, and gets no answer
		cancel()
	}()
	target := rtmppush.Target{Address: l.Addr().String(), App: "live", Key: "secret"}
	require.NoError(t, rtmppush.Run(ctx, target, bytes.NewReader(opening())))
}

func TestARefusalIsAnErrorWithoutTheKey(t *testing.T) {
	d := newDoor(t)
	target := d.target()
	target.Key = "secret-key"
	err := rtmppush.Run(context.Background(), target, &endless{rest: opening()})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret-key")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	log, err := d.gate.Wait(ctx, func(l rtmptest.Log) bool { return len(l.Refusals) == 1 })
	require.NoError(t, err)
	require.Equal(t, ingest.ReasonWrongKey, ingest.ReasonOf(log.Refusals[0]))
}

func TestWhatIsNotFLVIsAnError(t *testing.T) {
	d := newDoor(t)
	require.ErrorContains(t, rtmppush.Run(context.Background(), d.target(), bytes.NewReader([]byte("RIFF....AVI "))), "not FLV")
	require.ErrorIs(t, rtmppush.Run(context.Background(), d.target(), bytes.NewReader(nil)), io.EOF)
}

func TestNobodyThereIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.Close()
	require.ErrorContains(t, rtmppush.Run(context.Background(), rtmppush.Target{Address: l.Addr().String()}, nil), "rtmppush: ")
}

package rtmp

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/ingest/wire"
)

// FuzzPlay has a server say anything after a good handshake. Whatever it is, the attempt ends with a reason of its own.
func FuzzPlay(f *testing.F) {
	connected := rtmptest.Command(0, "_result", 1.0, rtmptest.Object{}, rtmptest.Object{"code": "NetConnection.Connect.Success"})
	created := rtmptest.Command(0, "_result", 2.0, nil, 1.0)
	f.Add(rtmptest.Join(connected, created, rtmptest.AVCHeader(), rtmptest.AACHeader(), rtmptest.Picture(0, true, 10)))
	f.Add(rtmptest.Join(rtmptest.Message{Chunks: 2, Type: typeUserControl, Payload: []byte{0, 6, 1, 2, 3, 4}}, connected))
	f.Add(rtmptest.Join(rtmptest.Message{Chunks: 4, Type: typeAudio, Payload: make([]byte, maxHeldBytes+1)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		theirs, ours := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(io.Discard, theirs)
			}()
			_, _ = theirs.Write(append(append([]byte{protocolVersion}, make([]byte, 2*handshakeSize)...), b...))
			theirs.Close()
			<-read
		}()
		metrics := wire.NewMetrics("rtmp", "rtmp-pull")
		p := &play{
			caller: &Caller{scheme: "rtmp", MediaTimeout: time.Minute}, wire: wire.NewConn(ours, metrics.Received), metrics: metrics,
			window: ackWindow, log: slog.New(slog.DiscardHandler),
		}
		err := p.open()
		if err == nil {
			s, _ := (&rtmptest.Gate{}).Open(context.Background(), ingest.Request{Key: rtmptest.Key})
			err = p.run(s)
		}
		ours.Close()
		<-done
		if err == nil || ingest.ReasonOf(err) == ingest.ReasonInternal {
			t.Fatalf("no reason: %v", err)
		}
	})
}

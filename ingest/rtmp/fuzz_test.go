package rtmp_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
)

// errorsFail is a slog.Handler that fails the test on what someone must look at: a panic above all.
type errorsFail struct{ t *testing.T }

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

// FuzzConversation sends bytes after a good handshake, or after a good opening, and hangs up. Whatever they are, the server
// must end the connection with a reason of its own.
func FuzzConversation(f *testing.F) {
	f.Add(false, rtmptest.Opening("live", rtmptest.Key)[3073:])
	f.Add(true, broadcast())
	f.Add(true, rtmptest.Join(rtmptest.Control(5, 1), rtmptest.Control(1, 1), rtmptest.Message{Chunks: 4, Type: 22, Payload: []byte{9, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x17}}))
	f.Add(true, rtmptest.Join(rtmptest.Command(1, "closeStream", 0.0, nil)))
	f.Add(true, rtmptest.Join(rtmptest.Video(0, []byte("\x96\x21xxxx\x01\x00\x00\x04....av01\x00\x00\x00\x04\x81\x08\x0c\x00")...), rtmptest.Video(0, []byte("\x91av01\x12\x00\x0a\x01A")...)))
	f.Fuzz(func(t *testing.T, admitted bool, b []byte) {
		l, g := rtmptest.NewListener(), &rtmptest.Gate{}
		server := rtmp.New(rtmp.Config{Listener: l}, g, slog.New(errorsFail{t}))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		conn, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		c := rtmptest.NewClient(conn)
		if admitted {
			c.Send(rtmptest.Opening("live", rtmptest.Key))
		} else {
			c.Send(rtmptest.Handshake())
		}
		c.Send(b)
		c.Close()
		c.Await()
		log, _ := g.Wait(context.Background(), func(l rtmptest.Log) bool {
			return len(l.Refusals) > 0 || len(l.Sessions) > 0 && l.Sessions[0].Ended
		})
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		for _, err := range log.Refusals {
			if ingest.ReasonOf(err) == ingest.ReasonInternal {
				t.Fatal(err)
			}
		}
		for _, s := range log.Sessions {
			if ingest.ReasonOf(s.Err) == ingest.ReasonInternal {
				t.Fatal(s.Err)
			}
		}
	})
}

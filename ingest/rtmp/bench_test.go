package rtmp_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	gortmp "github.com/yutopp/go-rtmp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
)

// replay is a connection whose encoder sends one second of media over and over until enough messages have been sent, without
// a socket between. It is a listener that accepts itself once, too.
type replay struct {
	opening, second []byte
	seconds         int
	rest            []byte
	accepted        bool
	closed          chan struct{}
	once            sync.Once
}

// perSecond is the number of messages in one second of media: 3 Mb/s at 30 pictures a second, 128 kb/s at 47 frames.
const perSecond = 30 + 47

func newReplay(chunkSize int, messages int) *replay {
	opening := append(rtmptest.Opening("live", rtmptest.Key), rtmptest.Join(
		rtmptest.Control(1, uint32(chunkSize)),
	)...)
	w := rtmptest.Writer{ChunkSize: chunkSize}
	opening = w.Append(w.Append(opening, rtmptest.AVCHeader()), rtmptest.AACHeader())
	opening = w.Append(w.Append(opening, rtmptest.Picture(0, true, 12_500)), rtmptest.Sound(0, 340))
	delta := rtmptest.Writer{ChunkSize: chunkSize, RepeatedHeader: 1}
	var second []byte
	for n := range 47 {
		if n < 30 {
			second = delta.Append(second, rtmptest.Picture(33, n == 0, 12_500))
		}
		second = delta.Append(second, rtmptest.Sound(21, 340))
	}
	return &replay{opening: opening, second: second, rest: opening, seconds: messages/perSecond + 1, closed: make(chan struct{})}
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.seconds == 0 {
			return 0, io.EOF
		}
		r.seconds--
		r.rest = r.second
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *replay) Accept() (net.Conn, error) {
	if r.accepted {
		<-r.closed
		return nil, net.ErrClosed
	}
	r.accepted = true
	return r, nil
}

func (r *replay) Write(p []byte) (int, error)      { return len(p), nil }
func (r *replay) Close() error                     { return nil }
func (r *replay) Addr() net.Addr                   { return &net.TCPAddr{} }
func (r *replay) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (r *replay) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (r *replay) SetDeadline(time.Time) error      { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }

// countingGate admits all, and counts units up to the end of the session.
type countingGate struct{ ended chan int }

type countingSession struct {
	gate  countingGate
	units int
}

func (g countingGate) Open(context.Context, ingest.Request) (*countingSession, error) {
	return &countingSession{gate: g}, nil
}
func (countingGate) Refuse(ingest.Request, error)     {}
func (*countingSession) Stream() string               { return "stream" }
func (*countingSession) Describe([]media.Track) error { return nil }
func (s *countingSession) Write(ingest.Unit) error    { s.units++; return nil }
func (*countingSession) Link(ingest.Link)             {}
func (*countingSession) Done() <-chan struct{}        { return nil }
func (*countingSession) Cause() error                 { return nil }
func (s *countingSession) End(error)                  { s.gate.ended <- s.units }

// BenchmarkServe is the cost of one media message, from bytes to an access unit that is handed over, without the system calls.
func BenchmarkServe(b *testing.B) {
	for name, chunkSize := range map[string]int{"chunks of 128": 128, "chunks of 4096": 4096, "chunks of 65536": 65536} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := newReplay(chunkSize, b.N)
			g := countingGate{ended: make(chan int)}
			server := rtmp.New(rtmp.Config{Listener: closer{r}}, g, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			b.ResetTimer()
			go func() { ended <- server.Run(ctx) }()
			units := <-g.ended
			b.StopTimer()
			cancel()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
			report(b, units)
		})
	}
}

// closer is a replay as a listener: closing it ends Accept, not the connection.
type closer struct{ *replay }

func (c closer) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func report(b *testing.B, units int) {
	if units < b.N {
		b.Fatalf("%d units of %d", units, b.N)
	}
	each := float64(b.Elapsed().Nanoseconds()) / float64(units)
	b.ReportMetric(each, "ns/message")
	b.ReportMetric(each*perSecond/1e9*100, "%core/stream")
}

// BenchmarkServeGoRTMP feeds the same bytes to go-rtmp's server, whose handler reads each payload and no more.
func BenchmarkServeGoRTMP(b *testing.B) {
	for name, chunkSize := range map[string]int{"chunks of 128": 128, "chunks of 4096": 4096, "chunks of 65536": 65536} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := newReplay(chunkSize, b.N)
			h := &goHandler{ended: make(chan struct{})}
			server := gortmp.NewServer(&gortmp.ServerConfig{OnConnect: func(c net.Conn) (io.ReadWriteCloser, *gortmp.ConnConfig) {
				return c, &gortmp.ConnConfig{
					Handler: h, SkipHandshakeVerification: true, ReaderBufferSize: 64 << 10,
					ControlState: gortmp.StreamControlStateConfig{DefaultBandwidthWindowSize: 6 << 20},
				}
			}})
			ended := make(chan struct{})
			b.ResetTimer()
			go func() {
				server.Serve(closer{r})
				close(ended)
			}()
			<-h.ended
			b.StopTimer()
			server.Close()
			<-ended
			report(b, h.units)
		})
	}
}

type goHandler struct {
	gortmp.DefaultHandler
	units int
	ended chan struct{}
}

func (h *goHandler) OnVideo(_ uint32, r io.Reader) error { return h.take(r) }
func (h *goHandler) OnAudio(_ uint32, r io.Reader) error { return h.take(r) }
func (h *goHandler) OnClose()                            { close(h.ended) }

func (h *goHandler) take(r io.Reader) error {
	h.units++
	_, err := io.ReadAll(r)
	return err
}

package rtsp

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// sinkSession takes all.
type sinkSession struct{ bytes int }

func (s *sinkSession) Stream() string               { return "bench" }
func (s *sinkSession) Describe([]media.Track) error { return nil }
func (s *sinkSession) Link(ingest.Link)             {}
func (s *sinkSession) Done() <-chan struct{}        { return nil }
func (s *sinkSession) Cause() error                 { return nil }
func (s *sinkSession) End(error)                    {}
func (s *sinkSession) Write(u ingest.Unit) error    { s.bytes += len(u.Payload); return nil }

// BenchmarkDepacketise takes two seconds of 6 Mb/s at 30 pictures a second from RTP packets to access units.
func BenchmarkDepacketise(b *testing.B) {
	for _, udp := range []bool{false, true} {
		b.Run(fmt.Sprintf("udp=%v", udp), func(b *testing.B) {
			f := &format.H264{PayloadTyp: 96, SPS: unhex(b, avcSPS), PPS: unhex(b, avcPPS), PacketizationMode: 1}
			packets, size := gop(b, f)
			log := slog.New(slog.DiscardHandler)
			tr := newAVCTrack(b, f)
			session := &sinkSession{}
			var report func([]byte)
			if udp {
				report = func([]byte) {}
			}
			r, err := newReceiver(tr, newFeed(session, []*track{tr}, wire.NewDrops(causes, wire.NewMetrics("rtsp", "rtsp").Dropped, log), log), report)
			require.NoError(b, err)
			defer r.close()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			now := time.Now()
			for b.Loop() {
				for _, p := range packets {
					if _, err := r.packet(p, now); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(len(packets)), "packets/op")
		})
	}
}

// gop is the packets of 60 pictures; the sequence numbers of a round that follows do not go on, which the receiver bears.
func gop(b *testing.B, f *format.H264) (packets [][]byte, size int) {
	e, err := f.CreateEncoder()
	require.NoError(b, err)
	var zero uint16
	e.InitialSequenceNumber = &zero
	require.NoError(b, e.Init())
	for i := range 60 {
		nal := append([]byte{0x41}, bytes.Repeat([]byte{0xa5}, 22_000)...)
		if i == 0 {
			nal = append([]byte{0x65}, bytes.Repeat([]byte{0xa5}, 200_000)...)
		}
		parts, err := e.Encode([][]byte{nal})
		require.NoError(b, err)
		for _, p := range parts {
			p.Timestamp = uint32(i * 3000)
			raw, err := p.Marshal()
			require.NoError(b, err)
			packets, size = append(packets, raw), size+len(raw)
		}
	}
	return packets, size
}

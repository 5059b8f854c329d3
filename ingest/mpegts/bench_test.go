package mpegts_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stagecast/stagecast/ingest/mpegts"
)

// BenchmarkRead reads two seconds of 720p at 4 Mb/s with AAC, and the same with the library that the tests take as an oracle,
// which stops before parameter sets and lengths.
func BenchmarkRead(b *testing.B) {
	ts := encode(b, "-c:v", "libx264", "-bf", "2", "-b:v", "4M", "-minrate", "4M", "-bufsize", "1M", "-s", "1280x720", "-c:a", "aac")
	log := slog.New(slog.DiscardHandler)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(ts)))
		b.ReportAllocs()
		for b.Loop() {
			var n mpegts.Counters
			if err := mpegts.Read(bytes.NewReader(ts), &record{}, &n, log); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("mediacommon", func(b *testing.B) {
		b.SetBytes(int64(len(ts)))
		b.ReportAllocs()
		for b.Loop() {
			viaOracle(b, ts)
		}
	})
}

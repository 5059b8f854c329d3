package packager_test

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// tally is a sink that only counts.
type tally struct{ parts chan struct{} }

func (t *tally) Put(u packager.Update) {
	if u.Part != nil {
		t.parts <- struct{}{}
	}
}

func (t *tally) Present(packager.Presentation) {}

// BenchmarkUnit is what one picture of 12.5 kB (3 Mb/s at 30 a second) costs on its way into a part and a playlist, hub and
// hand-over between goroutines included. A part of fifteen pictures takes one allocation for its bytes; the rest are the
// part's line, its update, and the playlist.
func BenchmarkUnit(b *testing.B) {
	b.Run("ladder", func(b *testing.B) { benchmarkUnit(b, hub.Ladder) })
	b.Run("source", func(b *testing.B) { benchmarkUnit(b, hub.Source) })
}

func benchmarkUnit(b *testing.B, from hub.Stage) {
	config, _ := hex.DecodeString("0164000dffe100186764000dacd941419f9f011000003e90000ea608f142996001000668ebe3cb22c0fdf8f800")
	track := media.Track{ID: 1, Rendition: "720p", Codec: media.H264, Aligned: from == hub.Ladder, Config: config}
	if err := cmaf.Complete(&track); err != nil {
		b.Fatal(err)
	}
	h := hub.New()
	sink := &tally{parts: make(chan struct{}, 1024)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	p := packager.New(packager.Config{Stage: from}, "live", h, sink, slog.New(slog.NewTextHandler(io.Discard, nil)))
	go func() { done <- p.Run(ctx) }()
	pub, err := h.Publish(hub.Key{Stream: "live", Stage: from}, 1, []media.Track{track})
	if err != nil {
		b.Fatal(err)
	}
	const frame = media.VideoClockRate / 30
	at := media.Ticks(time.Now(), media.VideoClockRate) / 180000 * 180000
	payload := make([]byte, 12500)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		pub.Write(media.AccessUnit{Track: 1, DTS: at, PTS: at, Duration: frame, RandomAccess: n%60 == 0, Payload: payload})
		at += frame
		if n++; n%15 == 0 && n > 15 { // a source's part before a key frame stays open until that is here
			<-sink.parts
		}
	}
	cancel()
	<-done
}

package origin_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// BenchmarkRestart is the time from the start of a server to the first playlist that a viewer gets, where four hours of five
// renditions had been listed: 36,000 segments.
func BenchmarkRestart(b *testing.B) {
	const window, length, ladder = 4 * time.Hour, 2 * time.Second, 5
	directory := b.TempDir()
	fill(b, directory, window, length, ladder)
	for b.Loop() {
		disk, err := store.OpenDisk(store.DiskConfig{Directory: directory})
		require.NoError(b, err)
		tiers, err := store.NewTiered(store.TieredConfig{}, disk, quiet)
		require.NoError(b, err)
		o := origin.New(origin.Config{Window: window, Tiers: tiers}, quiet)
		require.NoError(b, o.Restore())
		p := packager.New(packager.Config{Window: window, Grace: time.Hour, Past: o.Past("live")}, "live", hub.New(), o, quiet)
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 2)
		go func() { done <- tiers.Run(ctx) }()
		go func() { done <- p.Run(ctx) }()
		w := httptest.NewRecorder()
		o.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/live/r4/index.m3u8", nil))
		require.Greater(b, strings.Count(w.Body.String(), "#EXTINF"), int(window/length)-10)
		b.StopTimer()
		cancel()
		require.NoError(b, <-done)
		require.NoError(b, <-done)
		disk.Close()
		b.StartTimer()
	}
}

// fill has the whole window listed, of media that are a few bytes.
func fill(b *testing.B, directory string, window, length time.Duration, ladder int) {
	disk, err := store.OpenDisk(store.DiskConfig{Directory: directory})
	require.NoError(b, err)
	defer disk.Close()
	tiers, err := store.NewTiered(store.TieredConfig{}, disk, quiet)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- tiers.Run(ctx) }()
	o := origin.New(origin.Config{Window: window, Tiers: tiers}, quiet)
	config, err := hex.DecodeString("0164000dffe100186764000dacd941419f9f011000003e90000ea608f142996001000668ebe3cb22c0fdf8f800")
	require.NoError(b, err)
	p := packager.Presentation{
		Stream: "live", State: packager.Live, Token: "t", PartTarget: packager.Low.PartTarget(), Target: length, Profile: packager.Low,
	}
	lists := make([][]*hls.Segment, ladder)
	for r := range ladder {
		p.Renditions = append(p.Renditions, packager.Rendition{Track: media.Track{
			ID: r + 1, Rendition: fmt.Sprintf("r%d", r), Codec: media.H264, ClockRate: media.VideoClockRate, Config: config, Width: 320, Height: 180, Aligned: true,
		}})
	}
	count := int64(window / length)
	first := time.Now().Unix()/2 - count
	for n := first; n < first+count; n++ {
		for r := range ladder {
			s := &hls.Segment{
				URI: fmt.Sprintf("%d-t.mp4", n), Duration: length, ProgramDateTime: time.Unix(2*n, 0).UTC(), Map: "init-h.mp4",
			}
			u := packager.Update{Stream: "live", Rendition: p.Renditions[r].Track.Rendition, Kind: media.Video}
			u.Segment = &packager.Object{Name: s.URI, Chunks: [][]byte{[]byte("media")}}
			for i := range 4 {
				s.Parts = append(s.Parts, hls.Part{URI: fmt.Sprintf("%d.%d-t.mp4", n, i), Duration: length / 4, Independent: i == 0, Gap: true})
			}
			lists[r] = append(lists[r], s)
			u.Playlist = &hls.MediaPlaylist{TargetDuration: 2, MediaSequence: first, Segments: lists[r]}
			o.Put(u)
		}
		if n == first {
			o.Present(p)
		}
	}
	require.NoError(b, tiers.Sync(ctx))
	cancel()
	require.NoError(b, <-done)
}

package rtmp_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// units cuts a sample at the lengths of its NAL units.
func units(sample []byte) (out [][]byte) {
	for len(sample) >= 4 {
		end := 4 + binary.BigEndian.Uint32(sample)
		out = append(out, sample[4:end])
		sample = sample[end:]
	}
	return out
}

// gortmplib writes Enhanced RTMP by somebody else's reading of it: two sizes, of two codecs, and two sounds.
func TestTracksOfAnotherImplementation(t *testing.T) {
	source := []string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-pix_fmt", "yuv420p", "-g", "25"}
	large := record(t, "avcC", append(source, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency")...)
	small := record(t, "hvcC", append(source, "-s", "320x180", "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:bframes=0:keyint=25:scenecut=0")...)
	avc, hevc := units(nal.Sets(media.H264, large.config)), units(nal.Sets(media.HEVC, small.config))
	sound := func() *gortmplib.Track {
		return &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: &mpeg4audio.AudioSpecificConfig{
			Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2, ChannelCount: 2,
		}}}
	}
	tracks := []*gortmplib.Track{
		{Codec: &codecs.H264{SPS: avc[0], PPS: avc[1]}}, {Codec: &codecs.H265{VPS: hevc[0], SPS: hevc[1], PPS: hevc[2]}}, sound(), sound(),
	}

	log := slog.New(slog.DiscardHandler)
	h := hub.New()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	gate := ingest.NewGate(ingest.Config{}, onlyKey{}, h, log)
	server := rtmp.New(rtmp.Config{Listener: l}, gate, log)
	go func() { ended <- server.Run(ctx) }()

	c := &gortmplib.Client{URL: &url.URL{Scheme: "rtmp", Host: l.Addr().String(), Path: "/live/" + rtmptest.Key}, Publish: true}
	require.NoError(t, c.Initialize(ctx))
	w := &gortmplib.Writer{Conn: c, Tracks: tracks}
	require.NoError(t, w.Initialize())
	for i := range large.samples {
		at := time.Duration(i) * 40 * time.Millisecond
		require.NoError(t, w.WriteH264(tracks[0], at, at, units(large.samples[i].Data)))
		require.NoError(t, w.WriteH265(tracks[1], at, at, units(small.samples[i].Data)))
		for _, s := range tracks[2:] {
			require.NoError(t, w.WriteMPEG4Audio(s, at, make([]byte, 50)))
		}
	}
	pub, err := h.Await(ctx, hub.Key{Stream: "stream", Stage: hub.Source}, nil)
	require.NoError(t, err)
	var names []string
	for i := range pub.Tracks {
		names = append(names, pub.Tracks[i].Rendition+" "+string(pub.Tracks[i].Codec))
	}
	require.Equal(t, []string{"360p h264", "180p hevc", "audio aac"}, names)
	require.Eventually(t, func() bool {
		in := gate.Inputs()
		return len(in) == 1 && in[0].Video.KeyframeInterval == 1 && len(in[0].Rungs) == 1 && in[0].Rungs[0].KeyframeInterval == 1
	}, 10*time.Second, 5*time.Millisecond)
	warnings := gate.Inputs()[0].Warnings
	require.Equal(t, "more than one sound", warnings[0].Name)
	c.Close()
	cancel()
	require.NoError(t, <-ended)
}

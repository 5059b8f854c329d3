package rtmp_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// recording is one track of a fragmented MP4 file: what an encoder of that codec makes.
type recording struct {
	config  []byte // of the box in the sample entry, without its header
	samples []mp4.FullSample
	scale   uint64 // ticks per second
}

// record encodes two seconds and reads them back. box is the type of the box that holds the decoder configuration.
func record(t *testing.T, box string, args ...string) recording {
	file := filepath.Join(t.TempDir(), "track.mp4")
	run(t, "ffmpeg", append(append([]string{"-v", "error"}, args...), "-t", "2", "-movflags", "frag_keyframe+delay_moov+default_base_moof", file)...)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	require.NoError(t, err)
	moov := f.Init.Moov
	r := recording{scale: uint64(moov.Trak.Mdia.Mdhd.Timescale)}
	for _, entry := range moov.Trak.Mdia.Minf.Stbl.Stsd.Children {
		for _, child := range childrenOf(entry) {
			if child.Type() == box {
				var raw bytes.Buffer
				require.NoError(t, child.Encode(&raw))
				r.config = raw.Bytes()[8:]
			}
		}
	}
	require.NotEmpty(t, r.config)
	for _, s := range f.Segments {
		for _, fragment := range s.Fragments {
			samples, err := fragment.GetFullSamples(moov.Mvex.Trex)
			require.NoError(t, err)
			r.samples = append(r.samples, samples...)
		}
	}
	return r
}

func childrenOf(sampleEntry mp4.Box) []mp4.Box {
	if v, ok := sampleEntry.(*mp4.VisualSampleEntryBox); ok {
		return v.Children
	}
	return sampleEntry.(*mp4.AudioSampleEntryBox).Children
}

// onlyKey is an Authorizer for one key.
type onlyKey struct{}

func (onlyKey) Authorize(_ context.Context, r ingest.Request) (string, error) {
	if r.Key != rtmptest.Key {
		return "", &ingest.Error{Reason: ingest.ReasonWrongKey}
	}
	return "stream", nil
}

// publish sends bytes as a broadcast into a real gate, and returns what comes out of its hub.
func publish(t *testing.T, b []byte) ([]media.Track, []media.AccessUnit) {
	log := slog.New(slog.DiscardHandler)
	h := hub.New()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	server := rtmp.New(rtmp.Config{Listener: l}, ingest.NewGate(ingest.Config{}, onlyKey{}, h, log), log)
	go func() { ended <- server.Run(ctx) }()

	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	c := rtmptest.NewClient(conn)
	c.Send(append(rtmptest.Opening("live", rtmptest.Key), b...))
	pub, err := h.Await(ctx, hub.Key{Stream: "stream", Stage: hub.Source}, nil)
	require.NoError(t, err)
	sub := pub.Subscribe()
	defer sub.Close()
	c.Send(rtmptest.Join(rtmptest.Command(1, "closeStream", 0.0, nil)))
	require.Equal(t, "NetStream.Unpublish.Success", rtmptest.Status(c.Await())["code"])
	var units []media.AccessUnit
	for {
		next, err := sub.Next(ctx, nil)
		if err != nil {
			require.ErrorIs(t, err, hub.ErrEnded)
			break
		}
		units = append(units, next...)
	}
	cancel()
	require.NoError(t, <-ended)
	return pub.Tracks, units
}

// opusHead is the ID header of RFC 7845 with the fields of a dOps box.
func opusHead(dops []byte) []byte {
	head := append([]byte("OpusHead\x01"), dops[1], dops[3], dops[2], dops[7], dops[6], dops[5], dops[4], dops[9], dops[8])
	return append(head, dops[10:]...)
}

func TestEnhancedCodecs(t *testing.T) {
	picture := []string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-pix_fmt", "yuv420p", "-g", "100"}
	audio := record(t, "dOps", "-f", "lavfi", "-i", "sine=r=48000", "-ac", "2", "-c:a", "libopus")
	for fourCC, c := range map[string]struct {
		codec    media.Codec
		box      string
		composed bool // has composition times
		args     []string
	}{
		"hvc1": {media.HEVC, "hvcC", true, []string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:bframes=2"}},
		"av01": {media.AV1, "av1C", false, []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-row-mt", "0"}},
		"vp09": {media.VP9, "vpcC", false, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"}},
	} {
		t.Run(fourCC, func(t *testing.T) {
			video := record(t, c.box, append(picture, c.args...)...)
			b := rtmptest.Join(
				rtmptest.Video(0, append([]byte("\x90"+fourCC), video.config...)...),
				rtmptest.Audio(0, append([]byte("\x90Opus"), opusHead(audio.config)...)...),
			)
			for i, s := range video.samples {
				head := []byte("\xa1" + fourCC)
				if s.IsSync() {
					head[0] = 0x91
				}
				if at := int64(s.CompositionTimeOffset) * 1000 / int64(video.scale); c.composed {
					head = append(head, byte(at>>16), byte(at>>8), byte(at))
				}
				b = append(b, rtmptest.Join(rtmptest.Video(uint32(40*i), append(head, s.Data...)...))...)
			}
			for i, s := range audio.samples {
				b = append(b, rtmptest.Join(rtmptest.Audio(uint32(20*i), append([]byte("\x91Opus"), s.Data...)...))...)
			}
			tracks, units := publish(t, b)

			require.Len(t, tracks, 2)
			require.Equal(t, c.codec, tracks[0].Codec)
			require.Equal(t, []int{320, 180}, []int{tracks[0].Width, tracks[0].Height})
			want := video.config
			if c.codec == media.VP9 {
				want = want[4:] // version and flags
			}
			require.Equal(t, want, tracks[0].Config)
			require.Equal(t, media.Opus, tracks[1].Codec)
			require.Equal(t, audio.config, tracks[1].Config)
			require.Equal(t, 2, tracks[1].Channels)

			var pictures int
			for _, u := range units {
				if u.Track == tracks[0].ID {
					require.Equal(t, video.samples[pictures].Data, u.Payload)
					require.Equal(t, pictures == 0, u.RandomAccess)
					pictures++
				}
			}
			require.Equal(t, len(video.samples), pictures)
		})
	}
}

package rtsp_test

import (
	"math"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtsp"
	"github.com/stagecast/stagecast/internal/media"
)

// With B-frames, an encoder's first picture comes earlier than the sound that belongs to it, by how long it is held back.
// Where the two start is in ffmpeg's sender reports: sound stands in whole frames from the first picture then.
func TestFFmpegsPictureAndSoundBelongTogether(t *testing.T) {
	for transport, bframes := range map[string]string{"tcp": "2", "udp": "0"} {
		t.Run(transport, func(t *testing.T) {
			d := serve(t, rtsp.Config{})
			cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
				"-re", "-f", "lavfi", "-i", "anoisesrc=sample_rate=48000", "-t", "3", "-c:v", "libx264", "-preset", "ultrafast", "-bf", bframes, "-g", "25",
				"-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-f", "rtsp", "-rtsp_transport", transport, "rtsp://u:"+key+"@"+d.address+"/live")
			require.NoError(t, cmd.Start())
			defer func() { _ = cmd.Wait() }()
			sub := d.published("live")
			units := read(t, sub, 120)
			var first, last, step float64
			var dts []int64
			for _, u := range units {
				track := sub.Publication().Track(u.Track)
				at := media.Time(u.PTS, track.ClockRate).Sub(media.Time(units[0].DTS, 90000)).Seconds()
				if track.Kind() == media.Audio {
					step = 1024 / float64(track.SampleRate)
					last = at
					continue
				}
				if dts == nil {
					first = at
				}
				dts = append(dts, u.DTS)
			}
			off := math.Mod(last-first, step)
			require.InDelta(t, 0, min(off, step-off), 0.002, "sound stands %.4f s behind the first picture", last-first)
			for i := 1; i < len(dts); i++ {
				require.InDelta(t, 3600, dts[i]-dts[i-1], 2, "decoding times are as even as the pictures, from the first on")
			}
			require.NoError(t, cmd.Wait())
			d.attempt(ingest.ReasonUnpublished)
		})
	}
}

package transcode

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

// equipped is a machine with one chip of each kind, all of which encode.
type equipped struct{ boaster }

func (equipped) Look(context.Context) device.Facts {
	return device.Facts{
		FFmpeg: "ffmpeg version 7.1", Processor: "A processor", Cores: 4, NVIDIA: "0, A chip, 550.54.15, 16384, 5, 1, 0, 0, 0",
		Nodes: []device.Node{{Path: "/dev/dri/renderD129", Driver: "i915"}},
	}
}

// On a chip with an encoder pictures are decoded, scaled and encoded in its own memory: nothing brings them back before they are coded.
func TestPicturesStayOnTheDevice(t *testing.T) {
	m := equipped{}
	var table *device.Table
	for t := range device.Probe(t.Context(), m, m.Look(t.Context()), time.Now()) {
		table = t
	}
	for id, want := range map[string][]string{
		"nvidia0":          {"-init_hw_device cuda=gpu:0", "-hwaccel cuda", "-hwaccel_output_format cuda", "scale_cuda=854:480", "scale_cuda=428:240", "-c:v h264_nvenc", "-c:v hevc_nvenc"},
		"qsv-renderD129":   {"-hwaccel qsv", "scale_qsv=w=854:h=480", "-c:v h264_qsv", "-c:v hevc_qsv"},
		"vaapi-renderD129": {"-hwaccel vaapi", "scale_vaapi=w=854:h=480", "-c:v h264_vaapi", "-c:v hevc_vaapi"},
		"cpu":              {"scale=854:480", "-c:v libx264", "-c:v libx265"},
	} {
		e := table.Device(id)
		require.NotNil(t, e, id)
		plan := newPlan(picture(854, 480, fps(30, 1)), laddersOf(t, "480p,240p,480p:800k:hevc").Of("live"), []room{{*e, 1}})
		require.Len(t, plan.Rungs, 3, id)
		s := &setup{plan: plan, segment: 2 * time.Second, video: true, audio: true, base: startSecond / epoch * epoch}
		line := strings.Join(s.arguments(), " ")
		for _, part := range want {
			require.Contains(t, line, part, id)
		}
		if id != "cpu" {
			require.NotContains(t, line, "hwdownload", id)
			require.NotContains(t, line, "format=yuv420p", id)
			require.Less(t, strings.Index(line, "-hwaccel"), strings.Index(line, "-i pipe:0"), "decoding is of the input")
		}
		require.Equal(t, 3, strings.Count(line, "-force_key_frames"), id)
		require.Equal(t, 4, strings.Count(line, "-f nut"), "three rungs and the sound of %s", id)
		require.Equal(t, media.H264, plan.Rungs[len(plan.Rungs)-1].Codec)
	}
}

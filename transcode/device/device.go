// Package device knows what can encode here: the processor and the graphics chips of this machine, found out by encoding a
// few pictures on each with each codec, what that costs, and the exact reason where one does not.
//
// It owns the arguments by which ffmpeg uses a device, and the table of what was measured. It decides nothing: which device
// a job runs on is its reader's to say.
package device

import (
	"fmt"
	"strconv"

	"github.com/stagecast/stagecast/internal/media"
)

// Kind of a device: which of ffmpeg's families of encoders drives it.
type Kind string

// The kinds.
const (
	CPU    Kind = "cpu"
	NVIDIA Kind = "nvidia" // NVENC
	VAAPI  Kind = "vaapi"  // chips of Intel and AMD
	QSV    Kind = "qsv"    // chips of Intel, by their own library
)

// Device is one thing that may encode. It is a value and never changes.
type Device struct {
	ID     string `json:"id"` // "cpu", "nvidia0", "vaapi-renderD128": unique on its machine, and a metric label
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`             // what its maker calls it
	Driver string `json:"driver,omitempty"` // and the driver its version
	Memory int64  `json:"memoryBytes,omitempty"`
	Cores  int    `json:"cores,omitempty"`

	index int    // of an NVIDIA device
	node  string // the path of a render node
	shut  string // why the node cannot be opened
}

// Host is the processor as it is before anything has been measured.
func Host() Device { return Device{ID: "cpu", Kind: CPU, Name: "cpu"} }

// pass are the variables of our environment by which drivers are found.
func (d Device) pass() []string {
	switch d.Kind {
	case NVIDIA:
		return []string{"LD_LIBRARY_PATH"}
	case VAAPI, QSV:
		return []string{"LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "LD_LIBRARY_PATH"}
	}
	return nil
}

// Environment names the variables that ffmpeg needs to find the device's driver.
func (d Device) Environment() []string { return d.pass() }

// gpu is what the device is called within ffmpeg's arguments.
const gpu = "gpu"

// Open are the arguments, before any input, that open the device; none for the processor.
func (d Device) Open() []string {
	switch d.Kind {
	case NVIDIA:
		return []string{"-init_hw_device", "cuda=" + gpu + ":" + strconv.Itoa(d.index), "-filter_hw_device", gpu}
	case VAAPI:
		return []string{"-init_hw_device", "vaapi=" + gpu + ":" + d.node, "-filter_hw_device", gpu}
	case QSV:
		return []string{"-init_hw_device", "vaapi=va:" + d.node, "-init_hw_device", "qsv=" + gpu + "@va", "-filter_hw_device", gpu}
	}
	return nil
}

// Decode are the arguments, before an input, that have it decoded on the device, where its codec can be; else it is decoded by
// the processor, and Take brings the pictures over.
func (d Device) Decode() []string {
	if method := d.method(); method != "" {
		return []string{"-hwaccel", method, "-hwaccel_device", gpu, "-hwaccel_output_format", method}
	}
	return nil
}

// method is what ffmpeg calls the way of decoding, and the pixels that lie in the device's memory.
func (d Device) method() string {
	switch d.Kind {
	case NVIDIA:
		return "cuda"
	case VAAPI:
		return "vaapi"
	case QSV:
		return "qsv"
	}
	return ""
}

// Take is the filter that brings pictures into the device's memory and leaves alone those that are there; empty for the
// processor.
func (d Device) Take() string {
	if method := d.method(); method != "" {
		return "format=nv12|" + method + ",hwupload"
	}
	return ""
}

// Scale is the filter that scales where the pictures are.
func (d Device) Scale(width, height int) string {
	switch d.Kind {
	case NVIDIA:
		return fmt.Sprintf("scale_cuda=%d:%d:format=nv12", width, height)
	case VAAPI:
		return fmt.Sprintf("scale_vaapi=w=%d:h=%d:format=nv12", width, height)
	case QSV:
		return fmt.Sprintf("scale_qsv=w=%d:h=%d:format=nv12", width, height)
	}
	return fmt.Sprintf("scale=%d:%d:flags=bicubic", width, height)
}

// Pixels is the filter that makes the pixels what the device's encoders take; empty where scaling has done so.
func (d Device) Pixels() string {
	if d.Kind == CPU {
		return "format=yuv420p"
	}
	return ""
}

// Codecs are those that devices are tried with.
var Codecs = []media.Codec{media.H264, media.HEVC, media.AV1}

// encoders are ffmpeg's names by kind and codec.
var encoders = map[Kind]map[media.Codec]string{
	CPU:    {media.H264: "libx264", media.HEVC: "libx265", media.AV1: "libaom-av1"}, // SVT-AV1 has no key frame where one is asked for
	NVIDIA: {media.H264: "h264_nvenc", media.HEVC: "hevc_nvenc", media.AV1: "av1_nvenc"},
	VAAPI:  {media.H264: "h264_vaapi", media.HEVC: "hevc_vaapi", media.AV1: "av1_vaapi"},
	QSV:    {media.H264: "h264_qsv", media.HEVC: "hevc_qsv", media.AV1: "av1_qsv"},
}

// Presets of the device's encoder, the best picture first. A device with a fixed pipeline has one.
func (d Device) Presets(c media.Codec) []string {
	switch {
	case d.Kind == NVIDIA:
		return []string{"p4"}
	case d.Kind == QSV:
		return []string{"veryfast"}
	case d.Kind == VAAPI:
		return []string{"default"}
	case c == media.HEVC:
		return []string{"superfast", "ultrafast"}
	case c == media.AV1:
		return []string{"8"}
	}
	return []string{"veryfast", "superfast", "ultrafast"}
}

// Encode are the arguments of an encoder: constant in rate as far as its buffer, no picture of delay, key frames only where they
// are forced. bitrate and buffer are in bits a second and bits.
func (d Device) Encode(c media.Codec, preset string, bitrate, buffer int) []string {
	rate := strconv.Itoa(bitrate)
	args := append([]string{"-c:v", encoders[d.Kind][c]}, d.options(c, preset)...)
	return append(args, "-b:v", rate, "-maxrate", rate, "-bufsize", strconv.Itoa(buffer))
}

// longest is a group of pictures that never ends by itself: Quick Sync counts to 16 bits.
const longest = "65535"

func (d Device) options(c media.Codec, preset string) []string {
	var args []string
	if c == media.H264 {
		args = []string{"-profile:v", "high"}
	}
	switch {
	case d.Kind == NVIDIA:
		return append(args, "-preset", preset, "-tune", "ull", "-rc", "cbr", "-zerolatency", "1", "-bf", "0", "-g", longest,
			"-no-scenecut", "1", "-forced-idr", "1")
	case d.Kind == VAAPI:
		return append(args, "-rc_mode", "CBR", "-bf", "0", "-g", longest, "-async_depth", "1")
	case d.Kind == QSV:
		return append(args, "-preset", preset, "-bf", "0", "-g", longest, "-async_depth", "1", "-low_delay_brc", "1", "-forced_idr", "1")
	case c == media.HEVC:
		return []string{"-preset", preset, "-tune", "zerolatency", "-forced-idr", "1",
			"-x265-params", "log-level=error:scenecut=0:keyint=100000:min-keyint=1:open-gop=0:bframes=0"}
	case c == media.AV1:
		return []string{"-usage", "realtime", "-cpu-used", preset, "-lag-in-frames", "0", "-row-mt", "1", "-g", "100000"}
	}
	return []string{"-preset", preset, "-tune", "zerolatency", "-profile:v", "high", "-bf", "0",
		"-g", "100000", "-keyint_min", "1", "-sc_threshold", "0", "-forced-idr", "1"}
}

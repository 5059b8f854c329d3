package ffmpeg

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
)

// Reason names how a child ended, or why it can encode nothing: log field, metric label and column of a table.
type Reason string

// The reasons of any child.
const (
	Killed       Reason = "killed"
	TimedOut     Reason = "timed out"
	OutOfMemory  Reason = "out of memory"
	BadInput     Reason = "bad input"
	BadArguments Reason = "bad arguments"
	Failed       Reason = "failed"
)

// The reasons for which a device does not encode.
const (
	NoEncoder     Reason = "no such encoder in this ffmpeg"
	NoChip        Reason = "no encoder on this chip"
	NoCodec       Reason = "the chip does not encode this codec"
	NoVideoPart   Reason = "the driver's video part is missing"
	NoDriver      Reason = "driver missing"
	OldDriver     Reason = "driver too old for this ffmpeg"
	SessionCap    Reason = "no encoder session free"
	NoDevice      Reason = "device gone"
	NoPermission  Reason = "no permission on the device"
	NoVADriver    Reason = "no VA-API driver for this device"
	NoRuntime     Reason = "Quick Sync runtime missing"
	DeviceMemory  Reason = "device out of memory"
	BadParameters Reason = "the encoder refuses its parameters"
)

// known are the texts that tell a reason, the most telling first: what ffmpeg says of a cause, it says before or after many
// words on what follows from it.
var known = []struct {
	text   string
	reason Reason
}{
	{"Unknown encoder", NoEncoder},
	{"Cannot load libnvidia-encode", NoVideoPart},
	{"Cannot load libcuda", NoDriver},
	{"Cannot load nvcuda", NoDriver},
	{"does not support the required nvenc API version", OldDriver},
	{"CUDA driver version is insufficient", OldDriver},
	{"OpenEncodeSessionEx failed: unsupported device (2)", NoChip},
	{"OpenEncodeSessionEx failed: out of memory (10)", SessionCap},
	{"OpenEncodeSessionEx failed: incompatible client key (21)", SessionCap},
	{"CUDA_ERROR_NO_DEVICE", NoDevice},
	{"CUDA_ERROR_INVALID_DEVICE", NoDevice},
	{"CUDA_ERROR_UNKNOWN", NoDevice},
	{"CUDA_ERROR_OUT_OF_MEMORY", DeviceMemory},
	{"No usable encoding profile found", NoCodec},
	{"No usable encoding entrypoint found", NoCodec},
	{"Codec not supported", NoCodec},
	{"No capable devices found", NoCodec},
	{"No NVENC capable devices found", NoCodec},
	{"Permission denied", NoPermission},
	{"Failed to initialise VAAPI connection", NoVADriver},
	{"No VA display found for device", NoVADriver},
	{"Failed to create a VAAPI device", NoVADriver},
	{"MFX session", NoRuntime},
	{"No supported child device type is enabled", NoRuntime},
	{"Cannot allocate memory", OutOfMemory},
	{"Invalid data found", BadInput},
	{"Unrecognized option", BadArguments},
	{"Error parsing options", BadArguments},
	{"Option not found", BadArguments},
	{"Error while opening encoder", BadParameters},
}

// Classify reads the reason off what a child has said.
func Classify(log []string) Reason {
	for _, k := range known {
		for _, line := range log {
			if strings.Contains(line, k.text) {
				return k.reason
			}
		}
	}
	return Failed
}

// ended is the reason of a child's end.
func ended(log []string, err error) Reason {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return Killed
		}
	}
	return Classify(log)
}

// Fix says what to do about a reason; empty where there is nothing to say.
func (r Reason) Fix() string {
	switch r {
	case NoEncoder:
		return "install an ffmpeg that is built with this encoder"
	case NoChip:
		return "nothing to repair: chips for computing such as A100, H100 and H200 decode video and do not encode it"
	case NoVideoPart:
		return "in a container: set NVIDIA_DRIVER_CAPABILITIES=compute,video,utility; else install the driver's libnvidia-encode"
	case NoDriver:
		return "install the NVIDIA driver; in a container: run it with --gpus all"
	case OldDriver:
		return "update the driver, or install an ffmpeg that was built for this one"
	case SessionCap:
		return "end other programs that encode on this device: its driver allows only so many at a time"
	case NoDevice:
		return "look at nvidia-smi and the kernel's log: the device has fallen off, or is not given to this container"
	case NoPermission:
		return "add the user that runs the server to the group of /dev/dri/renderD* (render or video)"
	case NoVADriver:
		return "install the VA-API driver: intel-media-va-driver-non-free for Intel, mesa-va-drivers for AMD"
	case NoRuntime:
		return "install Intel's runtime: libmfx-gen1.2 (libvpl) for new chips, libmfx1 for older ones"
	case OutOfMemory, DeviceMemory:
		return "fewer or smaller renditions, or more memory"
	}
	return ""
}

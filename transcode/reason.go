package transcode

import (
	"errors"

	"github.com/stagecast/stagecast/internal/ffmpeg"
)

// reasonOf names why a job ended before its source did: log field and metric label.
func reasonOf(err error) string {
	for name, known := range map[string]error{
		"stalled": errStalled, "too slow": errSlow, "room for more rungs": errRoom, "room for another stream": errYield, "track joined": errJoined,
		"no output": errPending,
	} {
		if errors.Is(err, known) {
			return name
		}
	}
	if exit := (*ffmpeg.ExitError)(nil); errors.As(err, &exit) {
		return string(exit.Reason)
	}
	return string(ffmpeg.Failed)
}

// againstDevice reports whether a job's end speaks against the device that it ran on.
func againstDevice(err error) bool {
	for _, other := range []error{errSlow, errRoom, errYield, errJoined} {
		if errors.Is(err, other) {
			return false
		}
	}
	exit := (*ffmpeg.ExitError)(nil)
	return !errors.As(err, &exit) || exit.Reason != ffmpeg.BadInput
}

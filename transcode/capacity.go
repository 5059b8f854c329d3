package transcode

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
)

// Capacity is what the machine was measured at.
type Capacity struct {
	Cores           int     `json:"cores"`
	PixelsPerSecond float64 `json:"pixelsPerSecond"` // that all cores together encode with Preset
	Preset          string  `json:"preset"`
}

// The test that the capacity is measured by: 720p, as many frames as take about half a second on two cores.
const (
	testWidth, testHeight, testFrames = 1280, 720, 60
	testPreset                        = "veryfast"
)

// presets are those that a plan may choose, with their cost as a share of testPreset's.
var presets = []struct {
	name string
	cost float64
}{{"veryfast", 1}, {"superfast", 0.65}, {"ultrafast", 0.4}}

// calibrate encodes a test picture and takes the processor time that it costs, which does not depend on what else the
// machine is doing.
func calibrate(ctx context.Context) (Capacity, error) {
	path, err := ffmpeg.Find()
	if err != nil {
		return Capacity{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-nostdin", "-v", "error",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=30", testWidth, testHeight), "-frames:v", fmt.Sprint(testFrames),
		"-c:v", "libx264", "-preset", testPreset, "-tune", "zerolatency", "-b:v", "2M", "-pix_fmt", "yuv420p", "-f", "null", "-")
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		return Capacity{}, fmt.Errorf("transcode: measuring the machine: %w: %.200s", err, out)
	}
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	cores := runtime.NumCPU()
	perCore := testWidth * testHeight * testFrames / spent.Seconds()
	return Capacity{Cores: cores, PixelsPerSecond: perCore * float64(cores), Preset: testPreset}, nil
}

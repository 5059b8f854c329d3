package device_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/transcode/device"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// hangs is when a test gives up waiting.
const hangs = 30 * time.Second

// recorded is a machine that answers what others have said.
type recorded struct {
	refusals map[string]string // by encoder: what ffmpeg says; all others work

	mu    sync.Mutex // guards what follows
	facts device.Facts
	asked []string // the arguments of every child
}

func (r *recorded) Look(context.Context) device.Facts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts
}

func (r *recorded) Encode(_ context.Context, args []string, _ ...string) (ffmpeg.Spent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := strings.Join(args, " ")
	r.asked = append(r.asked, line)
	for _, encoder := range slices.Sorted(maps.Keys(r.refusals)) {
		said := r.refusals[encoder]
		if strings.Contains(line, " "+encoder+" ") {
			log := strings.Split(said, "\n")
			return ffmpeg.Spent{}, &ffmpeg.ExitError{Reason: ffmpeg.Classify(log), Log: log, Err: errors.New("exit status 1")}
		}
	}
	if !strings.Contains(line, "-c:v") {
		return ffmpeg.Spent{CPU: 20 * time.Millisecond, Wall: 10 * time.Millisecond}, nil
	}
	return ffmpeg.Spent{CPU: 120 * time.Millisecond, Wall: 50 * time.Millisecond}, nil
}

// children is how many were run.
func (r *recorded) children() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

func smi(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/smi.txt")
	require.NoError(t, err)
	return string(text)
}

// mixed is a machine with two NVIDIA chips, one of Intel and one of AMD.
func mixed(t *testing.T) *recorded {
	return &recorded{
		facts: device.Facts{
			Processor: "Some Processor", Cores: 8, FFmpeg: "ffmpeg version 7.1", NVIDIA: smi(t),
			Nodes: []device.Node{
				{Path: "/dev/dri/renderD128", Driver: "nvidia-drm"}, {Path: "/dev/dri/renderD129", Driver: "i915"},
				{Path: "/dev/dri/renderD130", Driver: "amdgpu", Shut: "open /dev/dri/renderD130: permission denied"},
			},
		},
		refusals: map[string]string{
			"cuda=gpu:0": "[h264_nvenc @ 0x1] OpenEncodeSessionEx failed: unsupported device (2): (no details)\n[h264_nvenc @ 0x1] No capable devices found",
			"av1_nvenc":  "[fatal] Unknown encoder 'av1_nvenc'",
			"hevc_qsv":   "[AVHWDeviceContext @ 0x1] Error creating a MFX session: -9.",
			"av1_vaapi":  "[av1_vaapi @ 0x1] No usable encoding profile found.",
		},
	}
}

// probe is the whole table.
func probe(t *testing.T, m device.Machine) (last *device.Table) {
	t.Helper()
	for table := range device.Probe(t.Context(), m, m.Look(t.Context()), time.Unix(0, 0).UTC()) {
		last = table
	}
	require.NotNil(t, last)
	return last
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestTableOfAMixedMachine(t *testing.T) {
	var out strings.Builder
	require.NoError(t, probe(t, mixed(t)).Write(&out))
	golden(t, "mixed.golden", out.String())
}

func TestArgumentsOfEveryDevice(t *testing.T) {
	m := mixed(t)
	m.refusals = nil
	m.facts.Nodes[2].Shut = ""
	probe(t, m)
	golden(t, "arguments.golden", strings.Join(m.asked, "\n")+"\n")
}

func TestDecodingStaysOnTheDevice(t *testing.T) {
	var out strings.Builder
	for _, e := range probe(t, mixed(t)).Devices {
		out.WriteString(e.ID + ": " + strings.Join(append(e.Open(), e.Decode()...), " ") + " | " + e.Take() + " | " + e.Scale(1280, 720) + " | " + e.Pixels() + "\n")
	}
	golden(t, "decode.golden", out.String())
}

func TestAnswersOfNVIDIA(t *testing.T) {
	for name, c := range map[string]struct {
		said string
		want []device.GPU
	}{
		"nothing":    {"", nil},
		"complaints": {"Unable to determine the device handle for GPU0000:01:00.0: GPU is lost.  Reboot the system to recover this GPU", nil},
		"no driver":  {"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.", nil},
		"old":        {"0, GeForce GTX 1060, 418.56, 6078, 100, 5, 1", []device.GPU{{Name: "GeForce GTX 1060", Driver: "418.56", Memory: 6078 << 20, Used: 100 << 20, Load: 0.05, Encoder: -1, Decoder: -1, Sessions: 1}}},
		"unknown": {"3, NVIDIA A100-SXM4-80GB, 535.104.05, 81920, 5, [N/A], [N/A], [N/A], [N/A]", []device.GPU{
			{Index: 3, Name: "NVIDIA A100-SXM4-80GB", Driver: "535.104.05", Memory: 81920 << 20, Used: 5 << 20, Load: -1, Encoder: -1, Decoder: -1, Sessions: -1},
		}},
	} {
		require.Equal(t, c.want, device.Facts{NVIDIA: c.said}.GPUs(), name)
	}
	two := device.Facts{NVIDIA: smi(t)}.GPUs()
	require.Len(t, two, 2)
	require.InDelta(t, 0.37, two[1].Encoder, 1e-9)
	require.Equal(t, 2, two[1].Sessions)
}

func TestThisMachineEncodes(t *testing.T) {
	table := probe(t, &device.Local{})
	require.Contains(t, table.FFmpeg, "ffmpeg version")
	cpu := table.Device("cpu")
	require.NotNil(t, cpu)
	require.Positive(t, cpu.Cores)
	h264 := cpu.Trial(media.H264)
	require.True(t, h264.Works, "%+v", h264)
	require.Len(t, h264.Speeds, 3)
	for _, s := range h264.Speeds {
		require.Positive(t, s.PixelsPerSecond, s.Preset)
	}
}

func TestWithoutFFmpegTheTableSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", "")
	trial := probe(t, &device.Local{}).Device("cpu").Trial(media.H264)
	require.False(t, trial.Works)
	require.Equal(t, ffmpeg.NoEncoder, trial.Reason)
	require.Contains(t, trial.Detail, "apt-get install ffmpeg")
}

// watch runs a Watch that keeps its table in data, until the test ends or stop is called.
func watch(t *testing.T, m device.Machine, data string) (w *device.Watch, stop func()) {
	t.Helper()
	w = device.NewWatch(m, data, discard)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return w, stop
}

// whole waits until every codec has been tried.
func whole(t *testing.T, w *device.Watch) *device.Table {
	t.Helper()
	require.Eventually(t, func() bool {
		table := w.Table()
		return table != nil && len(table.Devices[0].Trials) == len(device.Codecs)
	}, hangs, time.Millisecond)
	return w.Table()
}

func TestWhatWasMeasuredIsKeptForTheSameMachine(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	m := mixed(t)
	w, stop := watch(t, m, data)
	first := whole(t, w)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(data, "devices.json")); return err == nil }, hangs, time.Millisecond)
	stop()
	tried := m.children()

	again, stop := watch(t, m, data)
	require.NotNil(t, again.Await(t.Context()))
	require.Equal(t, first, again.Table())
	stop()
	require.Equal(t, tried, m.children(), "nothing is measured twice")

	m.facts.FFmpeg = "ffmpeg version 8.0"
	other, _ := watch(t, m, data)
	require.Equal(t, "ffmpeg version 8.0", whole(t, other).FFmpeg)
	require.Greater(t, m.children(), tried, "another ffmpeg is another machine")
}

func TestAFileThatIsDamagedIsMeasuredAgain(t *testing.T) {
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, "devices.json"), []byte("{"), 0o600))
	w, _ := watch(t, mixed(t), data)
	whole(t, w)
}

func TestDevicesAreTriedAgainWhenAskedFor(t *testing.T) {
	m := mixed(t)
	w, _ := watch(t, m, t.TempDir())
	whole(t, w)
	m.mu.Lock()
	m.refusals, m.facts.NVIDIA = nil, ""
	m.mu.Unlock()
	w.Again()
	require.Eventually(t, func() bool { return w.Table().Device("nvidia0") == nil }, hangs, time.Millisecond)
	require.True(t, w.Table().Device("qsv-renderD129").Trial(media.HEVC).Works)
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	w := device.NewWatch(mixed(t), t.TempDir(), discard)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Nil(t, w.Await(ctx))
}

// A wrong option of an encoder is found here and not on a machine that has the device.
func TestOptionsAreKnownToThisFFmpeg(t *testing.T) {
	m := mixed(t)
	m.refusals = nil
	for _, e := range probe(t, m).Devices {
		for _, c := range device.Codecs {
			args := e.Encode(c, e.Presets(c)[0], 2_000_000, 1_000_000)
			out, err := exec.Command("ffmpeg", "-hide_banner", "-h", "encoder="+args[1]).CombinedOutput()
			require.NoError(t, err)
			if strings.Contains(string(out), "is not recognized") {
				continue // not in this build
			}
			for _, a := range args[2:] {
				if strings.HasPrefix(a, "-") && !generic[a] {
					require.Contains(t, string(out), "  "+a+" ", "%s has no option %s", args[1], a)
				}
			}
		}
	}
}

// generic are the options that every encoder has.
var generic = map[string]bool{"-b:v": true, "-maxrate": true, "-bufsize": true, "-g": true, "-bf": true, "-profile:v": true, "-keyint_min": true, "-sc_threshold": true}

package device

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/stagecast/stagecast/internal/ffmpeg"
)

// Machine is what is asked about devices. Local is this machine; tests answer from what others have said.
type Machine interface {
	// Look says what there is, without trying any of it.
	Look(ctx context.Context) Facts
	// Encode runs ffmpeg to its end. See ffmpeg.Try.
	Encode(ctx context.Context, args []string, pass ...string) (ffmpeg.Spent, error)
}

// Facts are what a machine says of itself.
type Facts struct {
	Processor string
	Cores     int
	FFmpeg    string // the first line of its version; empty where there is none
	NVIDIA    string // what nvidia-smi answers, or complains of; empty where there is none
	Nodes     []Node
}

// Node is a render node of the kernel.
type Node struct {
	Path   string // "/dev/dri/renderD128"
	Driver string // of the kernel: "i915", "amdgpu"
	Shut   string // why it cannot be opened
}

// Local is the machine that we run on. The zero value is ready. It is for one user at a time.
type Local struct {
	asked   string // the program whose version is known, and when it was written
	version string
}

// Encode implements Machine.
func (*Local) Encode(ctx context.Context, args []string, pass ...string) (ffmpeg.Spent, error) {
	return ffmpeg.Try(ctx, args, pass...)
}

// Look implements Machine.
func (l *Local) Look(ctx context.Context) Facts {
	return Facts{Processor: processor(), Cores: runtime.GOMAXPROCS(0), FFmpeg: l.ffmpeg(ctx), NVIDIA: smi(ctx), Nodes: nodes("/dev/dri", "/sys/class/drm")}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// ffmpeg is the first line of its version, asked for again when the program is another one.
func (l *Local) ffmpeg(ctx context.Context) string {
	path, err := ffmpeg.Find()
	if err != nil {
		return ""
	}
	at := path
	if info, err := os.Stat(path); err == nil {
		at += info.ModTime().String()
	}
	if at == l.asked && l.version != "" {
		return l.version
	}
	out, _ := exec.CommandContext(ctx, path, "-version").Output()
	first, _, _ := strings.Cut(string(out), "\n")
	first, _, _ = strings.Cut(first, " Copyright")
	l.asked, l.version = at, first
	return first
}

// smi asks nvidia-smi. Older ones know less: what they do not know is asked for last.
func smi(ctx context.Context) string {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return ""
	}
	var out []byte
	for _, q := range []string{query, queryOld} {
		out, err = exec.CommandContext(ctx, path, "--query-gpu="+q, "--format=csv,noheader,nounits").CombinedOutput()
		if !strings.Contains(string(out), "is not a valid field") {
			break
		}
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err.Error()
	}
	return strings.TrimSpace(string(out))
}

func nodes(devices, classes string) (out []Node) {
	paths, _ := filepath.Glob(filepath.Join(devices, "renderD*"))
	for _, path := range paths {
		n := Node{Path: path}
		if driver, err := os.Readlink(filepath.Join(classes, filepath.Base(path), "device", "driver")); err == nil {
			n.Driver = filepath.Base(driver)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			n.Shut = err.Error()
		} else {
			f.Close()
		}
		out = append(out, n)
	}
	return out
}

// devices that there may be, the processor last.
func (f Facts) devices() (out []Device) {
	for _, g := range f.GPUs() {
		out = append(out, Device{ID: g.ID(), Kind: NVIDIA, Name: g.Name, Driver: g.Driver, Memory: g.Memory, index: g.Index})
	}
	for _, n := range f.Nodes {
		if strings.HasPrefix(n.Driver, "nvidia") {
			continue // it is driven by NVENC
		}
		for _, kind := range []Kind{QSV, VAAPI} {
			if kind == QSV && n.Driver != "i915" && n.Driver != "xe" {
				continue
			}
			out = append(out, Device{ID: string(kind) + "-" + filepath.Base(n.Path), Kind: kind, Name: n.Driver, node: n.Path, shut: n.Shut})
		}
	}
	return append(out, Device{ID: "cpu", Kind: CPU, Name: f.Processor, Cores: f.Cores})
}

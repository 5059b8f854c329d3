package device

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/media"
)

// The pictures that are encoded: few and small to see whether it works, and more of them to see how fast.
const (
	trialWidth, trialHeight, trialPictures = 640, 360, 5
	speedWidth, speedHeight                = 1280, 720
	trialTime                              = 20 * time.Second // that a child may take; a driver that hangs does not hold up the rest
)

// pictures that a speed is measured by: less than half a second of one core with the first preset of each codec.
var pictures = map[media.Codec]int{media.H264: 45, media.HEVC: 10, media.AV1: 6}

// Probe tries every device with every codec and measures those that work. It yields what it knows after each codec, H.264
// first; the last table is whole. For the processor it takes two seconds of a core, and for others less.
func Probe(ctx context.Context, m Machine, facts Facts, now time.Time) iter.Seq[*Table] {
	return func(yield func(*Table) bool) {
		t := Table{FFmpeg: facts.FFmpeg, At: now}
		for _, d := range facts.devices() {
			t.Devices = append(t.Devices, Entry{Device: d})
		}
		for _, c := range Codecs {
			entries := slices.Clone(t.Devices)
			for i, e := range entries {
				entries[i].Trials = append(slices.Clip(e.Trials), try(ctx, m, e.Device, c, facts.FFmpeg != ""))
			}
			t.Devices = entries
			if known := t; ctx.Err() != nil || !yield(&known) {
				return // what was interrupted says nothing
			}
		}
	}
}

func try(ctx context.Context, m Machine, d Device, c media.Codec, installed bool) Trial {
	t := Trial{Codec: c, Encoder: encoders[d.Kind][c]}
	switch {
	case !installed:
		return t.refused(ffmpeg.NoEncoder, ffmpeg.ErrMissing.Error())
	case d.shut != "":
		return t.refused(ffmpeg.NoPermission, d.shut)
	}
	presets := d.Presets(c)
	if _, err := encode(ctx, m, d, c, presets[0], trialWidth, trialHeight, trialPictures); err != nil {
		exit := (*ffmpeg.ExitError)(nil)
		if !errors.As(err, &exit) {
			return t.refused(ffmpeg.Failed, err.Error())
		}
		return t.refused(exit.Reason, exit.Cause())
	}
	t.Works = true
	n := pictures[c]
	idle := idle(ctx, m, d, n)
	for _, preset := range presets {
		spent, err := encode(ctx, m, d, c, preset, speedWidth, speedHeight, n)
		if err != nil {
			continue // it is slow or unlucky: it works all the same, at a speed that is not known
		}
		spent.CPU -= idle
		t.Speeds = append(t.Speeds, Speed{preset, d.speed(spent, float64(speedWidth*speedHeight*n))})
	}
	return t
}

func (t Trial) refused(r ffmpeg.Reason, detail string) Trial {
	t.Reason, t.Detail, t.Fix = r, detail, r.Fix()
	return t
}

// speed of a device that has spent so much on so many pixels. The processor's is told by its time, which does not depend on
// what else it does; that of others by the clock.
func (d Device) speed(spent ffmpeg.Spent, pixels float64) float64 {
	if d.Kind == CPU {
		return pixels / max(spent.CPU.Seconds(), 1e-3) * float64(max(d.Cores, 1))
	}
	return pixels / max(spent.Wall.Seconds(), 1e-3)
}

// idle is the processor time of a child that makes the same pictures and encodes none of them; zero where it is not what is measured.
func idle(ctx context.Context, m Machine, d Device, n int) time.Duration {
	if d.Kind != CPU {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	spent, err := m.Encode(ctx, append(source(speedWidth, speedHeight, n), "-vf", d.filters(speedWidth, speedHeight), "-f", "null", "-"))
	if err != nil {
		return 0 // the device is then thought to be slower than it is
	}
	return spent.CPU
}

func encode(ctx context.Context, m Machine, d Device, c media.Codec, preset string, width, height, n int) (ffmpeg.Spent, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	return m.Encode(ctx, trial(d, c, preset, width, height, n), d.pass()...)
}

// trial are the arguments that encode n pictures with as much noise as those of a camera, by the same filters and options as a job.
func trial(d Device, c media.Codec, preset string, width, height, n int) []string {
	const bitrate = 2_000_000
	args := append(append(d.Open(), source(width, height, n)...), "-vf", d.filters(width, height))
	args = append(args, d.Encode(c, preset, bitrate, bitrate/2)...)
	return append(args, "-f", "null", "-")
}

func source(width, height, n int) []string {
	size := strconv.Itoa(width) + "x" + strconv.Itoa(height)
	return []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=30,noise=alls=12:allf=t", "-frames:v", strconv.Itoa(n)}
}

// filters bring a picture to the device and make it what its encoders take.
func (d Device) filters(width, height int) string {
	if d.Kind == CPU {
		return d.Pixels()
	}
	return d.Take() + "," + d.Scale(width, height)
}

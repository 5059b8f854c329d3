package transcode

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// The sound of every ladder.
const (
	audioRate     = 48000
	audioFrame    = 1024 // samples in an AAC access unit
	audioChannels = 2
)

// epoch is the length of time, in seconds, whose multiples a process's timeline starts from: on every frame lattice (the
// common rates have 1 or 1001 as their denominator), and on the grid of audio frames (64·48000 is a multiple of 1024). Two
// processes therefore put the same picture at the same time.
const epoch = 64 * 1001

// setup is what the arguments of a process depend on.
type setup struct {
	plan    Plan
	segment time.Duration
	video   bool
	audio   bool
	base    int64 // start of the process's timeline, in seconds since the Unix epoch
	first   int64 // PTS of the first picture, in ticks of media.VideoClockRate since base, on the lattice
	sound   int64 // first sample of the sound, since base, on the grid of audio frames
}

// arguments are those of one process: fragmented MP4 on its standard input, and NUT with one rendition on each pipe.
func (s *setup) arguments() []string {
	// One decoding thread adds no picture of delay; MP4 needs no probing, as its header says all. Filters that were set up anew
	// where another encoder's pixels have another range would start at the beginning of the process again: scale takes any.
	var args []string
	if s.video {
		args = append(s.plan.Device.Open(), s.plan.Device.Decode()...)
	}
	args = append(args,
		"-threads", "1", "-reinit_filter:v", "0", "-probesize", "32", "-analyzeduration", "0", "-fpsprobesize", "0", "-copyts",
		"-f", "mp4", "-i", "pipe:0", "-filter_complex", s.filters(),
	)
	pipe := 3
	for i, r := range s.plan.Rungs {
		if !s.video {
			break
		}
		args = append(args, "-map", "[v"+strconv.Itoa(i)+"]")
		args = append(args, s.picture(r)...)
		args = append(args, output(pipe)...)
		pipe++
	}
	for i, bitrate := range s.plan.Audio {
		if !s.audio {
			break
		}
		args = append(args, "-map", "[a"+strconv.Itoa(i)+"]", "-c:a", "aac", "-b:a", strconv.Itoa(bitrate))
		args = append(args, output(pipe)...)
		pipe++
	}
	return args
}

// pixelShape keeps pixels that are not square as they are, and makes square those that the rounding of a rung's size to
// even numbers has left a little off.
const pixelShape = `setsar=if(lt(abs(sar-1)\,0.01)\,1\,sar)`

func (s *setup) filters() string {
	var chains []string
	if s.video {
		n := len(s.plan.Rungs)
		// The output starts at the first picture whatever the decoder makes of that one: keyFrames counts from there.
		start := float64(s.first) / media.VideoClockRate
		split := fmt.Sprintf("[0:v]fps=%d/%d:start_time=%.6f:round=near:eof_action=pass,", s.plan.Rate.Num, s.plan.Rate.Den, start)
		if take := s.plan.Device.Take(); take != "" {
			split += take + ","
		}
		split += "split=" + strconv.Itoa(n)
		for i := range n {
			split += fmt.Sprintf("[s%d]", i)
		}
		chains = append(chains, split)
		for i, r := range s.plan.Rungs {
			chain := fmt.Sprintf("[s%d]%s,%s", i, s.plan.Device.Scale(r.Width, r.Height), pixelShape)
			if pixels := s.plan.Device.Pixels(); pixels != "" {
				chain += "," + pixels
			}
			chains = append(chains, fmt.Sprintf("%s[v%d]", chain, i))
		}
	}
	if s.audio {
		// Sound follows its timestamps by stretching, holes become silence, and the first sample stands on the grid. first_pts
		// counts samples as they go in, so that they must have our rate by then. The resampler is there from the start, because
		// one that is set up when it is first needed would begin at first_pts again, with silence for all the time since.
		chain := fmt.Sprintf("[0:a]aformat=sample_rates=%d:channel_layouts=stereo,aresample=async=1000:first_pts=%d:flags=res", audioRate, s.sound)
		chain += ",asplit=" + strconv.Itoa(len(s.plan.Audio))
		for i := range s.plan.Audio {
			chain += fmt.Sprintf("[a%d]", i)
		}
		chains = append(chains, chain)
	}
	return strings.Join(chains, ";")
}

// picture are the arguments of a rung's encoder. Its buffer is half a second, so that a segment of two seconds stays
// within five quarters of the nominal rate.
func (s *setup) picture(r Rung) []string {
	preset := s.plan.Preset
	if r.Codec != media.H264 {
		preset = s.plan.Device.Presets(r.Codec)[0]
	}
	args := s.plan.Device.Encode(r.Codec, preset, r.Bitrate, r.Bitrate/2)
	return append(args, "-force_key_frames", s.keyFrames(), "-enc_time_base", fmt.Sprintf("1:%d", media.VideoClockRate), "-fps_mode", "passthrough")
}

// keyFrames forces a key frame on the first picture of every media.Slot. In the expression, t counts from the first
// picture of the process. Half a tick on top of the slack keeps equality out of floating point.
func (s *setup) keyFrames() string {
	d := int64(s.segment / time.Second)
	first := s.base*media.VideoClockRate + s.first
	offset := float64(first%(d*media.VideoClockRate)) + media.BoundarySlack + 0.5
	at := func(t string) string {
		return fmt.Sprintf("floor((%s+%.9f)/%d)", t, offset/media.VideoClockRate, d)
	}
	return "expr:if(isnan(prev_forced_t),1,gt(" + at("t") + "," + at("prev_forced_t") + "))"
}

func output(pipe int) []string {
	// Without write_index the muxer would remember every key frame until its end, which for us never comes.
	return []string{"-flush_packets", "1", "-write_index", "0", "-f", "nut", "pipe:" + strconv.Itoa(pipe)}
}

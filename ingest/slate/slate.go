// Package slate makes what viewers see of a stream while none of its encoders is there: a loop with the size, the rate and
// the kind of sound that the stream has, so that whatever follows hardly sees a difference.
//
// It owns how the loop is encoded. When it is shown is the ingest's decision.
package slate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/ffmpeg/nut"
	"github.com/stagecast/stagecast/internal/media"
)

// The bounds of what is made.
const (
	maxFile  = 64 << 20
	maxLoop  = 10               // seconds
	stillFor = 2                // seconds that an image is shown before it is shown again: one group of pictures
	patience = 30 * time.Second // for ffmpeg
)

// Maker makes the slates of a server. It is safe for concurrent use.
type Maker struct {
	film  []byte // the operator's; nil: a plain card of ours
	image bool   // film is one picture
}

// New reads an image, or a film that can be read from its start to its end (a WebM or MPEG-TS, or an MP4 made for streaming),
// and tries it. Without a path the slate is a plain card.
func New(ctx context.Context, path string) (*Maker, error) {
	if path == "" {
		return &Maker{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	film, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(film) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	case len(film) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	}
	m := &Maker{film: film, image: strings.HasPrefix(http.DetectContentType(film), "image/")}
	try := []media.Track{{ID: 1, Codec: media.H264, Width: 320, Height: 180, FrameRate: media.Rational{Num: 25, Den: 1}}}
	if _, err := m.Make(ctx, try); err != nil {
		return nil, fmt.Errorf("%s is no picture or film that ffmpeg can read from its start to its end: %w", path, err)
	}
	return m, nil
}

// Make implements ingest.Slate. The picture is H.264, whatever the stream's is; the sound is AAC, or Opus where the stream's is.
func (m *Maker) Make(ctx context.Context, tracks []media.Track) (*ingest.Loop, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var video, audio *media.Track
	for i := range tracks {
		if t := &tracks[i]; t.Kind() == media.Video {
			video = t
		} else {
			audio = t
		}
	}
	if video == nil {
		return nil, errors.New("slate: a stream without pictures has none")
	}
	loop := &ingest.Loop{}
	if err := m.pictures(ctx, loop, video); err != nil {
		return nil, fmt.Errorf("slate: %w", err)
	}
	if audio == nil {
		return loop, nil
	}
	if err := silence(ctx, loop, audio); err != nil {
		return nil, fmt.Errorf("slate: %w", err)
	}
	return loop, nil
}

// rate of a slate's pictures.
func rate(t *media.Track) media.Rational {
	if !t.FrameRate.Known() {
		return media.Rational{Num: 30, Den: 1}
	}
	return t.FrameRate
}

func (m *Maker) pictures(ctx context.Context, loop *ingest.Loop, t *media.Track) error {
	r := rate(t)
	s, packets, err := encode(ctx, m.film, m.arguments(t.Width&^1, t.Height&^1, r))
	if err != nil {
		return err
	}
	config, err := ffmpeg.Config(media.H264, s.Extradata, nil)
	if err != nil {
		return err
	}
	loop.Tracks = append(loop.Tracks, media.Track{ID: 1, Codec: media.H264, Config: config, FrameRate: t.FrameRate})
	l := media.Lattice{Rate: r}
	for i, p := range packets {
		loop.Pictures = append(loop.Pictures, ingest.Unit{
			Track: 1, DTS: l.Ticks(int64(i)), RandomAccess: p.Key, Payload: ffmpeg.LengthPrefixed(media.H264, p.Data),
		})
	}
	loop.Length = l.Ticks(int64(len(packets)))
	return nil
}

// arguments of a process that encodes the loop. Key frames are two seconds apart, where players decode it as it is.
func (m *Maker) arguments(w, h int, r media.Rational) []string {
	gop := int(stillFor*r.Float() + 0.5)
	fps := fmt.Sprintf("%d/%d", r.Num, r.Den)
	frames := gop
	var args []string
	switch {
	case m.film == nil:
		args = []string{"-f", "lavfi", "-i", fmt.Sprintf("color=c=0x12161d:size=%dx%d:rate=%s", w, h, fps), "-vf", card}
	default:
		fit := fmt.Sprintf("scale=%[1]d:%[2]d:force_original_aspect_ratio=decrease,pad=%[1]d:%[2]d:(ow-iw)/2:(oh-ih)/2,setsar=1", w, h)
		if m.image {
			fit += ",loop=loop=-1:size=1,setpts=N/(" + fps + ")/TB,fps=" + fps
		} else {
			fit, frames = fit+",fps="+fps, int(maxLoop*r.Float())
		}
		args = []string{"-i", "pipe:0", "-map", "0:v:0", "-vf", fit}
	}
	return append(args, "-frames:v", strconv.Itoa(frames),
		"-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p", "-bf", "0", "-crf", "23",
		"-maxrate", "3M", "-bufsize", "3M", "-g", strconv.Itoa(gop), "-keyint_min", strconv.Itoa(gop), "-sc_threshold", "0", "-f", "nut", "pipe:3")
}

// card is a dark picture with three squares in the middle, as of something that is being waited for.
const card = "drawbox=x=iw/2-ih/20-ih/8:y=ih/2-ih/40:w=ih/20:h=ih/20:color=0x8a94a3:t=fill," +
	"drawbox=x=iw/2-ih/40:y=ih/2-ih/40:w=ih/20:h=ih/20:color=0x8a94a3:t=fill," +
	"drawbox=x=iw/2+ih/8:y=ih/2-ih/40:w=ih/20:h=ih/20:color=0x8a94a3:t=fill"

// primed is how many frames of sound an encoder needs to settle.
const primed = 3

// silence encodes a second of nothing, of the stream's kind where that is AAC or Opus.
func silence(ctx context.Context, loop *ingest.Loop, t *media.Track) error {
	codec, encoder, sampleRate, channels := media.AAC, "aac", t.SampleRate, t.Channels
	if t.Codec == media.Opus {
		codec, encoder, sampleRate = media.Opus, "libopus", 48000
	}
	layout := map[int]string{1: "mono", 2: "stereo", 6: "5.1"}[channels]
	if layout == "" || codec == media.Opus && channels > 2 {
		layout = "stereo"
	}
	s, packets, err := encode(ctx, nil, []string{
		"-f", "lavfi", "-i", fmt.Sprintf("anullsrc=sample_rate=%d:channel_layout=%s", sampleRate, layout), "-t", "1",
		"-c:a", encoder, "-b:a", "64k", "-f", "nut", "pipe:3",
	})
	if err != nil {
		return err
	}
	track := media.Track{ID: 2, Codec: codec, Config: s.Extradata, Language: t.Language}
	if codec == media.Opus {
		track.Config = t.Config
	}
	loop.Tracks = append(loop.Tracks, track)
	if len(packets) <= primed {
		return errors.New("no sound was encoded")
	}
	for _, p := range packets[primed:] {
		loop.Sound = append(loop.Sound, ingest.Unit{Track: 2, Payload: p.Data})
	}
	return nil
}

// encode runs a process that reads film and writes one stream, and returns all of it.
func encode(ctx context.Context, film []byte, args []string) (*nut.Stream, []nut.Packet, error) {
	p, err := ffmpeg.Start(args, 1)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, p.Kill)()
	var g errgroup.Group
	g.Go(func() error {
		_, _ = p.Stdin.Write(film) // the process has perhaps read enough, or says itself what is wrong
		return p.Stdin.Close()
	})
	s, packets, err := read(p.Outputs[0])
	exit := p.Wait(ctx)
	_ = g.Wait()
	switch {
	case exit != nil && len(packets) == 0:
		return nil, nil, exit
	case err != nil:
		return nil, nil, err
	case len(packets) == 0:
		return nil, nil, errors.New("nothing was encoded")
	}
	return s, packets, nil
}

func read(r io.Reader) (*nut.Stream, []nut.Packet, error) {
	in := nut.NewReader(r)
	s, err := in.Open()
	if err != nil {
		return nil, nil, err
	}
	var packets []nut.Packet
	for {
		p, err := in.Next()
		if err != nil {
			return s, packets, nil //nolint:nilerr // the end of the process, which says why
		}
		packets = append(packets, p)
	}
}

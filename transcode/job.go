package transcode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// The deadlines of a job.
const (
	gatherTime = 700 * time.Millisecond // for the first unit of every track
	flushTime  = 3 * time.Second        // for what is in the process after the source has ended
	stallTime  = 5 * time.Second        // without output while the source goes on
)

// reach is how far, in seconds, another track's first unit may stand before the first unit of all.
const reach = 10

var errStalled = errors.New("transcode: ffmpeg takes pictures in and gives none back")

// job is one process for one source Publication.
type job struct {
	source  *hub.Publication
	sub     *hub.Subscription
	config  Config
	plan    Plan
	publish func([]media.Track) (*hub.Publication, error)
	review  func(time.Time) error // now and then: an error ends the job, in peace
	meter   *meter
}

// run encodes until the source or the process ends. ended is true when it was the source, and reason is then why; else
// err says why the process did. The ladder's publication is closed in either case.
func (j *job) run(ctx context.Context) (ended bool, reason error, err error) {
	early, tracks, reason := j.gather(ctx)
	if reason != nil && len(early) == 0 {
		return true, reason, nil
	}
	s := j.setup(early, tracks)
	outputs := j.tracks(s)
	p, err := ffmpeg.Start(s.arguments(), len(outputs), j.plan.Device.Environment()...)
	if err != nil {
		return false, nil, err
	}
	j.meter.started(p)
	c := &collector{publish: j.publish, meter: j.meter, tracks: make([]media.Track, len(outputs))}
	var g errgroup.Group
	for i, t := range outputs {
		g.Go(func() error {
			err := c.drain(p.Outputs[i], t, s.base)
			if err != nil {
				p.Kill()
			}
			return err
		})
	}
	fed, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g.Go(func() error { return j.watch(fed, stop, p) })
	reason = j.feed(fed, p, s.base, tracks, early)
	if asked := context.Cause(fed); errors.Is(asked, errYield) || errors.Is(asked, errRoom) {
		reason = asked
	}
	stop(nil)
	p.Stdin.Close()
	drained := g.Wait() // the outputs end with the process, which ends with its input
	exit := p.Wait(context.WithoutCancel(ctx))
	switch {
	case errors.Is(reason, errProcess), errors.Is(reason, errJoined), errors.Is(reason, errSlow), errors.Is(reason, errYield), errors.Is(reason, errRoom):
		c.close(hub.ErrLost)
		return false, nil, errors.Join(drained, exit, reason)
	case ctx.Err() != nil:
		c.close(hub.ErrLost)
	default:
		c.close(reason)
	}
	return true, reason, nil
}

// The reasons for which a job ends before its source does.
var (
	errProcess = errors.New("transcode: ffmpeg ended")
	errJoined  = errors.New("transcode: a track has joined that was silent at the start")
)

// joined is how many units of a silent track show that it has joined.
const joined = 10

// gather reads until a unit of every track has come, or gatherTime has passed since the first one did: tracks that are
// announced and never sent would hold the process up for good. The reason is set when the source ends meanwhile.
func (j *job) gather(ctx context.Context) (early []media.AccessUnit, tracks []*media.Track, reason error) {
	wait := ctx
	seen := make(map[int]bool)
	for len(seen) < len(j.source.Tracks) {
		units, err := j.sub.Next(wait, nil)
		if err != nil {
			if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
				reason = err
			}
			break
		}
		if len(seen) == 0 {
			var cancel context.CancelFunc
			wait, cancel = context.WithTimeout(ctx, gatherTime)
			defer cancel()
		}
		for _, u := range units {
			seen[u.Track] = true
		}
		early = append(early, units...)
	}
	for i := range j.source.Tracks {
		if t := &j.source.Tracks[i]; seen[t.ID] {
			tracks = append(tracks, t)
		}
	}
	return early, tracks, reason
}

// setup finds where the process's timeline begins.
func (j *job) setup(early []media.AccessUnit, tracks []*media.Track) *setup {
	s := &setup{plan: j.plan, segment: j.config.SegmentDuration}
	first := early[0]
	s.base = (media.Time(first.DTS, j.source.Track(first.Track).ClockRate).Unix() - reach) / epoch * epoch
	for _, t := range tracks {
		for _, u := range early {
			if u.Track != t.ID {
				continue
			}
			if t.Kind() == media.Video {
				s.video = true
				l := media.Lattice{Rate: j.plan.Rate}
				s.first = l.Ticks(l.Index(u.PTS)) - s.base*media.VideoClockRate
			} else {
				s.audio = true
				at := media.Rescale(u.PTS, t.ClockRate, audioRate) - s.base*audioRate
				s.sound = at / audioFrame * audioFrame
			}
			break
		}
	}
	return s
}

// tracks are what comes out, in the order of the pipes.
func (j *job) tracks(s *setup) (out []media.Track) {
	if s.video {
		for _, r := range j.plan.Rungs {
			out = append(out, media.Track{
				ID: len(out) + 1, Rendition: r.Name, Codec: r.Codec, ClockRate: media.VideoClockRate,
				FrameRate: j.plan.Rate, Bitrate: r.Bitrate, Language: "und", Aligned: true,
			})
		}
	}
	if s.audio {
		language := "und"
		for _, t := range j.source.Tracks {
			if t.Kind() == media.Audio && t.Language != "" {
				language = t.Language
			}
		}
		for i, bitrate := range j.plan.Audio {
			name := "audio"
			if i > 0 {
				name += fmt.Sprintf("-%dk", bitrate/1000)
			}
			out = append(out, media.Track{
				ID: len(out) + 1, Rendition: name, Codec: media.AAC, ClockRate: audioRate, Bitrate: bitrate,
				Language: language, Aligned: true,
			})
		}
	}
	return out
}

// feed writes the source to the process until either ends, and returns the reason: the source's, or errProcess.
func (j *job) feed(ctx context.Context, p *ffmpeg.Process, base int64, tracks []*media.Track, units []media.AccessUnit) error {
	f, err := newFeed(p.Stdin, base, tracks)
	if err != nil {
		return errProcess
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-p.Done():
			cancel()
		case <-stop:
		}
	}()
	var waiting lag
	for left := 0; ; {
		j.meter.arrived(units, j.source.Track)
		for _, u := range units {
			if !f.has(u.Track) {
				if left++; left == joined {
					return errJoined
				}
				continue
			}
			j.meter.feeding(time.Now())
			if err := f.write(u); err != nil {
				return errProcess
			}
			j.meter.fed()
		}
		if units, err = j.sub.Next(ctx, units); err != nil {
			select {
			case <-p.Done():
				return errProcess
			default:
				return err
			}
		}
		if waiting.behind(span(units, j.source.Track)) {
			return errSlow
		}
	}
}

// watch kills a process that takes and gives nothing, and one that goes on for long after ctx, which ends with the feed. It ends the
// feed where the review says so.
func (j *job) watch(ctx context.Context, stop context.CancelCauseFunc, p *ffmpeg.Process) error {
	t := time.NewTicker(stallTime / 5)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			if j.meter.stalled(now) {
				p.Kill()
				return errStalled
			}
			if err := j.review(now); err != nil {
				stop(err)
			}
		case <-ctx.Done():
			select {
			case <-p.Done():
			case <-time.After(flushTime):
				p.Kill()
			}
			return nil
		case <-p.Done():
			return nil
		}
	}
}

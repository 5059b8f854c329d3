package transcode

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/ffmpeg/nut"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// pendingBytes bounds what is kept of the first outputs until the last has told its configuration.
const pendingBytes = 32 << 20

// collector joins the outputs of one process into one Publication, which it opens once every output has told its
// configuration. Until then it keeps what comes: an output that is not read would stop all of them.
type collector struct {
	publish func([]media.Track) (*hub.Publication, error)
	meter   *meter

	mu      sync.Mutex // guards everything below
	tracks  []media.Track
	known   int
	pub     *hub.Publication
	pending []media.AccessUnit
	bytes   int
	newest  int64              // PTS of the first rung
	held    []media.AccessUnit // pictures of other rungs that are ahead of it
}

var errPending = errors.New("transcode: an output does not start")

// describe is called once for each output.
func (c *collector) describe(t media.Track) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tracks[t.ID-1] = t
	if c.known++; c.known < len(c.tracks) {
		return nil
	}
	pub, err := c.publish(c.tracks)
	if err != nil {
		return err
	}
	c.pub = pub
	for _, u := range c.pending {
		pub.Write(u)
	}
	c.pending = nil
	return nil
}

// write hands a unit on. For readers that come late the hub keeps what has come since a random access point of the first
// rung, so that no other rung's picture may come before the first rung's of the same time. Those that do are held; they
// are few, because a process writes the first rung first.
func (c *collector) write(u media.AccessUnit) error {
	c.meter.out(u, time.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.Track != 1 && c.tracks[u.Track-1].Kind() == media.Video && u.PTS > c.newest {
		c.held = append(c.held, u)
		return nil
	}
	if err := c.pass(u); err != nil || u.Track != 1 {
		return err
	}
	c.newest = u.PTS
	return c.release()
}

// release hands on what need not be held any more.
func (c *collector) release() error {
	still := c.held[:0]
	for _, u := range c.held {
		if u.PTS > c.newest {
			still = append(still, u)
		} else if err := c.pass(u); err != nil {
			return err
		}
	}
	clear(c.held[len(still):])
	c.held = still
	return nil
}

// pass writes a unit, or keeps it until there is a Publication.
func (c *collector) pass(u media.AccessUnit) error {
	if c.pub != nil {
		c.pub.Write(u)
		return nil
	}
	if c.bytes += len(u.Payload); c.bytes > pendingBytes {
		return errPending
	}
	c.pending = append(c.pending, u)
	return nil
}

func (c *collector) close(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pub != nil {
		c.pub.Close(reason)
	}
}

// drain reads one output to its end. track is what is known of it beforehand.
func (c *collector) drain(r io.Reader, track media.Track, base int64) error {
	in := nut.NewReader(r)
	s, err := in.Open()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // the process ended before its first packet, and says why
	}
	if err != nil {
		return fmt.Errorf("transcode: %s: %w", track.Rendition, err)
	}
	p, err := in.Next()
	if err != nil {
		return nil //nolint:nilerr // the end of the process, which says why
	}
	stamp, err := configure(&track, s, p.Data, base)
	if err != nil {
		return fmt.Errorf("transcode: %s: %w", track.Rendition, err)
	}
	if err := c.describe(track); err != nil {
		return err
	}
	for {
		if err := c.write(stamp(p)); err != nil {
			return err
		}
		if p, err = in.Next(); err != nil {
			return nil //nolint:nilerr // the end of the process, which says why
		}
	}
}

// configure completes a track by what its output and its first packet say, and returns how its packets become access units.
func configure(t *media.Track, s *nut.Stream, first []byte, base int64) (func(nut.Packet) media.AccessUnit, error) {
	if t.Kind() == media.Audio {
		t.Config, t.SampleRate, t.Channels = s.Extradata, s.SampleRate, s.Channels
		t.ClockRate = int64(s.SampleRate)
		g := &grid{track: t.ID, base: base * t.ClockRate, scale: s, rate: t.ClockRate}
		return g.unit, nil
	}
	config, err := ffmpeg.Config(t.Codec, s.Extradata, first)
	if err != nil {
		return nil, err
	}
	t.Config, t.Width, t.Height = config, s.Width, s.Height
	l := &lattice{track: t.ID, codec: t.Codec, points: media.Lattice{Rate: t.FrameRate}, base: base * media.VideoClockRate, scale: s}
	return l.unit, nil
}

// ticks converts a timestamp of s to ticks of rate.
func ticks(pts int64, s *nut.Stream, rate int64) int64 {
	if s.Num == 1 && s.Den == rate {
		return pts
	}
	whole, rest := pts/s.Den, pts%s.Den
	return whole*s.Num*rate + (rest*s.Num*rate+s.Den/2)/s.Den
}

// lattice stamps pictures with the exact points that they were encoded for. Should one be missing, the promise of the one
// before is kept: decode times go on from it, the presentation time says the truth, and the duration reaches the lattice
// again.
type lattice struct {
	track    int
	codec    media.Codec
	points   media.Lattice
	base     int64
	scale    *nut.Stream
	promised int64
}

func (l *lattice) unit(p nut.Packet) media.AccessUnit {
	k := l.points.Index(l.base + ticks(p.PTS, l.scale, media.VideoClockRate))
	u := media.AccessUnit{Track: l.track, PTS: l.points.Ticks(k), RandomAccess: p.Key, Payload: ffmpeg.Payload(l.codec, p.Data)}
	u.DTS = u.PTS
	if l.promised != 0 {
		u.DTS = l.promised
	}
	l.promised = l.points.Ticks(k + 1)
	u.Duration = l.promised - u.DTS
	return u
}

// grid stamps sound, whose frames stand on multiples of 1024 samples of Unix time.
type grid struct {
	track    int
	base     int64
	scale    *nut.Stream
	rate     int64
	promised int64
}

func (g *grid) unit(p nut.Packet) media.AccessUnit {
	at := g.base + ticks(p.PTS, g.scale, g.rate)
	u := media.AccessUnit{Track: g.track, DTS: at, PTS: at, Duration: audioFrame, RandomAccess: true, Payload: p.Data}
	if g.promised != 0 && g.promised < at { // a hole: what is promised is kept
		u.DTS, u.PTS = g.promised, g.promised
		u.Duration = at + audioFrame - u.DTS
	}
	g.promised = u.DTS + u.Duration
	return u
}

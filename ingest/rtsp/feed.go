package rtsp

import (
	"errors"
	"log/slog"

	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// configWait is how long, in ticks of wireClock, a track that has no decoder configuration yet is waited for.
const configWait = 3 * 90000

// feed turns the RTP packets of one session into what its Session takes: tracks and units. It is for one goroutine.
type feed struct {
	session wire.Session
	drops   *wire.Drops
	log     *slog.Logger
	tracks  []*track
	clock   *clock

	units     int // written
	described bool
	told      [][]byte // the configuration of each track as the Session knows it
	started   bool
	began     int64 // the time of the first unit
}

func newFeed(s wire.Session, tracks []*track, d *wire.Drops, log *slog.Logger) *feed {
	return &feed{session: s, tracks: tracks, drops: d, log: log, clock: newClock(), told: make([][]byte, len(tracks))}
}

// packet takes an RTP packet of a track over. The error is an *ingest.Error that ends the session.
func (f *feed) packet(t *track, p *rtp.Packet) error {
	at, ok := f.clock.place(t, p)
	if !ok {
		f.drops.Add(unconfigured, 1, nil)
		return nil
	}
	units, err := t.take(p, at)
	switch fatal := (*ingest.Error)(nil); {
	case err == nil:
	case errors.Is(err, errMore):
		return nil
	case errors.As(err, &fatal):
		return err
	case errors.Is(err, errUnconfigured):
		f.drops.Add(unconfigured, 1, nil)
		return nil
	case errors.Is(err, errNoPicture), errors.Is(err, errEmpty):
		f.drops.Add(emptyUnit, 1, err)
		return nil
	default:
		f.drops.Add(badPayload, 1, err)
		return nil
	}
	for _, u := range units {
		if err := f.write(u); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) write(u ingest.Unit) error {
	if !f.started {
		f.started, f.began = true, u.DTS
	}
	if err := f.describe(u.DTS); err != nil {
		return err
	}
	if !f.described {
		f.drops.Add(unconfigured, 1, nil)
		return nil
	}
	f.units++
	return f.session.Write(u)
}

// describe tells the Session what tracks there are, once all are known or have been waited for, and again when any of them
// changes.
func (f *feed) describe(now int64) error {
	known, news := 0, false
	for i, t := range f.tracks {
		config := t.codec.config()
		if config != nil {
			known++
		}
		news = news || !same(config, f.told[i])
	}
	if !news || known < len(f.tracks) && now-f.began < configWait && !f.described {
		return nil
	}
	tracks := make([]media.Track, 0, known)
	for i, t := range f.tracks {
		if f.told[i] = t.codec.config(); f.told[i] != nil {
			tracks = append(tracks, media.Track{ID: t.id, Codec: t.name, Config: f.told[i]})
		}
	}
	f.described = true
	return f.session.Describe(tracks)
}

// same reports whether two configurations of a codec are one: they are replaced, never changed.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

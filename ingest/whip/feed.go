package whip

import (
	"bytes"
	"time"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

// The IDs of the tracks of a session.
const (
	pictureID = 1
	soundID   = 2
)

// sink is what a feed needs of *ingest.Session.
type sink interface {
	Describe([]media.Track) error
	Write(ingest.Unit) error
}

// feed turns the events of one session into what its Session takes: tracks and units. It chooses the layer that is on air,
// and knows when a key frame is needed. It is for one goroutine; time is an argument.
type feed struct {
	sink     sink
	drops    *wire.Drops
	picture  bool // is offered
	sound    bool // likewise
	interval time.Duration
	request  func(*track) // asks for a key frame

	began     time.Time // when the first unit came
	pictured  time.Time // when the first picture came that can be decoded
	active    *track    // the picture on air
	seen      []*track  // all that sent units
	heard     *track    // the sound
	tracks    []media.Track
	reshaped  time.Time // when tracks last changed
	climbed   time.Time // when active last changed
	keyed     time.Time // when the last key frame was written
	mending   bool      // pictures are held off until a key frame
	mendSince time.Time
	held      []event // until the tracks are known
	heldBytes int
	units     int // written
	fault     error
}

// The bounds of what is held until the tracks are known.
const (
	maxHeld      = 512
	maxHeldBytes = 4 << 20
	// pictureWait is how long sound waits for a picture that was offered: an encoder may take a second to start.
	pictureWait = 3 * time.Second
)

// handle takes an event. The error is an *ingest.Error and ends the session.
func (f *feed) handle(e event) error {
	if e.lost {
		f.damage(e)
		return nil
	}
	if f.began.IsZero() {
		f.began = e.arrived
	}
	if err := f.note(e); err != nil {
		return err
	}
	if f.tracks == nil {
		return f.hold(e)
	}
	return f.write(e)
}

// note follows what an event tells of its track.
func (f *feed) note(e event) error {
	t := e.track
	if t.last.IsZero() {
		f.seen = append(f.seen, t)
	}
	t.last = e.arrived
	if d := &t.described; e.unit.config == nil ||
		bytes.Equal(t.config, e.unit.config) && (e.unit.width == 0 || e.unit.width == d.Width && e.unit.height == d.Height) {
		return nil
	}
	d := media.Track{ID: pictureID, Codec: t.codec, Config: e.unit.config, Width: e.unit.width, Height: e.unit.height}
	if d.Kind() == media.Audio {
		d.ID, f.heard = soundID, t
	}
	if err := cmaf.Complete(&d); err != nil {
		return &ingest.Error{Reason: ingest.ReasonBadMedia, Err: err}
	}
	t.config, t.described = e.unit.config, d
	if d.ID == pictureID && f.pictured.IsZero() {
		f.pictured = e.arrived
	}
	return nil
}

// damage acts on the loss of access units.
func (f *feed) damage(e event) {
	if e.fault != nil {
		f.fault = e.fault
		f.drops.Add(unreadable, 1, nil)
	} else {
		f.drops.Add(lost, 1, nil)
	}
	if t := e.track; t.codec.Kind() == media.Video && (t == f.active || f.active == nil) {
		f.mend(e.arrived)
		f.ask(t, e.arrived)
	}
}

func (f *feed) mend(now time.Time) {
	if !f.mending {
		f.mending, f.mendSince = true, now
	}
}

// ask requests a key frame, unless that has just been done.
func (f *feed) ask(t *track, now time.Time) {
	if now.Sub(t.requested) >= requestEvery {
		t.requested = now
		f.request(t)
	}
}

// hold keeps an event until the tracks are known.
func (f *feed) hold(e event) error {
	if e.track.codec.Kind() == media.Video && e.track.config == nil {
		f.drops.Add(unconfigured, 1, nil)
		f.ask(e.track, e.arrived)
		return nil
	}
	f.held = append(f.held, e)
	f.heldBytes += len(e.unit.payload)
	return f.settle(e.arrived)
}

// settle describes the tracks once they are known, or have been waited for long enough.
func (f *feed) settle(now time.Time) error {
	var largest *track
	layered := false
	for _, t := range f.seen {
		if t.config == nil || t.codec.Kind() != media.Video {
			continue
		}
		layered = layered || t.layer
		if largest == nil || area(t) > area(largest) {
			largest = t
		}
	}
	full := len(f.held) >= maxHeld || f.heldBytes >= maxHeldBytes
	switch {
	case full:
	case largest == nil && f.picture:
		if now.Sub(f.began) < pictureWait {
			return nil
		}
	case largest != nil && (layered || f.sound && f.heard == nil):
		if now.Sub(f.pictured) < settleTime {
			return nil
		}
	}
	if largest == nil && f.heard == nil {
		return nil
	}
	f.active, f.climbed = largest, now
	if err := f.describe(now); err != nil {
		return err
	}
	held := f.held
	f.held, f.heldBytes = nil, 0
	for _, e := range held {
		if err := f.write(e); err != nil {
			return err
		}
	}
	return nil
}

func area(t *track) int { return t.described.Width * t.described.Height }

// describe tells the Session what tracks are on air.
func (f *feed) describe(now time.Time) error {
	f.tracks = nil
	if f.active != nil {
		f.tracks = append(f.tracks, f.active.described)
		f.mend(now)
	}
	if f.heard != nil {
		f.tracks = append(f.tracks, f.heard.described)
	}
	f.reshaped = now
	return f.sink.Describe(f.tracks)
}

// write publishes a unit of a track that is on air.
func (f *feed) write(e event) error {
	now := e.arrived
	if e.track.codec.Kind() == media.Audio {
		if len(f.tracks) == 1 && f.active != nil { // it was silent at the start
			if err := f.describe(now); err != nil {
				return err
			}
			f.ask(f.active, now)
		}
		return f.pass(e, soundID)
	}
	if e.track != f.active && !f.change(e) {
		f.drops.Add(otherLayer, 1, nil)
		return nil
	}
	return f.show(e)
}

// change reports whether a unit of another layer, or a first picture, puts its track on air.
func (f *feed) change(e event) bool {
	switch {
	case !e.unit.randomAccess:
		return false
	case f.active == nil:
	case e.arrived.Sub(f.active.last) >= layerSilence:
	case area(e.track) > area(f.active) && e.arrived.Sub(f.climbed) >= climbEvery:
	default:
		return false
	}
	f.active, f.climbed = e.track, e.arrived
	return true
}

// show publishes a picture of the active track, and leaves out those that cannot be decoded.
func (f *feed) show(e event) error {
	now, known := e.arrived, f.onAir(e.track)
	switch {
	case e.unit.randomAccess && known, e.unit.randomAccess && now.Sub(f.reshaped) >= reshapeEvery:
		if !known {
			if err := f.describe(now); err != nil {
				return err
			}
		}
		f.keyed = now
	case e.unit.randomAccess, !known, f.mending && now.Sub(f.mendSince) < mendTime:
		f.drops.Add(undecodable, 1, nil)
		f.ask(e.track, now)
		return nil
	}
	f.mending = false
	return f.pass(e, pictureID)
}

// onAir reports whether the Session has the newest description of the picture.
func (f *feed) onAir(t *track) bool {
	for i := range f.tracks {
		if d := &f.tracks[i]; d.ID == pictureID {
			return bytes.Equal(d.Config, t.described.Config) && d.Width == t.described.Width && d.Height == t.described.Height
		}
	}
	return false
}

func (f *feed) pass(e event, id int) error {
	f.units++
	f.fault = nil
	return f.sink.Write(ingest.Unit{Track: id, DTS: e.at, RandomAccess: e.unit.randomAccess, Payload: e.unit.payload})
}

// tick does what is due without an event: a few times a second.
func (f *feed) tick(now time.Time) error {
	if f.tracks == nil {
		if f.began.IsZero() {
			return nil
		}
		return f.settle(now)
	}
	if f.active == nil {
		return nil
	}
	if now.Sub(f.keyed) >= f.interval {
		f.ask(f.active, now)
	}
	for _, t := range f.seen { // a key frame is what another layer comes on air with
		if t == f.active || t.codec.Kind() != media.Video || now.Sub(t.last) >= layerSilence {
			continue
		}
		if now.Sub(f.active.last) >= layerSilence || area(t) > area(f.active) && now.Sub(f.climbed) >= climbEvery {
			f.ask(t, now)
		}
	}
	return nil
}

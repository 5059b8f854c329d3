package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// patient is an input of 720p at 25 pictures a second, with sound, on a clock of its own.
type patient struct {
	health  ingest.Health
	now     time.Time
	frames  int
	picture func(key bool) int // bytes
	sound   int
	pause   time.Duration
}

func newPatient() *patient {
	return &patient{now: noon, sound: 200, picture: func(key bool) int {
		if key {
			return 40_000
		}
		return 6_000
	}}
}

func (p *patient) live(d time.Duration) {
	track := &media.Track{Codec: media.H264, Width: 1280, Height: 720}
	for end := p.now.Add(d); p.now.Before(end); p.frames++ {
		p.now = p.now.Add(40 * time.Millisecond)
		key := p.frames%50 == 0
		p.health.Picture(track, p.picture(key), key, 40*time.Millisecond, 0, p.now)
		for range 2 {
			p.health.Sound(p.sound, 20*time.Millisecond, p.now)
		}
	}
}

func TestHealthNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(p *patient)
		want    []string
		below   float64
	}{
		"nothing": {func(p *patient) {}, nil, 101},
		"a long pause": {func(p *patient) {
			p.now = p.now.Add(2500 * time.Millisecond)
			p.live(time.Second)
		}, []string{"pauses"}, 50},
		"a pause that goes on":   {func(p *patient) { p.now = p.now.Add(2 * time.Second) }, []string{"pauses"}, 50},
		"two jumps of the clock": {func(p *patient) { p.health.Jumped(2, p.now) }, []string{"clock jumping"}, 60},
		"pictures left out": {func(p *patient) {
			p.health.Picture(&media.Track{Width: 1280, Height: 720}, 6000, false, 0, 60, p.now)
		}, []string{"pictures left out"}, 80},
		"a link that loses": {func(p *patient) {
			p.health.Network(ingest.Link{Received: 1000, Dropped: 10}, p.now)
			p.health.Network(ingest.Link{Received: 2000, Dropped: 60}, p.now)
		}, []string{"link losing"}, 70},
		"a link that lost before it was asked": {func(p *patient) {
			p.health.Network(ingest.Link{Received: 1000, Dropped: 500}, p.now)
			p.health.Network(ingest.Link{Received: 2000, Dropped: 500}, p.now)
		}, nil, 101},
		"units that cannot be used": {func(p *patient) {
			for range 100 {
				p.health.Drop(p.now)
			}
		}, []string{"unusable units"}, 90},
		"a frozen picture": {func(p *patient) {
			p.picture = func(key bool) int { return map[bool]int{true: 40_000, false: 40}[key] }
			p.live(5 * time.Second)
		}, []string{"frozen picture"}, 61},
		"a black picture": {func(p *patient) {
			p.picture = func(key bool) int { return map[bool]int{true: 700, false: 30}[key] }
			p.live(5 * time.Second)
		}, []string{"bitrate low", "black picture"}, 40},
		"silence": {func(p *patient) {
			p.sound = 8
			p.live(5 * time.Second)
		}, []string{"silence"}, 90},
	} {
		p := newPatient()
		p.live(20 * time.Second)
		require.EqualValues(t, 100, p.health.Score(p.now), "%s: before", name)
		c.happens(p)
		require.Equal(t, c.want, p.health.Names(p.now), name)
		require.Less(t, p.health.Score(p.now), c.below, name)
		*p = patient{health: p.health, now: p.now, frames: p.frames, picture: newPatient().picture, sound: 200}
		p.live(21 * time.Second)
		require.EqualValues(t, 100, p.health.Score(p.now), "%s: it has passed", name)
	}
}

func TestAShortFadeToBlackIsNothing(t *testing.T) {
	p := newPatient()
	p.live(20 * time.Second)
	p.picture = func(bool) int { return 30 }
	p.live(2 * time.Second)
	require.EqualValues(t, 100, p.health.Score(p.now))
}

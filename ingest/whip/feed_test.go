package whip

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// desk is a feed and what it has done, on a clock that its events move.
type desk struct {
	t        *testing.T
	feed     *feed
	now      time.Time
	at       int64
	shapes   []string // what was described: "320x180 sound"
	units    []ingest.Unit
	requests map[*track]int
	configs  map[int][]byte // by width
}

func newDesk(t *testing.T, picture, sound bool) *desk {
	d := &desk{t: t, now: time.Unix(1000, 0), requests: make(map[*track]int), configs: make(map[int][]byte)}
	d.feed = &feed{
		sink: d, drops: wire.NewDrops(causes, newMetrics().dropped, slog.New(slog.DiscardHandler)), picture: picture, sound: sound, interval: 4 * time.Second,
		request: func(t *track) { d.requests[t]++ },
	}
	for width, name := range map[int]string{160: "small.h264", 320: "large.h264"} {
		u := &avcDepacketizer{}
		for _, nal := range nalsOf(byteStream(t, name, avcSlice)[0].unit) {
			require.NoError(t, u.nal(nal))
		}
		key, err := u.unit()
		require.NoError(t, err)
		d.configs[width] = key.config
	}
	return d
}

func (d *desk) Describe(tracks []media.Track) error {
	shape := ""
	for _, t := range tracks {
		if t.Kind() == media.Video {
			shape += map[int]string{160: "small", 320: "large"}[t.Width]
		} else {
			shape += "+sound"
		}
	}
	d.shapes = append(d.shapes, shape)
	return nil
}

func (d *desk) Write(u ingest.Unit) error {
	d.units = append(d.units, u)
	return nil
}

// pass lets time pass.
func (d *desk) pass(by time.Duration) {
	for end := d.now.Add(by); d.now.Before(end); {
		d.now = d.now.Add(tickEvery)
		require.NoError(d.t, d.feed.tick(d.now))
	}
}

// picture has a picture of a track arrive: a key frame where width is not 0.
func (d *desk) picture(t *track, width int) {
	d.now = d.now.Add(33 * time.Millisecond)
	d.at += 3000
	u := unit{payload: []byte{0, 0, 0, 1, 0x41}, randomAccess: width != 0, config: d.configs[width]}
	require.NoError(d.t, d.feed.handle(event{track: t, unit: u, at: d.at, arrived: d.now}))
}

func (d *desk) sound(t *track) {
	u := unit{payload: []byte{0xFC}, randomAccess: true, config: opusConfig}
	require.NoError(d.t, d.feed.handle(event{track: t, unit: u, at: d.at, arrived: d.now}))
}

func (d *desk) lose(t *track) {
	require.NoError(d.t, d.feed.handle(event{track: t, lost: true, arrived: d.now}))
}

func camera() *track     { return &track{codec: media.H264} }
func layer() *track      { return &track{codec: media.H264, layer: true} }
func microphone() *track { return &track{codec: media.Opus} }

func TestSoundIsWaitedFor(t *testing.T) {
	d, c, m := newDesk(t, true, true), camera(), microphone()
	d.picture(c, 160)
	assert.Empty(t, d.shapes)
	d.sound(m)
	d.picture(c, 0)
	assert.Equal(t, []string{"small+sound"}, d.shapes)
	assert.Len(t, d.units, 3)

	d, c, m = newDesk(t, true, true), camera(), microphone()
	d.picture(c, 160)
	d.pass(settleTime)
	assert.Equal(t, []string{"small"}, d.shapes, "silent at the start")
	d.sound(m)
	assert.Equal(t, []string{"small", "small+sound"}, d.shapes)
	assert.Equal(t, 1, d.requests[c], "of the new publication a picture is needed")
}

func TestPictureIsWaitedFor(t *testing.T) {
	d, c, m := newDesk(t, true, true), camera(), microphone()
	d.sound(m)
	d.picture(c, 0)
	assert.Equal(t, 1, d.requests[c], "a picture that cannot be decoded")
	assert.Empty(t, d.shapes)
	d.pass(pictureWait + tickEvery)
	assert.Equal(t, []string{"+sound"}, d.shapes)
	d.pass(reshapeEvery)
	d.picture(c, 160)
	assert.Equal(t, []string{"+sound", "small+sound"}, d.shapes)

	d = newDesk(t, false, true)
	d.sound(microphone())
	assert.Equal(t, []string{"+sound"}, d.shapes, "no picture was offered")
}

func TestAnotherSizeIsAnotherPublication(t *testing.T) {
	d, c := newDesk(t, true, false), camera()
	d.picture(c, 160)
	d.pass(reshapeEvery)
	d.picture(c, 320)
	d.picture(c, 0)
	assert.Equal(t, []string{"small", "large"}, d.shapes)
	assert.Len(t, d.units, 3)

	d.picture(c, 160) // too soon
	d.picture(c, 0)
	d.pass(mendTime)
	d.picture(c, 0)
	assert.Len(t, d.units, 3, "nothing of a size that is not described")
	assert.Positive(t, d.requests[c])
	d.picture(c, 160)
	assert.Equal(t, []string{"small", "large", "small"}, d.shapes)
	d.picture(c, 160)
	assert.Len(t, d.shapes, 3, "the same again is nothing new")
}

func TestLossIsWaitedOut(t *testing.T) {
	d, c := newDesk(t, true, false), camera()
	d.picture(c, 160)
	d.lose(c)
	d.lose(c)
	assert.Equal(t, 1, d.requests[c], "one request in half a second")
	d.picture(c, 0)
	assert.Len(t, d.units, 1)
	d.picture(c, 160)
	d.picture(c, 0)
	assert.Len(t, d.units, 3)

	d.lose(c)
	d.now = d.now.Add(mendTime)
	d.picture(c, 0)
	assert.Len(t, d.units, 4, "an encoder that sends no key frame")
}

func TestKeyframesAreAskedForWithoutLoss(t *testing.T) {
	d, c := newDesk(t, true, false), camera()
	d.picture(c, 160)
	d.pass(d.feed.interval - time.Second)
	assert.Zero(t, d.requests[c])
	d.pass(time.Second + tickEvery)
	assert.Equal(t, 1, d.requests[c])
}

func TestTheLargestLayerIsOnAir(t *testing.T) {
	d, low, high := newDesk(t, true, false), layer(), layer()
	d.picture(low, 160)
	d.picture(high, 320)
	assert.Empty(t, d.shapes)
	d.pass(settleTime)
	assert.Equal(t, []string{"large"}, d.shapes)
	n := len(d.units)
	d.picture(low, 0)
	d.picture(low, 160)
	assert.Len(t, d.units, n)
	d.lose(low)
	assert.Zero(t, d.requests[low])

	for range 70 { // the browser has dropped the large one
		d.picture(low, 0)
		require.NoError(t, d.feed.tick(d.now))
	}
	assert.Positive(t, d.requests[low])
	d.picture(low, 160)
	assert.Equal(t, []string{"large", "small"}, d.shapes)

	d.picture(high, 320) // it is back, but who knows for how long
	assert.Len(t, d.shapes, 2)
	for range 310 {
		d.picture(low, 0)
		d.picture(high, 0)
		require.NoError(t, d.feed.tick(d.now))
	}
	assert.Positive(t, d.requests[high])
	d.picture(high, 320)
	assert.Equal(t, []string{"large", "small", "large"}, d.shapes)
}

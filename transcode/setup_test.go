package transcode

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// A process that starts on the very second that its timeline could begin at must still take the sound from before it.
func TestTimelineBeginsBeforeEveryTrack(t *testing.T) {
	video := media.Track{ID: 1, Codec: media.H264, ClockRate: media.VideoClockRate}
	audio := media.Track{ID: 2, Codec: media.AAC, ClockRate: 44100}
	second := startSecond / epoch * epoch
	early := []media.AccessUnit{
		{Track: 1, DTS: int64(second) * media.VideoClockRate, PTS: int64(second) * media.VideoClockRate},
		{Track: 2, DTS: int64(second)*44100 - 4410, PTS: int64(second)*44100 - 4410},
	}
	j := &job{
		source: &hub.Publication{Tracks: []media.Track{video, audio}},
		config: Config{}.withDefaults(), plan: Plan{Rate: fps(30, 1)},
	}
	s := j.setup(early, []*media.Track{&video, &audio})
	require.Less(t, s.base, int64(second))
	require.Zero(t, s.base%epoch)
	require.EqualValues(t, (int64(second)-s.base)*media.VideoClockRate, s.first)
	require.Positive(t, s.sound)
	require.Zero(t, s.sound%audioFrame)
	require.InDelta(t, s.first*audioRate/media.VideoClockRate-4800, s.sound, audioFrame)
}

func TestEveryTimelineIsOnTheLatticesAndTheGrid(t *testing.T) {
	require.Zero(t, epoch*audioRate%audioFrame)
	for _, r := range []media.Rational{fps(24000, 1001), fps(24, 1), fps(25, 1), fps(30000, 1001), fps(30, 1), fps(50, 1), fps(60000, 1001), fps(60, 1)} {
		l := media.Lattice{Rate: r}
		base := int64(27_940) * epoch * media.VideoClockRate
		require.Equal(t, base, l.Ticks(l.Index(base)), r.String())
	}
}

func TestMetrics(t *testing.T) {
	pool := NewPool(Config{}, hub.New(), nil, discard)
	m := pool.meter("live")
	m.restarted(errStalled)
	m.dropped(7)
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(pool))
	families, err := registry.Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			name := f.GetName()
			for _, l := range metric.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	require.Equal(t, map[string]float64{
		"stagecast_transcode_speed_ratio live": 0, "stagecast_transcode_frames_per_second live": 0, "stagecast_transcode_rungs  live": 0,
		"stagecast_transcode_cpu_seconds_total live": 0, "stagecast_transcode_queue_seconds live": 0,
		"stagecast_transcode_restarts_total stalled live": 1, "stagecast_transcode_lost_units_total live": 7,
	}, values)
}

func TestSegmentDurationHasADefault(t *testing.T) {
	require.Equal(t, 2*time.Second, Config{}.withDefaults().SegmentDuration)
}

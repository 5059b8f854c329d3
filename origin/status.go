package origin

import (
	"sort"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// StreamStatus is a stream as the status page shows it.
type StreamStatus struct {
	Name       string            `json:"name"`
	State      packager.State    `json:"state"`
	Viewers    int64             `json:"viewers"`
	Renditions []RenditionStatus `json:"renditions"`
}

// RenditionStatus is one rendition of it.
type RenditionStatus struct {
	Name     string  `json:"name"`
	Codec    string  `json:"codecs"`
	Width    int     `json:"width,omitempty"`
	Height   int     `json:"height,omitempty"`
	FPS      float64 `json:"fps,omitempty"`
	Bitrate  int64   `json:"bitrate"` // of what is listed
	MSN      int64   `json:"msn"`
	Part     int     `json:"part"`
	Segments int     `json:"segments"`
	Bytes    int64   `json:"bytes"` // of segments and headers, in memory or on disk
}

// Status describes every stream, by name.
func (o *Origin) Status() []StreamStatus {
	names := o.Streams()
	sort.Strings(names)
	out := make([]StreamStatus, 0, len(names))
	for _, name := range names {
		s := o.stream(name)
		v := s.view.Load()
		st := StreamStatus{Name: name, State: v.State, Viewers: s.viewers(), Renditions: []RenditionStatus{}}
		for _, r := range v.Renditions {
			st.Renditions = append(st.Renditions, s.renditionStatus(r))
		}
		out = append(out, st)
	}
	return out
}

func (s *stream) renditionStatus(d packager.Rendition) RenditionStatus {
	st := RenditionStatus{
		Name: d.Track.Rendition, Codec: d.Codec, Width: d.Track.Width, Height: d.Track.Height, FPS: d.Track.FrameRate.Float(),
	}
	r := s.rendition(d.Track.Rendition)
	if r == nil {
		return st
	}
	st.Bytes = r.stored()
	snap := r.current.Load()
	if snap == nil {
		return st
	}
	st.MSN, st.Part, st.Segments = snap.msn, snap.part, len(snap.playlist.Segments)
	var bits, seconds float64
	for _, seg := range snap.playlist.Segments {
		if o := r.object(seg.URI); o != nil && !seg.Gap {
			bits += float64(o.size * 8)
			seconds += seg.Duration.Seconds()
		}
	}
	if seconds > 0 {
		st.Bitrate = int64(bits / seconds)
	}
	return st
}

// metrics are the origin's counters.
type metrics struct {
	timeouts prometheus.Counter
	bytes    prometheus.Counter
	added    prometheus.Histogram
	streams  prometheus.GaugeFunc
	waiting  prometheus.GaugeFunc
	memory   prometheus.GaugeFunc
}

func (m *metrics) init(o *Origin) {
	m.timeouts = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stagecast_origin_reload_timeouts_total", Help: "Playlist requests that were held for three target durations in vain.",
	})
	m.bytes = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stagecast_origin_media_bytes_total", Help: "Bytes of parts, segments and headers that were sent.",
	})
	m.added = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "stagecast_origin_part_latency_seconds", Help: "Time from the arrival of a part's last access unit until the part could be fetched.",
		Buckets: []float64{.0005, .001, .002, .003, .005, .0075, .01, .025, .05, .1, .25},
	})
	m.streams = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stagecast_origin_live_streams", Help: "Streams that are live or reconnecting.",
	}, func() (n float64) {
		for _, name := range o.Streams() {
			switch o.stream(name).view.Load().State {
			case packager.Live, packager.Reconnecting:
				n++
			}
		}
		return n
	})
	m.waiting = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stagecast_origin_waiting_requests", Help: "Playlist requests that are held until the playlist changes.",
	}, func() float64 { return float64(o.sum(func(r *rendition) int64 { return r.waiting.Load() })) })
	m.memory = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stagecast_origin_memory_bytes", Help: "Bytes of media held in memory.",
	}, func() float64 {
		if m, ok := o.store.(*store.Memory); ok {
			return float64(m.Held())
		}
		return float64(o.config.Tiers.Stats().Held)
	})
}

// Collectors are the origin's metrics.
func (o *Origin) Collectors() []prometheus.Collector {
	m := &o.metrics
	all := []prometheus.Collector{m.timeouts, m.bytes, m.added, m.streams, m.waiting, m.memory}
	if o.config.Tiers != nil {
		all = append(all, disk{o.config.Tiers})
	}
	return all
}

func (o *Origin) sum(f func(*rendition) int64) (n int64) {
	for _, name := range o.Streams() {
		s := o.stream(name)
		s.mu.RLock()
		for _, r := range s.renditions {
			n += f(r)
		}
		s.mu.RUnlock()
	}
	return n
}

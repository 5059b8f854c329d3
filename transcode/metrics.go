package transcode

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/stagecast/stagecast/internal/media"
)

var (
	ofStream = []string{"stream"}

	speedDesc    = prometheus.NewDesc("stagecast_transcode_speed_ratio", "Media time out of a stream's ladder against the clock.", ofStream, nil)
	fpsDesc      = prometheus.NewDesc("stagecast_transcode_frames_per_second", "Pictures a second out of a stream's best rendition.", ofStream, nil)
	rungsDesc    = prometheus.NewDesc("stagecast_transcode_rungs", "Renditions that a stream is encoded into, on a device.", []string{"stream", "device"}, nil)
	cpuDesc      = prometheus.NewDesc("stagecast_transcode_cpu_seconds_total", "Processor time of a stream's ffmpeg.", ofStream, nil)
	queueDesc    = prometheus.NewDesc("stagecast_transcode_queue_seconds", "For how long a stream has waited for room: so far, or before it was given some.", ofStream, nil)
	restartsDesc = prometheus.NewDesc("stagecast_transcode_restarts_total", "Times that a stream's ffmpeg was started again.", []string{"stream", "reason"}, nil)
	lostDesc     = prometheus.NewDesc("stagecast_transcode_lost_units_total", "Access units that a stream's ffmpeg was too slow for.", ofStream, nil)

	slotsDesc = prometheus.NewDesc("stagecast_transcode_slots_free", "Ladders of 1080p at 30 pictures a second (1080p, 720p, 480p, 240p in H.264) that there is room for.", nil, nil)
	loadDesc  = prometheus.NewDesc("stagecast_device_load_ratio", "Part of a device that the ladders are planned to take.", []string{"device"}, nil)
	pixelDesc = prometheus.NewDesc("stagecast_device_pixels_per_second", "What a device was measured to encode; 0 where it does not encode the codec.", []string{"device", "codec", "preset"}, nil)
	gpuDesc   = prometheus.NewDesc("stagecast_device_utilization_ratio", "What a device's driver says of its engines.", []string{"device", "engine"}, nil)
	openDesc  = prometheus.NewDesc("stagecast_device_encoder_sessions", "Encoder sessions open on a device, of all programs.", []string{"device"}, nil)
	usedDesc  = prometheus.NewDesc("stagecast_device_memory_used_bytes", "Memory of a device in use.", []string{"device"}, nil)
)

// Describe implements prometheus.Collector.
func (p *Pool) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		speedDesc, fpsDesc, rungsDesc, cpuDesc, queueDesc, restartsDesc, lostDesc, slotsDesc, loadDesc, pixelDesc, gpuDesc, openDesc, usedDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (p *Pool) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for stream, m := range p.meters {
		s := m.status()
		gauge(speedDesc, s.Speed, stream)
		gauge(fpsDesc, s.FPS, stream)
		gauge(rungsDesc, float64(len(s.Rungs)), stream, s.Device)
		gauge(queueDesc, s.QueueSeconds, stream)
		count(cpuDesc, s.CPUSeconds, stream)
		count(lostDesc, float64(s.Lost), stream)
		for reason, n := range m.reasons() {
			count(restartsDesc, float64(n), stream, reason)
		}
	}
	if p.devices == nil {
		return
	}
	if t := p.devices.Table(); t != nil {
		gauge(slotsDesc, float64(p.ledger.slots()))
		for _, e := range t.Devices {
			gauge(loadDesc, p.ledger.load(e.ID), e.ID)
			for _, tr := range e.Trials {
				if !tr.Works {
					gauge(pixelDesc, 0, e.ID, string(tr.Codec), "")
				}
				for _, sp := range tr.Speeds {
					gauge(pixelDesc, sp.PixelsPerSecond, e.ID, string(tr.Codec), sp.Preset)
				}
			}
		}
	}
	for _, g := range p.devices.GPUs() {
		for engine, share := range map[string]float64{"gpu": g.Load, "encoder": g.Encoder, "decoder": g.Decoder} {
			if share >= 0 {
				gauge(gpuDesc, share, g.ID(), engine)
			}
		}
		if g.Sessions >= 0 {
			gauge(openDesc, float64(g.Sessions), g.ID())
		}
		gauge(usedDesc, float64(max(0, g.Used)), g.ID())
	}
}

// Machine is what Devices says: the table, and what of it is taken.
type Machine struct {
	Devices   any     `json:"devices"` // a *device.Table; null before anything was measured
	SlotsFree int     `json:"slotsFree"`
	Load      []Taken `json:"load"`
}

// Taken is how much of a device the ladders take.
type Taken struct {
	Device string  `json:"device"`
	Share  float64 `json:"share"` // 0 to 1
}

// Machine describes what this process encodes with.
func (p *Pool) Machine() Machine {
	m := Machine{Load: []Taken{}}
	if p.devices == nil {
		return m
	}
	t := p.devices.Table()
	if t == nil {
		return m
	}
	m.Devices, m.SlotsFree = t, p.ledger.slots()
	for _, e := range t.Devices {
		if e.Trial(media.H264).Works {
			m.Load = append(m.Load, Taken{e.ID, p.ledger.load(e.ID)})
		}
	}
	return m
}

package ingest

import (
	"math"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/media"
)

// Input is what a session on air is measured at, for the status page.
type Input struct {
	Stream   string       `json:"-"`
	Role     Role         `json:"role"`
	OnAir    bool         `json:"onAir"`
	Score    float64      `json:"score"` // of its health: 100 where nothing is wrong
	Protocol string       `json:"protocol"`
	Remote   string       `json:"remote"`
	Agent    string       `json:"agent,omitempty"`
	Since    time.Time    `json:"since"`
	Video    *VideoInput  `json:"video,omitempty"`
	Rungs    []VideoInput `json:"rungs,omitempty"` // the same picture in smaller sizes, where the encoder sends those
	Audio    *AudioInput  `json:"audio,omitempty"`
	SkewMs   float64      `json:"skewMs"`  // how much later the sound's newest unit stands than the picture's
	Dropped  int64        `json:"drops"`   // units that could not be used
	Missing  int64        `json:"missing"` // pictures that the encoder left out
	Jumps    int64        `json:"jumps"`   // jumps of the encoder's clock that were taken out
	DriftMs  float64      `json:"driftMs"` // how far the encoder's clock has moved against ours since the start
	Bytes    int64        `json:"bytes"`
	Link     *Link        `json:"link,omitempty"` // of protocols that measure it
	Self     *SelfReport  `json:"self,omitempty"` // of encoders that tell
	Warnings []Warning    `json:"warnings,omitempty"`
}

// VideoInput is the measured picture.
type VideoInput struct {
	Codec            media.Codec `json:"codec"`
	Width            int         `json:"width"`
	Height           int         `json:"height"`
	FPS              float64     `json:"fps"`
	Bitrate          int64       `json:"bitrate"`
	KeyframeInterval float64     `json:"keyframeInterval"` // seconds, the last one; 0 before the second key frame
}

// AudioInput is the measured sound.
type AudioInput struct {
	Codec      media.Codec `json:"codec"`
	SampleRate int         `json:"sampleRate"`
	Channels   int         `json:"channels"`
	Bitrate    int64       `json:"bitrate"`
}

// Warning is something about an input that its broadcaster can mend.
type Warning struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Fix  string `json:"fix"`
}

// meter measures one session. It is safe for concurrent use.
type meter struct {
	mu       sync.Mutex // guards everything below
	tracks   []media.Track
	gauges   map[int]*gauge
	bytes    int64
	dropped  int64
	missing  int64
	jumps    int64
	wrongFPS bool
	notes    []Warning // of the tracks
	self     selfReports
	link     *Link // nil where the protocol tells nothing
	health   health
	started  time.Time
	lead     time.Duration // of media time over arrival, at the start
	leadNow  time.Duration // smoothed
}

// gauge holds one track's figures over the second that is running and the last whole one.
type gauge struct {
	since         time.Time
	units, bytes  int64
	fps           float64
	bitrate       float64
	keyAt         int64
	keyframeEvery float64
	end           int64 // in ticks of media.VideoClockRate
}

func (m *meter) describe(tracks []media.Track) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tracks = tracks
	m.gauges = make(map[int]*gauge)
	for i := range tracks {
		m.gauges[tracks[i].ID] = &gauge{}
	}
	m.wrongFPS = false
}

// note keeps the warnings about the tracks.
func (m *meter) note(w []Warning) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = w
}

func (m *meter) drop(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped++
	m.health.drop(now)
}

func (m *meter) wrongFrameRate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrongFPS = true
}

// unit counts one unit that was published.
func (m *meter) unit(t *media.Track, u *media.AccessUnit, now time.Time, jumps int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.health.jumped(jumps-m.jumps, now)
	m.jumps = jumps
	m.bytes += int64(len(u.Payload))
	g := m.gauges[t.ID]
	g.count(len(u.Payload), now)
	g.end = media.Rescale(u.DTS+u.Duration, t.ClockRate, media.VideoClockRate)
	length := time.Duration(media.Seconds(u.Duration, t.ClockRate) * 1e9)
	if t.Kind() != media.Video {
		m.health.sound(len(u.Payload), length, !hasVideo(m.tracks), now)
		return
	}
	if u.RandomAccess {
		if g.keyAt != 0 {
			g.keyframeEvery = media.Seconds(u.PTS-g.keyAt, t.ClockRate)
		}
		g.keyAt = u.PTS
	}
	if t.ID != m.tracks[0].ID {
		return
	}
	var missing int64
	if t.FrameRate.Known() && u.Duration > 0 {
		missing = int64(math.Round(media.Seconds(u.Duration, t.ClockRate)*t.FrameRate.Float())) - 1
	}
	m.missing += missing
	if length == 0 {
		length = time.Second / 30 // not known
	}
	m.health.picture(t, len(u.Payload), u.RandomAccess, length, missing, now)
	m.measureLead(media.Time(u.DTS, t.ClockRate).Sub(now), now)
}

func (m *meter) measureLead(lead time.Duration, now time.Time) {
	if m.started.IsZero() {
		m.started, m.lead, m.leadNow = now, lead, lead
	}
	m.leadNow += (lead - m.leadNow) / 64
}

func (g *gauge) count(bytes int, now time.Time) {
	if g.since.IsZero() {
		g.since = now
	}
	g.units++
	g.bytes += int64(bytes)
	if span := now.Sub(g.since).Seconds(); span >= 1 {
		g.fps, g.bitrate = float64(g.units)/span, float64(g.bytes*8)/span
		g.since, g.units, g.bytes = now, 0, 0
	}
}

type totals struct{ bytes, dropped int64 }

func (m *meter) totals() totals {
	m.mu.Lock()
	defer m.mu.Unlock()
	return totals{m.bytes, m.dropped}
}

// score is the health of the session, from 0 to 100.
func (m *meter) score(now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.health.score(now)
}

// input reports the figures.
func (m *meter) input(s *Session, now time.Time) Input {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := Input{
		Stream: s.stream, Role: s.role, Score: m.health.score(now), Protocol: s.request.Protocol, Remote: s.request.Remote, Agent: s.request.Agent, Since: s.began,
		Dropped: m.dropped, Missing: m.missing, Jumps: m.jumps, Bytes: m.bytes,
		Link: m.link, DriftMs: float64((m.leadNow - m.lead).Microseconds()) / 1000,
	}
	var ends [2]int64
	for i := range m.tracks {
		t := &m.tracks[i]
		g := m.gauges[t.ID]
		if t.Kind() == media.Video {
			v := VideoInput{t.Codec, t.Width, t.Height, round(g.fps), int64(g.bitrate), round(g.keyframeEvery)}
			if in.Video != nil {
				in.Rungs = append(in.Rungs, v)
				continue
			}
			in.Video, ends[0] = &v, g.end
		} else {
			in.Audio = &AudioInput{t.Codec, t.SampleRate, t.Channels, int64(g.bitrate)}
			ends[1] = g.end
		}
	}
	if ends[0] != 0 && ends[1] != 0 {
		in.SkewMs = round(media.Seconds(ends[1]-ends[0], media.VideoClockRate) * 1000)
	}
	if m.self.any {
		sum := m.self.sum
		in.Self = &sum
	}
	in.Warnings = m.warnings(&in)
	for _, a := range m.health.ailments(now) {
		in.Warnings = append(in.Warnings, a.Warning)
	}
	return in
}

func (m *meter) warnings(in *Input) (out []Warning) {
	out = append(append(out, m.notes...), m.self.warnings()...)
	if v := in.Video; v != nil && v.KeyframeInterval > 4.1 {
		out = append(out, Warning{"key frames far apart", "The encoder sends a key frame only every " + seconds(v.KeyframeInterval) + ".",
			"OBS: Settings → Output → Keyframe interval 2 s."})
	}
	if m.wrongFPS {
		out = append(out, Warning{"frame rate untrue", "Pictures come faster than the frame rate that the encoder announces.",
			"Set the same frame rate for the encoder and for its output."})
	}
	if m.jumps > 0 {
		out = append(out, Warning{"clock jumps", "The encoder's timestamps have jumped " + itoa(int(m.jumps)) + " times.",
			"Restart the encoder; check that its sources have stable clocks."})
	}
	if l := m.link; l != nil && l.Dropped > 0 {
		out = append(out, Warning{"packets lost for good", itoa(int(l.Dropped)) + " packets were lost on the way and did not come again in time.",
			"Raise the SRT latency in the encoder (four times the round trip is a good start), or lower its bitrate."})
	}
	if in.Audio == nil && in.Video != nil {
		out = append(out, Warning{"no sound", "The encoder sends no sound.", "OBS: check that a source is not muted and that an audio track is selected."})
	}
	return out
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

func seconds(f float64) string { return itoa(int(math.Round(f))) + " s" }

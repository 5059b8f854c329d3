package transcode

import (
	"maps"
	"sync"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/media"
)

// Status is a stream's transcoding as the status page shows it.
type Status struct {
	Passed   bool      `json:"passed"` // the rungs are the source's own, and nothing is encoded here
	Device   string    `json:"device"` // that encodes
	Preset   string    `json:"preset"`
	Rungs    []Rung    `json:"rungs"`
	Dropped  []Dropped `json:"dropped"`
	FPS      float64   `json:"fps"`     // pictures a second out of the first rung
	Speed    float64   `json:"speed"`   // of media time out against the clock; 1 is real time
	DelayMs  float64   `json:"delayMs"` // from the newest picture of the source to the newest out, in media time
	Restarts int64     `json:"restarts"`
	Reason   string    `json:"reason,omitempty"` // of the last restart
	Lost     int64     `json:"lost"`             // access units that the process was too slow for
	Note     string    `json:"note,omitempty"`   // what is not as one would wish: why it is the processor that encodes, or what is waited for

	Waiting      bool     `json:"waiting"` // for room
	QueueSeconds float64  `json:"queueSeconds"`
	CPUSeconds   float64  `json:"cpuSeconds"` // of its processes
	Log          []string `json:"log"`
}

// meter measures a stream's transcoding. It is safe for concurrent use.
type meter struct {
	mu         sync.Mutex // guards everything below
	plan       Plan
	passed     bool
	process    *ffmpeg.Process
	restarts   map[string]int64 // by reason
	reason     string
	spent      time.Duration // of processor time by processes that have ended
	remark     string
	pending    time.Time // since when it waits for room; zero while it does not
	queue      time.Duration
	lost       int64
	writing    time.Time // since when the unit that goes in is on its way; zero between units
	asked      time.Time // since when units go in without an answer; zero before the first
	unanswered int       // how many those are
	newestIn   int64     // PTS of the newest picture
	newestOut  int64
	since      time.Time
	sincePTS   int64
	frames     int64
	fps        float64
	speed      float64
}

func (m *meter) planned(p Plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plan, m.passed, m.pending, m.remark = p, false, time.Time{}, ""
}

// waiting says that there is no room, since when and why.
func (m *meter) waiting(since time.Time, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending, m.remark = since, why
}

// queued says for how long there was none.
func (m *meter) queued(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = d
}

func (m *meter) note(remark string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remark = remark
}

// passing says that the rungs are those of the source.
func (m *meter) passing(tracks []media.Track) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retire()
	m.plan, m.passed, m.fps, m.speed = Plan{Rungs: []Rung{}, Dropped: []Dropped{}}, true, 0, 0
	m.newestIn, m.newestOut = 0, 0
	for i := range tracks {
		if t := &tracks[i]; t.Kind() == media.Video {
			m.plan.Rungs = append(m.plan.Rungs, Rung{Name: t.Rendition, Width: t.Width, Height: t.Height, Bitrate: t.Bitrate, Codec: t.Codec})
		}
	}
}

func (m *meter) started(p *ffmpeg.Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retire()
	m.process, m.since = p, time.Time{}
	m.writing, m.asked, m.unanswered = time.Time{}, time.Time{}, 0
	m.newestIn, m.newestOut = 0, 0
}

func (m *meter) restarted(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.restarts == nil {
		m.restarts = make(map[string]int64)
	}
	m.restarts[reasonOf(err)]++
	m.reason = err.Error()
}

// retire counts what the last process has cost.
func (m *meter) retire() { // m.mu is held
	if m.process != nil {
		m.spent += m.process.CPU()
		m.process = nil
	}
}

// reasons of the restarts so far.
func (m *meter) reasons() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.restarts)
}

func (m *meter) dropped(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost += n
}

// arrived says what the source has sent, whether or not the process has it yet.
func (m *meter) arrived(units []media.AccessUnit, track func(id int) *media.Track) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range units {
		if track(u.Track).Kind() == media.Video {
			m.newestIn = max(m.newestIn, u.PTS)
		}
	}
}

// feeding says that a unit is about to go in, which fed says has happened.
func (m *meter) feeding(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = now
	if m.unanswered++; m.asked.IsZero() {
		m.asked = now
	}
}

func (m *meter) fed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = time.Time{}
}

// out counts a unit that came out; only the first rendition's are measured.
func (m *meter) out(u media.AccessUnit, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked, m.unanswered = time.Time{}, 0
	if u.Track != 1 {
		return
	}
	m.newestOut = u.PTS
	if m.since.IsZero() {
		m.since, m.sincePTS, m.frames = now, u.PTS, 0
	}
	m.frames++
	if span := now.Sub(m.since).Seconds(); span >= 2 && len(m.plan.Rungs) > 0 {
		m.fps = float64(m.frames-1) / span
		m.speed = media.Seconds(u.PTS-m.sincePTS, media.VideoClockRate) / span
		m.since = time.Time{}
	}
}

// manyUnits is how many units, at least, a process is asked to answer: more than it keeps back, so that a source that
// pauses is not taken for a process that is stuck.
const manyUnits = 100

// stalled reports that for too long a unit has not gone in, or many have and none has come out.
func (m *meter) stalled(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	blocked := !m.writing.IsZero() && now.Sub(m.writing) > stallTime
	silent := m.unanswered >= manyUnits && now.Sub(m.asked) > stallTime
	return blocked || silent
}

func (m *meter) status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{
		Passed: m.passed, Device: m.plan.Device.ID, Preset: m.plan.Preset, Rungs: m.plan.Rungs, Dropped: m.plan.Dropped, FPS: m.fps, Speed: m.speed,
		Reason: m.reason, Lost: m.lost, Note: m.remark, Waiting: !m.pending.IsZero(), QueueSeconds: m.queue.Seconds(),
		CPUSeconds: m.spent.Seconds(), Log: []string{},
	}
	for _, n := range m.restarts {
		s.Restarts += n
	}
	if s.Waiting {
		s.QueueSeconds = time.Since(m.pending).Seconds()
	}
	if m.newestIn > 0 && m.newestOut > 0 && len(m.plan.Rungs) > 0 {
		s.DelayMs = media.Seconds(m.newestIn-m.newestOut, media.VideoClockRate) * 1000
	}
	if m.process != nil {
		s.CPUSeconds += m.process.CPU().Seconds()
		s.Log = m.process.Log()
	}
	return s
}

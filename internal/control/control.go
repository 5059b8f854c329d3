// Package control is the operator's HTTP API: what goes on, what to type into an encoder, which input is on air, and when a
// broadcast is over. It asks the other packages and keeps nothing.
package control

import (
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/origin"
)

// API serves /api/v1. Its fields are what it asks; Ladder and Machine may be nil.
type API struct {
	Version string
	Started time.Time
	Gate    *ingest.Gate
	Origin  *origin.Origin
	Key     func(stream string) string // shown to the operator alone; empty where there is no such stream
	Backup  func(stream string) string // the same of the stream's second encoder; empty where none is foreseen; may be nil
	RTMP    string                     // "rtmp://host:1935/live"
	SRT     string                     // "srt://host:8890"; empty where there is none
	RTSP    string                     // "host:8554"; empty where there is none
	Viewers string                     // base URL of the viewers' pages

	// Ladder describes a stream's transcoding, and Machine what encodes here. Both are shown as they are.
	Ladder  func(stream string) any
	Machine func() any

	// Cluster describes the nodes and their jobs, and Drain has what this node encodes encoded elsewhere. Both may be nil.
	Cluster func() any
	Drain   func() error

	// Multitrack are configurations for an encoder that makes all renditions itself, by the name of what it encodes with;
	// they hold no secret, and are shown as they are.
	Multitrack map[string]any
}

// Status is the answer of GET /api/v1/status.
type Status struct {
	Version   string             `json:"version"`
	StartedAt time.Time          `json:"startedAt"`
	Now       int64              `json:"now"` // Unix time in milliseconds
	Node      Node               `json:"node"`
	Disk      *origin.DiskStatus `json:"disk,omitempty"`
	Machine   any                `json:"machine,omitempty"`
	Cluster   any                `json:"cluster,omitempty"`
	Streams   []Stream           `json:"streams"`
	Attempts  []ingest.Attempt   `json:"attempts"`
}

// Node is this process.
type Node struct {
	Cores      int     `json:"cores"`
	Goroutines int     `json:"goroutines"`
	Memory     uint64  `json:"memoryBytes"`
	CPU        float64 `json:"cpu"` // cores in use since the start, on average
}

// Stream is one stream with all that is known of it.
type Stream struct {
	origin.StreamStatus
	Input  *ingest.Input     `json:"input,omitempty"` // the encoder on air
	Inputs *ingest.Status    `json:"inputs,omitempty"`
	Ladder any               `json:"ladder,omitempty"`
	URLs   map[string]string `json:"urls"`
}

// Routes are the API's, below its prefix. The caller guards them.
func (a *API) Routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, a.status()) })
	r.Get("/streams/{stream}/connect", a.connect)
	r.Post("/drain", a.drain)
	r.Post("/streams/{stream}/switch", a.act(func(stream, input string) error { return a.Gate.Switch(stream, ingest.Role(input)) }))
	r.Post("/streams/{stream}/pin", a.act(func(stream, input string) error { return a.Gate.Pin(stream, ingest.Role(input)) }))
	r.Post("/streams/{stream}/end", a.act(func(stream, _ string) error { return a.Gate.EndBroadcast(stream) }))
	return r
}

func (a *API) status() Status {
	inputs := make(map[string]ingest.Status)
	for _, in := range a.Gate.Statuses() {
		inputs[in.Stream] = in
	}
	s := Status{
		Version: a.Version, StartedAt: a.Started, Now: time.Now().UnixMilli(), Node: a.node(), Disk: a.Origin.Disk(),
		Streams: []Stream{}, Attempts: a.Gate.Attempts(),
	}
	if a.Cluster != nil {
		s.Cluster = a.Cluster()
	}
	if a.Machine != nil {
		s.Machine = a.Machine()
	}
	for _, st := range a.Origin.Status() {
		stream := Stream{StreamStatus: st, URLs: map[string]string{
			"watch": a.Viewers + "/" + st.Name, "hls": a.Viewers + "/" + st.Name + "/index.m3u8", "embed": a.Viewers + "/embed/" + st.Name,
		}}
		if all, ok := inputs[st.Name]; ok {
			stream.Inputs = &all
			for i := range all.Inputs {
				if all.Inputs[i].OnAir {
					stream.Input = &all.Inputs[i]
				}
			}
		}
		if a.Ladder != nil {
			stream.Ladder = a.Ladder(st.Name)
		}
		s.Streams = append(s.Streams, stream)
	}
	return s
}

func (a *API) node() Node {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	n := Node{Cores: runtime.NumCPU(), Goroutines: runtime.NumGoroutine(), Memory: mem.Sys}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		n.CPU = float64(u.Utime.Nano()+u.Stime.Nano()) / float64(time.Since(a.Started))
	}
	return n
}

// drain has what is encoded here encoded elsewhere. It does not wait for that.
func (a *API) drain(w http.ResponseWriter, _ *http.Request) {
	if a.Drain == nil {
		fail(w, http.StatusNotFound, "this node encodes for no cluster")
		return
	}
	if err := a.Drain(); err != nil {
		fail(w, http.StatusConflict, err.Error())
		return
	}
	reply(w, map[string]bool{"draining": true})
}

// connect says what to type into an encoder.
func (a *API) connect(w http.ResponseWriter, r *http.Request) {
	stream := chi.URLParam(r, "stream")
	key := a.Key(stream)
	if key == "" {
		fail(w, http.StatusNotFound, "no such stream")
		return
	}
	answer := map[string]any{"rtmp": map[string]string{"server": a.RTMP, "key": key}, "whip": map[string]string{"server": a.Viewers + "/whip"}}
	if a.SRT != "" {
		answer["srt"] = map[string]string{"server": a.SRT, "streamid": key}
	}
	if a.RTSP != "" {
		answer["rtsp"] = map[string]string{"server": "rtsp://user:" + key + "@" + a.RTSP + "/" + stream}
	}
	if len(a.Multitrack) > 0 {
		answer["multitrack"] = a.Multitrack
	}
	if a.Backup != nil && a.Backup(stream) != "" {
		answer["backup"] = map[string]string{"key": a.Backup(stream)}
	}
	reply(w, answer)
}

// act does what the operator wants of a stream and says how that went: 404 where the stream is not on air, 409 where it has no
// such input. The input, "primary" or "backup", stands in the query.
func (a *API) act(do func(stream, input string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch err := do(chi.URLParam(r, "stream"), r.URL.Query().Get("input")); {
		case errors.Is(err, ingest.ErrNoStream):
			fail(w, http.StatusNotFound, "nothing of that stream is on air")
		case err != nil:
			fail(w, http.StatusConflict, "the stream has no such input that sends")
		default:
			reply(w, map[string]bool{"done": true})
		}
	}
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	reply(w, map[string]string{"error": text})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

// Package control is the operator's HTTP API: what goes on, and what to type into an encoder. It asks the other packages
// and changes nothing.
package control

import (
	"encoding/json"
	"net/http"
	"runtime"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/origin"
)

// API serves /api/v1. Its fields are what it asks; Ladder may be nil.
type API struct {
	Version string
	Started time.Time
	Gate    *ingest.Gate
	Origin  *origin.Origin
	Key     func(stream string) string // shown to the operator alone; empty where there is no such stream
	RTMP    string                     // "rtmp://host:1935/live"
	SRT     string                     // "srt://host:8890"; empty where there is none
	RTSP    string                     // "host:8554"; empty where there is none
	Viewers string                     // base URL of the viewers' pages

	// Ladder describes a stream's transcoding, and Capacity what the machine was measured at. Both are shown as they are.
	Ladder   func(stream string) any
	Capacity any

	// Multitrack are configurations for an encoder that makes all renditions itself, by the name of what it encodes with;
	// they hold no secret, and are shown as they are.
	Multitrack map[string]any
}

// Status is the answer of GET /api/v1/status.
type Status struct {
	Version   string           `json:"version"`
	StartedAt time.Time        `json:"startedAt"`
	Now       int64            `json:"now"` // Unix time in milliseconds
	Node      Node             `json:"node"`
	Capacity  any              `json:"capacity,omitempty"`
	Streams   []Stream         `json:"streams"`
	Attempts  []ingest.Attempt `json:"attempts"`
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
	Input  *ingest.Input     `json:"input,omitempty"`
	Ladder any               `json:"ladder,omitempty"`
	URLs   map[string]string `json:"urls"`
}

// Routes are the API's, below its prefix. The caller guards them.
func (a *API) Routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, a.status()) })
	r.Get("/streams/{stream}/connect", a.connect)
	return r
}

func (a *API) status() Status {
	inputs := make(map[string]ingest.Input)
	for _, in := range a.Gate.Inputs() {
		inputs[in.Stream] = in
	}
	s := Status{
		Version: a.Version, StartedAt: a.Started, Now: time.Now().UnixMilli(), Node: a.node(), Capacity: a.Capacity,
		Streams: []Stream{}, Attempts: a.Gate.Attempts(),
	}
	for _, st := range a.Origin.Status() {
		stream := Stream{StreamStatus: st, URLs: map[string]string{
			"watch": a.Viewers + "/" + st.Name, "hls": a.Viewers + "/" + st.Name + "/index.m3u8", "embed": a.Viewers + "/embed/" + st.Name,
		}}
		if in, ok := inputs[st.Name]; ok {
			stream.Input = &in
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

// connect says what to type into an encoder.
func (a *API) connect(w http.ResponseWriter, r *http.Request) {
	stream := chi.URLParam(r, "stream")
	key := a.Key(stream)
	if key == "" {
		w.WriteHeader(http.StatusNotFound)
		reply(w, map[string]string{"error": "no such stream"})
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
	reply(w, answer)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

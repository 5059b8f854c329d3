package relay

import (
	"context"
	"net/http"
	"time"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// Server hands out the publications of a hub to other nodes.
type Server struct {
	Hub    *hub.Hub
	Secret Secret

	// Read is called when another node begins to read a publication, and its answer when it has ceased to: gone is true where it
	// did so before the end. May be nil.
	Read func(key hub.Key, node string) (ceased func(gone bool))
}

// writeWithin is how long a reader may take for what is sent at once.
const writeWithin = 5 * time.Second

// ServeHTTP implements http.Handler for Prefix/{stream}/{stage}, as a route of chi or of net/http names them.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.Secret.signed(r, time.Now()) {
		http.Error(w, "the nodes of this cluster share another secret, or the clocks differ", http.StatusUnauthorized)
		return
	}
	key := hub.Key{Stream: r.PathValue("stream"), Stage: hub.Stage(r.PathValue("stage"))}
	pub := s.Hub.Newest(key)
	if pub == nil || pub.Err() != nil {
		http.NotFound(w, r)
		return
	}
	tracks := make([]*media.Track, len(pub.Tracks))
	for i := range pub.Tracks {
		tracks[i] = &pub.Tracks[i]
	}
	header, err := cmaf.Header(tracks...)
	text, problem := head{ID: pub.ID, Tracks: pub.Tracks}.encode()
	if err != nil || problem != nil {
		http.Error(w, "this publication cannot be written as fragmented MP4", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Cache-Control", "no-store")
	h.Set(publicationHeader, text)
	h.Set("Trailer", endTrailer)
	gone := true
	if s.Read != nil {
		ceased := s.Read(key, r.Header.Get(nodeHeader))
		defer func() { ceased(gone) }()
	}
	out := &writer{w: w, c: http.NewResponseController(w)}
	if out.write(header) != nil {
		return
	}
	reason := out.copy(r.Context(), pub)
	if name := endName(reason); name != "" {
		h.Set(endTrailer, name)
		gone = false
	}
}

// writer is one answer.
type writer struct {
	w        http.ResponseWriter
	c        *http.ResponseController
	buffer   []byte
	sequence uint32
}

// write sends what it is given, at once.
func (o *writer) write(b []byte) error {
	_ = o.c.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := o.w.Write(b); err != nil {
		return err
	}
	return o.c.Flush()
}

// copy sends units until the publication or the reader ends, and returns why.
func (o *writer) copy(ctx context.Context, pub *hub.Publication) error {
	sub := pub.Subscribe()
	defer sub.Close()
	var units []media.AccessUnit
	var err error
	for {
		if units, err = sub.Next(ctx, units); err != nil {
			return err
		}
		o.buffer = o.buffer[:0]
		for _, u := range units {
			o.append(pub.Track(u.Track), u)
			if len(o.buffer) > 1<<20 {
				if err := o.write(o.buffer); err != nil {
					return err
				}
				o.buffer = o.buffer[:0]
			}
		}
		if err := o.write(o.buffer); err != nil {
			return err
		}
	}
}

func (o *writer) append(t *media.Track, u media.AccessUnit) {
	o.sequence++
	o.buffer = cmaf.AppendChunk(o.buffer, o.sequence, cmaf.ChunkTrack{
		TrackID: uint32(u.Track), BaseDecodeTime: uint64(u.DTS), Kind: t.Kind(),
		Samples: []cmaf.Sample{{Duration: uint32(u.Duration), CompositionOffset: int32(u.PTS - u.DTS), RandomAccess: u.RandomAccess, Payload: u.Payload}},
	})
}

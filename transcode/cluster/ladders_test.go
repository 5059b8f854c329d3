package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/registry"
	"github.com/stagecast/stagecast/internal/relay"
)

var ladderKey = hub.Key{Stream: "live", Stage: hub.Ladder}

// wires are a Puller that has the hubs of other nodes by their URL.
type wires struct {
	mu   sync.Mutex // guards hubs
	hubs map[string]*hub.Hub
}

func (w *wires) hub(url string) *hub.Hub {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hubs[url] == nil {
		w.hubs[url] = hub.New()
	}
	return w.hubs[url]
}

func (w *wires) Pull(ctx context.Context, base string, key hub.Key, h *hub.Hub, id func(int64) int64) error {
	from := w.hub(base).Newest(key)
	if from == nil || from.Err() != nil {
		return relay.ErrNone
	}
	sub := from.Subscribe()
	defer sub.Close()
	pub, err := h.Publish(key, id(from.ID), from.Tracks)
	if err != nil {
		return err
	}
	for {
		units, err := sub.Next(ctx, nil)
		if err != nil {
			if ctx.Err() != nil {
				pub.Close(hub.ErrLost)
			} else {
				pub.Close(err)
			}
			return err
		}
		for _, u := range units {
			pub.Write(u)
		}
	}
}

// encoder writes a ladder of one rung and sound as a worker would: on the clock, key frames at the segment boundaries, sound on its grid.
// Each unit says whose it is.
type encoder struct {
	node string
	pub  *hub.Publication
	from time.Time
	stop context.CancelFunc
	done chan struct{}
}

const frame = media.VideoClockRate / 30

func ladderTracks(bitrate int) []media.Track {
	return []media.Track{
		{ID: 1, Rendition: "720p", Codec: media.H264, ClockRate: media.VideoClockRate, Config: []byte{1}, Width: 1280, Height: 720, Bitrate: bitrate, Aligned: true},
		{ID: 2, Rendition: "audio", Codec: media.AAC, ClockRate: 48000, Config: []byte{2}, SampleRate: 48000, Channels: 2, Aligned: true},
	}
}

// encode begins with a picture of an age, and has caught up at once.
func encode30(t *testing.T, h *hub.Hub, node string, age time.Duration, tracks []media.Track) *encoder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e := &encoder{node: node, from: time.Now().Add(-age), stop: cancel, done: make(chan struct{})}
	var err error
	e.pub, err = h.Publish(ladderKey, time.Now().UnixMilli(), tracks)
	require.NoError(t, err)
	go e.run(ctx)
	return e
}

func (e *encoder) run(ctx context.Context) {
	defer close(e.done)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	picture := (media.Ticks(e.from, media.VideoClockRate) + frame - 1) / frame
	sound := media.Ticks(e.from, 48000) / 1024
	for first := true; ; {
		for ; media.Time((picture+1)*frame, media.VideoClockRate).Before(time.Now()); picture++ {
			key := first || picture*frame%(2*media.VideoClockRate) == 0
			e.pub.Write(media.AccessUnit{Track: 1, DTS: picture * frame, PTS: picture * frame, Duration: frame, RandomAccess: key, Payload: []byte(e.node)})
			first = false
		}
		for ; media.Time((sound+1)*1024, 48000).Before(time.Now()); sound++ {
			e.pub.Write(media.AccessUnit{Track: 2, DTS: sound * 1024, PTS: sound * 1024, Duration: 1024, RandomAccess: true, Payload: []byte(e.node)})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// freeze has it say nothing more.
func (e *encoder) freeze() { e.stop(); <-e.done }

// die ends it.
func (e *encoder) die() { e.freeze(); e.pub.Close(hub.ErrLost) }

// hall is a node that serves viewers, and the workers that it reads.
type hall struct {
	t        *testing.T
	hub      *hub.Hub
	wires    *wires
	registry *registry.Memory
	ladders  *Ladders
	encoders []*encoder
	stop     func()

	mu    sync.Mutex // guards everything below
	order []*hub.Publication
	units map[*hub.Publication][]media.AccessUnit
}

func newHall(t *testing.T) *hall {
	h := &hall{t: t, hub: hub.New(), wires: &wires{hubs: make(map[string]*hub.Hub)}, registry: &registry.Memory{}, units: make(map[*hub.Publication][]media.AccessUnit)}
	h.ladders = &Ladders{Node: Node{ID: "front"}, Hub: h.hub, Registry: h.registry, Puller: h.wires, Streams: []string{"live"}, Log: discard}
	ctx, cancel := context.WithCancel(t.Context())
	ran, watched := make(chan error), make(chan struct{})
	go func() { ran <- h.ladders.Run(ctx) }()
	go func() {
		defer close(watched)
		h.watch(ctx)
	}()
	h.stop = func() {
		cancel()
		require.NoError(t, <-ran)
		<-watched
		for _, e := range h.encoders {
			e.freeze()
		}
	}
	return h
}

// watch is a viewer's packager.
func (h *hall) watch(ctx context.Context) {
	var last *hub.Publication
	for {
		pub, err := h.hub.Await(ctx, ladderKey, last)
		if err != nil {
			return
		}
		last = pub
		h.mu.Lock()
		h.order = append(h.order, pub)
		h.mu.Unlock()
		sub := pub.Subscribe()
		for err == nil {
			var units []media.AccessUnit
			units, err = sub.Next(ctx, nil)
			h.mu.Lock()
			h.units[pub] = append(h.units[pub], units...)
			h.mu.Unlock()
		}
		sub.Close()
	}
}

// seen are the publications that viewers were given, and the units of each.
func (h *hall) seen() (pubs []*hub.Publication, units [][]media.AccessUnit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, pub := range h.order {
		pubs, units = append(pubs, pub), append(units, slices.Clone(h.units[pub]))
	}
	return pubs, units
}

// worker begins to encode on a node of its own and announces it.
func (h *hall) worker(node string, epoch int64, age time.Duration, tracks []media.Track) *encoder {
	at := "http://" + node
	e := encode30(h.t, h.wires.hub(at), node, age, tracks)
	h.encoders = append(h.encoders, e)
	h.announce(e, epoch)
	return e
}

func (h *hall) announce(e *encoder, epoch int64) {
	l := Ladder{Node: e.node, URL: "http://" + e.node, Epoch: epoch, ID: e.pub.ID}
	require.NoError(h.t, h.registry.Announce(h.t.Context(), kindLadder, "live", encode(l), time.Hour))
}

func (h *hall) pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

// joined checks what viewers were given: units of all publications, each segment of one worker alone and the same one in all tracks. It
// returns the workers, in their order, and the holes, by track, in ticks.
func (h *hall) joined() (nodes []string, holes map[int][]int64) {
	holes = make(map[int][]int64)
	of := make(map[string]string)
	end := make(map[int]int64)
	pubs, units := h.seen()
	for i, pub := range pubs {
		for _, u := range units[i] {
			node := string(u.Payload)
			if n := len(nodes); n == 0 || !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
			slot := fmt.Sprint(pub.ID, slotOf(pub.Track(u.Track), u, 2))
			if of[slot] == "" {
				of[slot] = node
			}
			require.Equal(h.t, of[slot], node, "a segment is all of one worker")
			if was := end[u.Track]; was != 0 && u.DTS != was {
				holes[u.Track] = append(holes[u.Track], u.DTS-was)
			}
			end[u.Track] = u.DTS + u.Duration
		}
	}
	return nodes, holes
}

// A worker that drains goes on until the next has begun: no viewer sees the change.
func TestAHandoverIsBetweenTwoSegments(t *testing.T) {
	for _, at := range []time.Duration{3 * time.Second, 3500 * time.Millisecond, 3999 * time.Millisecond, 4001 * time.Millisecond} {
		for _, age := range []time.Duration{0, 30 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				h := newHall(t)
				defer h.stop()
				a := h.worker("a", 1, 0, ladderTracks(3e6))
				h.pass(at)
				h.worker("b", 2, age, ladderTracks(3e6))
				h.pass(5 * time.Second)
				a.die()
				h.pass(2 * time.Second)
				nodes, holes := h.joined()
				require.Equal(t, []string{"a", "b"}, nodes)
				require.Empty(t, holes, "pictures and sound go on without a hole and without an overlap")
				pubs, _ := h.seen()
				require.Len(t, pubs, 1, "nobody is told")
				status := h.ladders.Lines()["live"]
				require.Equal(t, "b", status.Node)
				require.Equal(t, map[string]int64{HandedOver: 1}, status.Moves)
			})
		}
	}
}

// Readers are told that the decoder is another, at the segment with which it is.
func TestAHandoverToAnotherEncoderIsBetweenTwoSegmentsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		h.worker("a", 1, 0, ladderTracks(3e6))
		h.pass(3 * time.Second)
		h.worker("b", 2, 500*time.Millisecond, ladderTracks(2e6))
		h.pass(5 * time.Second)
		nodes, holes := h.joined()
		require.Equal(t, []string{"a", "b"}, nodes)
		require.Empty(t, holes)
		pubs, units := h.seen()
		require.Len(t, pubs, 2)
		require.ErrorIs(t, pubs[0].Err(), hub.ErrReplaced)
		for _, u := range units[1] {
			require.GreaterOrEqual(t, slotOf(pubs[1].Track(u.Track), u, 2), slotOf(pubs[1].Track(1), units[1][0], 2))
		}
		require.True(t, units[1][0].RandomAccess)
		require.Zero(t, units[1][0].PTS%(2*media.VideoClockRate))
	})
}

// A worker that says nothing more is not waited for, and is not read again when it wakes up.
func TestAFrozenWorkerIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		a := h.worker("a", 1, 0, ladderTracks(3e6))
		h.pass(3 * time.Second)
		a.freeze()
		h.pass(1300 * time.Millisecond)
		h.worker("b", 2, time.Second, ladderTracks(3e6))
		h.pass(200 * time.Millisecond)
		pubs, units := h.seen()
		require.Len(t, pubs, 2)
		require.NotEmpty(t, units[1], "at once, from its first picture on")
		require.True(t, units[1][0].RandomAccess)

		late := encode30(t, h.wires.hub("http://a"), "a", time.Minute, ladderTracks(3e6))
		h.encoders = append(h.encoders, late)
		h.announce(late, 1)
		h.pass(5 * time.Second)
		pubs, units = h.seen()
		require.Len(t, pubs, 2)
		for _, u := range units[1] {
			require.Equal(t, "b", string(u.Payload), "what an older lease says is nobody's business")
		}
		require.Equal(t, map[string]int64{TakenOver: 1}, h.ladders.Lines()["live"].Moves)
	})
}

// One that dies while it is handed over is not waited for either.
func TestAWorkerThatDiesInAHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		a := h.worker("a", 1, 0, ladderTracks(3e6))
		h.pass(3 * time.Second)
		h.worker("b", 2, time.Second, ladderTracks(3e6))
		h.pass(150 * time.Millisecond)
		a.die()
		h.pass(time.Second)
		pubs, units := h.seen()
		require.Len(t, pubs, 2)
		require.NotEmpty(t, units[1])
		require.Equal(t, map[string]int64{TakenOver: 1}, h.ladders.Lines()["live"].Moves)
	})
}

// The next one may be the one that dies: what was read goes on.
func TestASuccessorThatDiesBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		h.worker("a", 1, 0, []media.Track{ladderTracks(3e6)[0]})
		h.pass(3 * time.Second)
		b := h.worker("b", 2, 0, ladderTracks(3e6))
		h.pass(110 * time.Millisecond)
		b.die()
		h.pass(time.Second)
		h.worker("c", 3, time.Second, ladderTracks(3e6))
		h.pass(5 * time.Second)
		require.Equal(t, "c", h.ladders.Lines()["live"].Node)
		pubs, _ := h.seen()
		require.NoError(t, pubs[len(pubs)-1].Err())
	})
}

// A lease that had to be taken anew, as after a loss of all that the registry knew, changes nothing for viewers.
func TestANewLeaseOfTheSameWorkerIsNoMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		a := h.worker("a", 1, 0, ladderTracks(3e6))
		h.pass(3 * time.Second)
		h.announce(a, 7)
		h.pass(3 * time.Second)
		b := encode30(t, hub.New(), "b", 0, ladderTracks(3e6))
		h.encoders = append(h.encoders, b)
		h.announce(b, 6)
		h.pass(time.Second)
		pubs, _ := h.seen()
		require.Len(t, pubs, 1)
		nodes, holes := h.joined()
		require.Equal(t, []string{"a"}, nodes)
		require.Empty(t, holes)
		require.Empty(t, h.ladders.Lines()["live"].Moves)
	})
}

// What a worker says of the end is what readers are told.
func TestTheEndOfALadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		defer h.stop()
		a := h.worker("a", 1, 0, ladderTracks(3e6))
		h.pass(3 * time.Second)
		a.freeze()
		a.pub.Close(hub.ErrOver)
		h.pass(time.Second)
		pubs, _ := h.seen()
		require.Len(t, pubs, 1)
		require.ErrorIs(t, pubs[0].Err(), hub.ErrOver)
	})
}

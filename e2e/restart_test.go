//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
	"github.com/stagecast/stagecast/internal/hls/check/live"
)

// house is a server that is killed and started again on the same data and ports.
type house struct {
	*server
	args []string
}

func build(t *testing.T, args ...string) *house {
	h := &house{args: append([]string{"--data", t.TempDir(), "--http.address", freeAddress(t), "--rtmp.address", freeAddress(t), "--log", "info"}, args...)}
	h.server = start(t, h.args...)
	return h
}

// kill ends the server as a loss of the process does, and looks whether it had something to say before.
func (h *house) kill() {
	h.ended = true
	require.False(h.t, h.gone(), "the server ended by itself: %s", h.log.tail(20))
	require.NoError(h.t, syscall.Kill(h.pid(), syscall.SIGKILL))
	awaitClosed(h.t, "the server is gone", h.exited)
	assert.NotContains(h.t, h.log.String(), "DATA RACE")
	assert.NotContains(h.t, h.log.String(), "panic")
	assert.Empty(h.t, h.log.lines("level=ERROR"))
}

func (h *house) restart() { h.server = start(h.t, h.args...) }

// door is a reverse proxy as stands before many servers: it asks again when the server is away, and passes on whole answers
// only. Who comes through it sees nothing of a restart but the time that it takes.
func door(t *testing.T, to string) string {
	backend := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			req, _ := http.NewRequestWithContext(r.Context(), r.Method, "http://"+to+r.URL.RequestURI(), nil)
			req.Header = r.Header.Clone()
			resp, err := backend.Do(req)
			if err == nil {
				var body bytes.Buffer
				_, err = io.Copy(&body, resp.Body)
				resp.Body.Close()
				if err == nil && resp.StatusCode != http.StatusServiceUnavailable {
					for name, values := range resp.Header {
						w.Header()[name] = values
					}
					w.WriteHeader(resp.StatusCode)
					_, _ = w.Write(body.Bytes())
					return
				}
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		backend.CloseIdleConnections()
	})
	return s.URL
}

// witness remembers all that one playlist has ever listed, and what it was.
type witness struct {
	playlist string

	mu     sync.Mutex // guards what follows
	newest *hls.ParsedMedia
	sums   map[string]uint64
	faults []string
	seen   int
}

func (w *witness) run(ctx context.Context) {
	query := ""
	for ctx.Err() == nil {
		p, err := reload(ctx, w.playlist, query)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.fault("%v", err)
			query = ""
			continue
		}
		w.mu.Lock()
		if old := w.newest; old != nil && p.Next().Before(old.Next()) {
			w.faults = append(w.faults, fmt.Sprintf("went back from %v to %v", old.Next(), p.Next()))
		}
		w.newest = p
		w.mu.Unlock()
		for _, uri := range listed(p) {
			w.look(ctx, uri, false)
		}
		next := p.Next()
		query = fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", next.MSN, next.Part)
	}
}

// listed are the URIs in a playlist that something is behind.
func listed(p *hls.ParsedMedia) (uris []string) {
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Map != nil {
			uris = append(uris, s.Map.URI)
		}
		if !s.Gap {
			uris = append(uris, s.URI)
		}
		for j := range s.Parts {
			if !s.Parts[j].Gap {
				uris = append(uris, s.Parts[j].URI)
			}
		}
	}
	for i := range p.Open.Parts {
		if !p.Open.Parts[i].Gap {
			uris = append(uris, p.Open.Parts[i].URI)
		}
	}
	slices.Sort(uris)
	return slices.Compact(uris)
}

// look fetches an object that is listed, again or for the first time, and compares it with what it was.
func (w *witness) look(ctx context.Context, uri string, again bool) {
	w.mu.Lock()
	was, known := w.sums[uri]
	w.mu.Unlock()
	if known && !again {
		return
	}
	code, body, err := fetch(ctx, w.playlist[:strings.LastIndexByte(w.playlist, '/')+1]+uri)
	if ctx.Err() != nil {
		return
	}
	sum := fnv.New64a()
	sum.Write(body)
	switch {
	case err != nil || code != http.StatusOK || len(body) == 0:
		w.fault("%s is listed: %d, %d bytes, %v", uri, code, len(body), err)
	case known && was != sum.Sum64():
		w.fault("%s has changed", uri)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sums[uri] = sum.Sum64()
	w.seen++
}

func (w *witness) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *witness) last() *hls.ParsedMedia {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newest
}

// rounds is how often a server is killed: more are asked for by STAGECAST_ROUNDS.
func rounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("STAGECAST_ROUNDS")); err == nil {
		return n
	}
	return few
}

// TestKilled has the server killed at any moment, again and again, and now and then stopped, while the encoder comes back each time and strict clients
// look on: nothing that was listed is lost or changes, and no rule is broken but those of time.
func TestKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		rounds int
	}{"passed on": {[]string{"--ladder", "off"}, 7}, "ladder": {nil, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, c.args...)
			h.publish(liveKey, programme{})
			h.awaitLive("live")
			front := door(t, h.http)
			p := h.multivariant("live")
			var witnesses []*witness
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var watching sync.WaitGroup
			uris := []string{p.Variants[0].URI}
			for i := range p.Media {
				uris = append(uris, p.Media[i].URI)
			}
			for _, uri := range uris {
				w := &witness{playlist: front + "/live/" + uri, sums: make(map[string]uint64)}
				witnesses = append(witnesses, w)
				watching.Go(func() { w.run(ctx) })
			}
			var report *check.Report
			watching.Go(func() {
				var err error
				report, err = live.Run(ctx, live.Config{URL: front + "/live/index.m3u8", Duration: time.Hour, Slack: 3 * time.Second, Prompt: 10 * time.Second})
				assert.NoError(t, err)
			})
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			for round := range rounds(c.rounds) {
				outage(time.Duration(random.IntN(7000)) * time.Millisecond)
				if round%4 == 3 {
					h.stop()
				} else {
					h.kill()
				}
				h.restart()
				for _, w := range witnesses {
					if last := w.last(); last != nil {
						for _, uri := range listed(last) {
							w.look(ctx, uri, true)
						}
					}
				}
				h.publish(liveKey, programme{})
			}
			h.awaitState("live", "live")
			from := witnesses[0].last().LastMSN()
			await(t, "media goes on", func() bool { return witnesses[0].last().LastMSN() > from+2 })
			cancel()
			watching.Wait()
			for _, w := range witnesses {
				assert.Empty(t, w.faults, "%s, of %d objects", w.playlist, w.seen)
				assert.Greater(t, w.seen, 10)
				t.Logf("%s: %d looks at %d objects", w.playlist, w.seen, len(w.sums))
			}
			// Nothing is listed while there is no server; what was asked for too early is not any more when it is back; and of two that
			// ask for the same, one may be answered before and one after.
			late := []string{"L17", "L18", "L41", "L109", "L46", "L47", "L51", oneRung}
			for _, f := range report.Findings() {
				if !slices.Contains(late, f.Rule) {
					assert.Fail(t, "a rule is broken", "%s", f)
				}
			}
			h.stop()
		})
	}
}

// TestBrowserPlaysOnAcrossARestart has pages play while the server is killed, and while it is stopped and started again.
func TestBrowserPlaysOnAcrossARestart(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.publish(liveKey, programme{})
	playlist := h.awaitLive("live")
	watch, embed := h.url("/live"), h.url("/embed/live")
	b := browse(t, "watch.mjs", nil, watch, embed)
	for _, end := range []func(){func() { h.stop() }, func() { h.kill() }} {
		b.awaitPlaying(t, watch)
		b.awaitPlaying(t, embed)
		before := b.last("report", watch)
		listed, err := reload(t.Context(), playlist, "")
		require.NoError(t, err)
		end()
		outage(2 * time.Second)
		h.restart()
		h.publish(liveKey, programme{})
		b.awaitPlaying(t, watch)
		b.awaitPlaying(t, embed)
		after := b.last("report", watch)
		assert.Greater(t, after.Time, before.Time, "the page plays on, it does not begin again")
		assert.Greater(t, after.Frames, before.Frames)
		now, err := reload(t.Context(), playlist, "")
		require.NoError(t, err)
		assert.LessOrEqual(t, now.MediaSequence, listed.LastMSN(), "the pages were stuck until the gap had left the window")
	}
	b.stop(t)
	assert.Empty(t, b.complaints())
	h.stop()
}

// TestEncoderDoesNotComeBackAfterARestart has the broadcast end, as after any loss, and what was listed stays.
func TestEncoderDoesNotComeBackAfterARestart(t *testing.T) {
	t.Parallel()
	h := build(t, "--ladder", "off", "--hls.grace", "5s")
	h.publish(liveKey, programme{})
	playlist := h.awaitLive("live")
	viewer := follow(t, playlist)
	viewer.awaitMedia(t, 2)
	viewer.stop(t)
	last := viewer.playlist()
	h.kill()
	h.restart()
	assert.Equal(t, "reconnecting", h.state("live"))
	h.awaitState("live", "ended")
	p, err := reload(t.Context(), playlist, "")
	require.NoError(t, err)
	assert.True(t, p.Ended)
	assert.NotNil(t, p.Segment(last.MediaSequence))
	h.stop()
	h.restart()
	again, err := reload(t.Context(), playlist, "")
	require.NoError(t, err)
	assert.Equal(t, p.Segments, again.Segments, "it stays what it was")
	for _, uri := range listed(again) {
		assert.Equal(t, http.StatusOK, status(resolve(t, playlist, uri)), uri)
	}
	h.stop()
}

//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const clusterSecret = "cF4-secret-of-the-cluster"

// redis is a Redis that can be stopped and started, and ends with the test.
type redis struct {
	t       *testing.T
	address string
	cmd     *exec.Cmd
}

func newRedis(t *testing.T) *redis {
	t.Helper()
	r := &redis{t: t, address: freeAddress(t)}
	r.start()
	t.Cleanup(r.stop)
	return r
}

// start begins with nothing in it.
func (r *redis) start() {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.address)
	require.NoError(r.t, err)
	r.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.t.TempDir())
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(r.t, r.cmd.Start(), "redis-server must be installed")
}

func (r *redis) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// cluster is one node that takes in and serves, and some that encode.
type cluster struct {
	t     *testing.T
	redis *redis
	front *server
	join  string
	named map[string]*server // those that encode
}

func newCluster(t *testing.T, workers int) *cluster {
	t.Helper()
	c := &cluster{t: t, redis: newRedis(t), named: make(map[string]*server)}
	c.join = "127.0.0.1:0,redis=" + c.redis.address + ",secret=" + clusterSecret
	c.front = start(t, "--role", "ingest,origin", "--cluster", c.join, "--log", "info")
	for range workers {
		c.worker()
	}
	return c
}

// worker adds a node that encodes.
func (c *cluster) worker() *server {
	c.t.Helper()
	s := &server{t: c.t}
	s.launch(map[*string]*regexp.Regexp{&s.admin: adminLine, &s.node: nodeLine},
		"--role", "transcode", "--cluster", c.join, "--data", c.t.TempDir(), "--admin.address", "127.0.0.1:0", "--admin.token", adminToken, "--log", "info")
	c.named[s.node] = s
	return s
}

// job is who encodes the stream live, and since when, in Unix milliseconds; nil where nobody does.
func (c *cluster) job() (w *server, since int64) {
	c.t.Helper()
	text, err := json.Marshal(c.front.operator().Cluster)
	require.NoError(c.t, err)
	var st struct {
		Jobs map[string]struct {
			Owner string
			Epoch int64
		}
	}
	require.NoError(c.t, json.Unmarshal(text, &st))
	return c.named[st.Jobs["live"].Owner], st.Jobs["live"].Epoch
}

// taken waits until another node has the job, and says how long that took from a moment on.
func (c *cluster) taken(from *server, at time.Time, how string) *server {
	c.t.Helper()
	var to *server
	var since int64
	await(c.t, "another node has the job", func() bool {
		to, since = c.job()
		return to != nil && to != from
	})
	c.t.Logf("%s: taken by another after %v", how, time.UnixMilli(since).Sub(at).Round(time.Millisecond))
	return to
}

// TestWorkersThatAreLost has Redis lost, and then the node that encodes killed, stopped and sent away, one after the other, while a strict
// client and a viewer look on.
func TestWorkersThatAreLost(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	s := c.front
	s.publish(liveKey, programme{size: "640x360"})
	playlist := s.awaitLive("live")
	viewer, listener := follow(t, playlist), follow(t, resolve(t, playlist, "../audio/index.m3u8"))
	var strict sync.WaitGroup
	strict.Go(func() { conform(t.Context(), t, s.url("/live/index.m3u8"), 30*time.Second, oneRung) })
	viewer.awaitMedia(t, 2)

	w, _ := c.job()
	require.NotNil(t, w)
	before := viewer.media()
	c.redis.stop()
	viewer.awaitMedia(t, 2)
	c.redis.start()
	await(t, "it has its job again", func() bool {
		again, _ := c.job()
		return again == w
	})
	viewer.awaitMedia(t, 1)
	assert.Zero(t, viewer.gaps(before), "what runs goes on without Redis, and with one that knows nothing")
	assert.Len(t, s.log.lines("ladder read"), 1, "and is read as before")

	before = viewer.media()
	at := time.Now()
	w.ended = true
	require.NoError(t, syscall.Kill(w.pid(), syscall.SIGKILL))
	w = c.taken(w, at, "killed")
	viewer.awaitMedia(t, 3)
	assert.LessOrEqual(t, viewer.gaps(before), 1, "segments that viewers miss")

	c.worker()
	viewer.awaitMedia(t, 2)
	before = viewer.media()
	at = time.Now()
	require.NoError(t, syscall.Kill(w.pid(), syscall.SIGSTOP))
	frozen := w
	w = c.taken(w, at, "stopped")
	viewer.awaitMedia(t, 3)
	assert.LessOrEqual(t, viewer.gaps(before), 1, "segments that viewers miss")
	require.NoError(t, syscall.Kill(frozen.pid(), syscall.SIGCONT))
	await(t, "it has seen that the job is another's", func() bool {
		return len(frozen.log.lines("job taken by another node")) > 0 && len(encoding(t, frozen.pid())) == 0
	})

	before = viewer.media()
	at = time.Now()
	require.NoError(t, w.cmd.Process.Signal(syscall.SIGTERM))
	c.taken(w, at, "sent away")
	w.ended = true
	awaitClosed(t, "it has gone", w.exited)
	assert.Equal(t, 0, w.cmd.ProcessState.ExitCode(), "%s", w.log.tail(10))
	viewer.awaitMedia(t, 3)
	assert.Zero(t, viewer.gaps(before), "it was there until the other could go on: viewers miss nothing")
	strict.Wait()

	sound := listener.playlist()
	starts := sound.Starts()
	for i := range len(sound.Segments) - 1 {
		if s := &sound.Segments[i]; !s.Gap && !sound.Segments[i+1].Gap {
			assert.Greater(t, starts[i+1].Sub(starts[i]), s.Duration-2*time.Millisecond, "segment %d of the sound does not reach into the next", s.MSN)
		}
	}
	viewer.stop(t)
	listener.stop(t)
	s.stop()
	for _, n := range c.named {
		assert.NotContains(t, n.log.String(), clusterSecret)
	}
	assert.NotContains(t, s.log.String(), clusterSecret)
}

// gaps is how many segments behind the given one are marked as missing.
func (f *follower) gaps(behind int64) (n int) {
	for _, s := range f.playlist().Segments {
		if s.MSN > behind && s.Gap {
			n++
		}
	}
	return n
}

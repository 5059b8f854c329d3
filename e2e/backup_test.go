//go:build e2e

package e2e_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
)

// backupKey opens the stream "live" to its second encoder.
const backupKey = "bK1-secret-of-backup"

// withBackup are the arguments of a server whose stream "live" may have two encoders.
func withBackup(more ...string) []string {
	return append([]string{"--streams", allStreams + ",live/backup=" + backupKey}, more...)
}

// act asks the operator's API to do something.
func (s *server) act(path string) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.adminURL("/api/v1/streams/"+path), nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+adminToken)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// inputs is what the operator sees of a stream's inputs.
func (s *server) inputs(stream string) ingest.Status {
	s.t.Helper()
	for _, st := range s.operator().Streams {
		if st.Name == stream && st.Inputs != nil {
			return *st.Inputs
		}
	}
	return ingest.Status{}
}

// awaitOnAir blocks until an input of the stream "live" is on air, and its first picture is out.
func (s *server) awaitOnAir(role ingest.Role) ingest.Change {
	s.t.Helper()
	var last ingest.Change
	await(s.t, string(role)+" is on air", func() bool {
		in := s.inputs("live")
		if in.OnAir != role || in.Last == nil || in.Last.To != role {
			return false
		}
		last = *in.Last
		return true
	})
	s.t.Logf("from %s to %s because of %s: a hole of %v ms", last.From, last.To, last.Reason, last.HoleMs)
	return last
}

// affected are the segments behind the given one that are gaps, discontinuities or shorter than they should be.
func (f *follower) affected(behind int64) (out []int64) {
	for _, s := range f.playlist().Segments {
		if s.MSN <= behind {
			continue
		}
		if s.Gap || s.Discontinuity || s.Duration < 1900*time.Millisecond {
			out = append(out, s.MSN)
		}
	}
	return out
}

// TestPrimaryKilled has two encoders of one stream, over RTMP and SRT, and cuts the power of the one on air.
func TestPrimaryKilled(t *testing.T) {
	t.Parallel()
	s := start(t, withBackup()...)
	primary := s.publish(liveKey, programme{size: "640x360"})
	playlist := s.awaitLive("live")
	s.publishSRT(s.srt, backupKey, programme{size: "640x360", gop: 75}, "latency=120000")
	await(t, "the backup stands by", func() bool { return len(s.inputs("live").Inputs) == 2 })
	viewer := follow(t, playlist)
	viewer.awaitMedia(t, 3)
	before := viewer.media()
	var strict sync.WaitGroup
	strict.Go(func() { conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung) })
	viewer.awaitMedia(t, 2)
	seen := s.watchStates(t.Context(), "live")
	primary.kill()
	change := s.awaitOnAir(ingest.Backup)
	assert.Equal(t, ingest.SwitchLost, change.Reason)
	assert.Less(t, change.HoleMs, 500.0)
	viewer.awaitMedia(t, 4)

	s.publish(liveKey, programme{size: "640x360"})
	await(t, "the primary stands by", func() bool { return len(s.inputs("live").Inputs) == 2 })
	assert.Equal(t, ingest.Backup, s.inputs("live").OnAir, "nobody goes back without a reason")
	await(t, "the operator can make it switch", func() bool { return s.act("live/switch") == http.StatusOK })
	change = s.awaitOnAir(ingest.Primary)
	assert.Equal(t, ingest.SwitchDrill, change.Reason)
	viewer.awaitMedia(t, 3)
	strict.Wait()
	assert.Empty(t, viewer.affected(before), "segments that viewers miss something of")
	assert.Equal(t, []string{"live"}, seen.all())
	assert.Contains(t, s.metrics(), `stagecast_ingest_switches_total{reason="drill",stream="live"} 1`)
	assert.Contains(t, s.metrics(), `stagecast_ingest_switches_total{reason="lost",stream="live"} 1`)
	assert.NotContains(t, s.metrics(), `stagecast_transcode_restarts_total{`)
	viewer.stop(t)
	s.stop()
	assert.NotContains(t, s.log.String(), backupKey)
}

// TestFrozenPrimary has the picture of the encoder on air freeze, while the backup's moves.
func TestFrozenPrimary(t *testing.T) {
	t.Parallel()
	s := start(t, withBackup()...)
	frozen := programme{size: "640x360"}.arguments()
	frozen = append(frozen, "-vf", "loop=loop=-1:size=1:start=390,realtime") // from the thirteenth second on
	s.client(liveKey, "ffmpeg", append(frozen, "-f", "flv", "rtmp://"+s.rtmp+"/live/"+liveKey)...)
	viewer := follow(t, s.awaitLive("live"))
	s.publishSRT(s.srt, backupKey, programme{size: "640x360"}, "latency=120000")
	await(t, "the backup stands by", func() bool { return len(s.inputs("live").Inputs) == 2 })
	change := s.awaitOnAir(ingest.Backup)
	assert.Equal(t, ingest.SwitchHealth, change.Reason)
	primary := s.inputs("live").Inputs[0]
	assert.Less(t, primary.Score, s.inputs("live").Inputs[1].Score)
	var names []string
	for _, w := range primary.Warnings {
		names = append(names, w.Name)
	}
	assert.Contains(t, names, "frozen picture")
	viewer.awaitMedia(t, 2)
	viewer.stop(t)
	s.stop()
}

// TestSilentPrimary stops the encoder on air without a word: its connection stays.
func TestSilentPrimary(t *testing.T) {
	t.Parallel()
	s := start(t, withBackup()...)
	primary := s.publish(liveKey, programme{size: "640x360"})
	viewer := follow(t, s.awaitLive("live"))
	s.publishSRT(s.srt, backupKey, programme{size: "640x360"}, "latency=120000")
	await(t, "the backup stands by", func() bool { return len(s.inputs("live").Inputs) == 2 })
	viewer.awaitMedia(t, 3)
	before := viewer.media()
	require.NoError(t, primary.cmd.Process.Signal(syscall.SIGSTOP))
	change := s.awaitOnAir(ingest.Backup)
	assert.Equal(t, ingest.SwitchSilent, change.Reason)
	assert.Less(t, change.HoleMs, 500.0)
	viewer.awaitMedia(t, 4)
	assert.Empty(t, viewer.affected(before), "segments that viewers miss something of")
	require.NoError(t, primary.cmd.Process.Signal(syscall.SIGCONT))
	viewer.stop(t)
	s.stop()
}

// TestBackupPassedOn has no ladder: the backup begins with its next key frame, behind a discontinuity.
func TestBackupPassedOn(t *testing.T) {
	t.Parallel()
	s := start(t, withBackup("--ladder", "off")...)
	primary := s.publish(liveKey, programme{size: "640x360"})
	playlist := s.awaitLive("live")
	s.publishSRT(s.srt, backupKey, programme{size: "640x360"})
	await(t, "the backup stands by", func() bool { return len(s.inputs("live").Inputs) == 2 })
	viewer := follow(t, playlist)
	viewer.awaitMedia(t, 2)
	var strict sync.WaitGroup
	strict.Go(func() { conform(t.Context(), t, s.url("/live/index.m3u8"), conformTime, oneRung) })
	viewer.awaitMedia(t, 2)
	require.Equal(t, http.StatusOK, s.act("live/switch?input=backup"))
	s.awaitOnAir(ingest.Backup)
	viewer.awaitMedia(t, 2)
	require.Equal(t, http.StatusOK, s.act("live/switch?input=primary"))
	s.awaitOnAir(ingest.Primary)
	viewer.awaitMedia(t, 2)
	primary.kill()
	s.awaitOnAir(ingest.Backup)
	viewer.awaitMedia(t, 2)
	strict.Wait()
	viewer.stop(t)
	s.stop()
}

// TestSlate loses the only encoder, which comes back on the same URL: first as it was, then with another picture.
func TestSlate(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"ladder": nil, "passed on": {"--ladder", "off"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, args...)
			first := s.publish(liveKey, programme{size: "640x360"})
			viewer := follow(t, s.awaitLive("live"))
			viewer.awaitMedia(t, 4)
			whole := viewer.media()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var strict sync.WaitGroup
			strict.Go(func() { conform(ctx, t, s.url("/live/index.m3u8"), conformTime, oneRung) })
			viewer.awaitMedia(t, 1)
			first.kill()
			s.awaitOnAir(ingest.SlateOut)
			viewer.awaitMedia(t, 2)
			second := s.publish(liveKey, programme{size: "640x360"})
			s.awaitOnAir(ingest.Primary)
			viewer.awaitMedia(t, 4)
			strict.Wait()
			if name == "ladder" {
				assert.Empty(t, viewer.affected(whole), "segments that viewers miss something of")
			}
			second.kill()
			s.awaitOnAir(ingest.SlateOut)
			before := viewer.discontinuity()
			s.publish(liveKey, programme{size: "320x240"})
			await(t, "a discontinuity is listed", func() bool { return viewer.discontinuity() > before })
			viewer.awaitMedia(t, 3)
			assert.False(t, viewer.playlist().Ended, "every rendition goes on")
			viewer.stop(t)
			s.stop()
		})
	}
}

// TestSlateEnds waits for an encoder that does not come back.
func TestSlateEnds(t *testing.T) {
	t.Parallel()
	s := start(t, "--hls.grace", "5s")
	e := s.publish(liveKey, programme{})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 4)
	e.kill()
	s.awaitOnAir(ingest.SlateOut)
	s.awaitState("live", "ended")
	awaitClosed(t, "the viewer has seen EXT-X-ENDLIST", viewer.stopped)
	assert.True(t, viewer.playlist().Ended)
	viewer.stop(t)
	s.stop()
}

// TestOperatorEnds ends a broadcast whose encoder would go on.
func TestOperatorEnds(t *testing.T) {
	t.Parallel()
	s := start(t)
	e := s.publish(liveKey, programme{})
	viewer := follow(t, s.awaitLive("live"))
	viewer.awaitMedia(t, 2)
	require.Equal(t, http.StatusConflict, s.act("live/switch"), "there is no backup")
	require.Equal(t, http.StatusNotFound, s.act("other/end"), "nobody sends it")
	require.Equal(t, http.StatusOK, s.act("live/end"))
	awaitClosed(t, "the encoder has been sent away", e.exited)
	s.awaitState("live", "ended")
	awaitClosed(t, "the viewer has seen EXT-X-ENDLIST", viewer.stopped)
	viewer.stop(t)
	answer, err := http.Post(s.adminURL("/api/v1/streams/live/end"), "", nil)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, answer.StatusCode, "without the token")
	await(t, "the journal has it", func() bool {
		a := s.operator().Attempts
		return len(a) > 0 && a[0].Reason == ingest.ReasonEnded
	})
	s.stop()
}

//go:build e2e && bench

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
	"github.com/stretchr/testify/require"
)

// soakers is how many publish at a time.
const soakers = 40

// soakFilm is what all of them send, encoded beforehand: 720p30 at 1 Mb/s without B-frames, and sound.
type soakFilm struct{ flv, h264, opus string }

func newSoakFilm(t *testing.T) soakFilm {
	dir := t.TempDir()
	f := soakFilm{filepath.Join(dir, "film.flv"), filepath.Join(dir, "film.h264"), filepath.Join(dir, "film.ogg")}
	for _, args := range [][]string{
		{
			"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "20", "-c:v", "libx264", "-preset",
			"ultrafast", "-tune", "zerolatency", "-g", "60", "-bf", "0", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "1M", "-pix_fmt", "yuv420p", "-c:a", "aac", f.flv,
		},
		{"-i", f.flv, "-c", "copy", "-bsf:v", "h264_mp4toannexb", f.h264},
		{"-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "20", "-c:a", "libopus", "-page_duration", "20000", f.opus},
	} {
		out, err := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return f
}

// soaks start a publisher of the film with a key, and return what ends it.
var soaks = map[string]func(s *server, f soakFilm, key string) (end func()){
	"rtmp": func(s *server, f soakFilm, key string) func() {
		return s.soakFFmpeg(f, "-f", "flv", "rtmp://"+s.rtmp+"/live/"+key)
	},
	"srt": func(s *server, f soakFilm, key string) func() {
		return s.soakFFmpeg(f, "-f", "mpegts", "srt://"+s.srt+"?pkt_size=1316&streamid="+key)
	},
	"rtsp": func(s *server, f soakFilm, key string) func() {
		return s.soakFFmpeg(f, "-rtsp_transport", "tcp", "-f", "rtsp", "rtsp://user:"+key+"@"+s.rtsp+"/"+strings.TrimPrefix(key, "key-of-"))
	},
	"whip": (*server).soakWHIP,
}

// TestSoak has forty publishers at a time, of one protocol and of all, for FOR (60 s) each: what each costs the server, and
// that nothing of them is left.
func TestSoak(t *testing.T) {
	long := time.Minute
	if d, err := time.ParseDuration(os.Getenv("FOR")); err == nil {
		long = d
	}
	film := newSoakFilm(t)
	for _, mix := range [][]string{{"rtmp"}, {"srt"}, {"rtsp"}, {"whip"}, {"rtmp", "srt", "rtsp", "whip"}} {
		t.Run(strings.Join(mix, "+"), func(t *testing.T) { soak(t, film, mix, long) })
	}
}

func soak(t *testing.T, film soakFilm, mix []string, long time.Duration) {
	var keys []string
	for i := range soakers {
		keys = append(keys, fmt.Sprintf("s%d=key-of-s%d", i, i))
	}
	s := start(t, append([]string{
		"--ladder", "off", "--log", "info", "--hls.window", "12s", "--hls.grace", "1s", "--streams", strings.Join(keys, ","),
	}, noSlate...)...)
	idle, before, files := resident(t, s.pid()), s.operator().Node.Goroutines, s.openFiles()
	var ends []func()
	for i := range soakers {
		ends = append(ends, soaks[mix[i%len(mix)]](s, film, fmt.Sprintf("key-of-s%d", i)))
	}
	for i := range soakers {
		s.awaitLive(fmt.Sprintf("s%d", i))
	}
	outage(40 * time.Second) // until windows are full
	spent, began := cpu(t, s.pid()), time.Now()
	outage(long)
	share := (cpu(t, s.pid()) - spent) / time.Since(began).Seconds() * 100
	held, rss := s.metric("stagecast_origin_memory_bytes"), resident(t, s.pid())
	during, open := s.operator().Node.Goroutines, s.openFiles()
	for i := range soakers {
		require.Equal(t, "live", s.state(fmt.Sprintf("s%d", i)), "stream %d", i)
	}
	for _, end := range ends {
		end()
	}
	for i := range soakers {
		s.awaitState(fmt.Sprintf("s%d", i), "ended")
	}
	viewers.CloseIdleConnections()
	await(t, "nothing of them is left", func() bool { return s.openFiles() <= files+2 && s.operator().Node.Goroutines <= before+8 })
	t.Logf("%s, %d publishers, %v: %.2f %% of a core each; %.1f MiB resident each, of which %.1f MiB are held media, %.1f MiB beyond them; "+
		"goroutines %d before, %d during, %d after; files %d, %d, %d", strings.Join(mix, "+"), soakers, long, share/soakers,
		(rss-idle)/soakers/(1<<20), held/soakers/(1<<20), (rss-idle-held)/soakers/(1<<20),
		before, during, s.operator().Node.Goroutines, files, open, s.openFiles())
	s.stop()
}

// openFiles is how many file descriptors the server has.
func (s *server) openFiles() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid()))
	require.NoError(s.t, err)
	return len(entries)
}

// soakFFmpeg sends the film over and over, as it is.
func (s *server) soakFFmpeg(f soakFilm, output ...string) (end func()) {
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", f.flv, "-c", "copy"}, output...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, cmd.Start())
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.t.Cleanup(end)
	return end
}

// soakWHIP sends the film's pictures, and sound of Opus.
func (s *server) soakWHIP(f soakFilm, key string) (end func()) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	end = func() {
		cancel()
		pc.Close()
	}
	s.t.Cleanup(end)
	track := func(mime string) *webrtc.TrackLocalStaticSample {
		track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, mime, "film")
		require.NoError(s.t, err)
		_, err = pc.AddTrack(track)
		require.NoError(s.t, err)
		return track
	}
	picture, sound := track(webrtc.MimeTypeH264), track(webrtc.MimeTypeOpus)
	offer, err := pc.CreateOffer(nil)
	require.NoError(s.t, err)
	gathered := webrtc.GatheringCompletePromise(pc)
	require.NoError(s.t, pc.SetLocalDescription(offer))
	<-gathered
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url("/whip"), strings.NewReader(pc.LocalDescription().SDP))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+key)
	answer, err := viewers.Do(req)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	sdp, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusCreated, answer.StatusCode, "%s", sdp)
	require.NoError(s.t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(sdp)}))
	go loop(ctx, f.h264, time.Second/30, picture, func(r io.Reader) (func() ([]byte, error), error) {
		h, err := h264reader.NewReader(r)
		return func() ([]byte, error) { return nextPicture(h) }, err
	})
	go loop(ctx, f.opus, 20*time.Millisecond, sound, func(r io.Reader) (func() ([]byte, error), error) {
		o, _, err := oggreader.NewWith(r)
		return func() ([]byte, error) {
			page, _, err := o.ParseNextPage()
			return page, err
		}, err
	})
	return end
}

// nextPicture is all NAL units up to a slice, in Annex B.
func nextPicture(h *h264reader.H264Reader) ([]byte, error) {
	var out bytes.Buffer
	for {
		n, err := h.NextNAL()
		if err != nil {
			return nil, err
		}
		out.Write([]byte{0, 0, 0, 1})
		out.Write(n.Data)
		if n.UnitType == h264reader.NalUnitTypeCodedSliceIdr || n.UnitType == h264reader.NalUnitTypeCodedSliceNonIdr {
			return out.Bytes(), nil
		}
	}
}

// loop sends the samples of a file in their pace, over and over, until ctx ends.
func loop(ctx context.Context, file string, every time.Duration, to *webrtc.TrackLocalStaticSample, open func(io.Reader) (func() ([]byte, error), error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	content, err := os.ReadFile(file)
	for err == nil && ctx.Err() == nil {
		var next func() ([]byte, error)
		if next, err = open(bytes.NewReader(content)); err != nil {
			return
		}
		for {
			sample, end := next()
			if errors.Is(end, io.EOF) || end != nil {
				break
			}
			<-tick.C
			if err = to.WriteSample(media.Sample{Data: sample, Duration: every}); err != nil || ctx.Err() != nil {
				return
			}
		}
	}
}

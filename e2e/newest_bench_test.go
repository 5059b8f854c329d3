//go:build e2e && bench

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/rtmppush"
)

// The layout of FLV: a head, then tags, each behind the size of the one before it (FLV 10.1, E.3 and E.4.1).
const (
	flvHead  = 9
	flvTag   = 15
	flvVideo = 9
)

// tail is the end of a coded picture, by which it is known again: a part ends with its last picture.
type tail [48]byte

// pacer pushes an FLV file in real time, and notes when it wrote each picture. It is safe for concurrent use.
type pacer struct {
	mu      sync.Mutex // guards written
	written map[tail]time.Time
}

// push writes the file's tags to w, each at the time that its timestamp says.
func (p *pacer) push(w io.WriteCloser, flv []byte) {
	defer w.Close()
	began := time.Now()
	if _, err := w.Write(flv[:flvHead]); err != nil {
		return
	}
	for at := flvHead; at+flvTag <= len(flv); {
		head := flv[at : at+flvTag]
		size := uint24(head[5:])
		stamp := int(head[11])<<24 | uint24(head[8:])
		tag := flv[at:min(at+flvTag+size, len(flv))]
		<-time.After(time.Until(began.Add(time.Duration(stamp) * time.Millisecond)))
		if head[4] == flvVideo && size > len(tail{}) {
			p.mu.Lock()
			p.written[tail(tag[len(tag)-len(tail{}):])] = time.Now()
			p.mu.Unlock()
		}
		if _, err := w.Write(tag); err != nil {
			return
		}
		at += len(tag)
	}
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// since is how long ago the last picture of a part was written.
func (p *pacer) since(part []byte) (time.Duration, bool) {
	if len(part) < len(tail{}) {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.written[tail(part[len(part)-len(tail{}):])]
	return time.Since(at), ok
}

// TestBenchNewestPicture is what the server alone adds: from the writing of a part's last picture by the encoder until a
// client that waits for the hinted part has it, with the source passed on.
func TestBenchNewestPicture(t *testing.T) {
	flv := encodeFLV(t, measured(60))
	for _, profile := range []string{"low", "ultra"} {
		t.Run(profile, func(t *testing.T) {
			s := start(t, "--ladder", "off", "--log", "warn", "--hls.profile", profile)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := &pacer{written: make(map[tail]time.Time)}
			r, w := io.Pipe()
			var push sync.WaitGroup
			push.Go(func() { p.push(w, flv) })
			push.Go(func() {
				_ = rtmppush.Run(ctx, rtmppush.Target{Address: s.rtmp, App: "live", Key: liveKey}, r)
				r.Close()
			})
			delays := followHints(t, p, s.awaitLive("live"))
			cancel()
			push.Wait()
			require.NotEmpty(t, delays)
			slices.Sort(delays)
			t.Logf("%d parts: newest picture received after %.1f ms in the median, %.1f ms at the 95th percentile, %.1f ms at worst",
				len(delays), ms(delays[len(delays)/2]), ms(delays[len(delays)*95/100]), ms(delays[len(delays)-1]))
			s.stop()
		})
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// followHints asks for each hinted part of a playlist until its encoder has left.
func followHints(t *testing.T, p *pacer, playlist string) (delays []time.Duration) {
	t.Helper()
	for query := ""; ; {
		list, err := reload(t.Context(), playlist, query)
		require.NoError(t, err)
		hint := list.Hint()
		if hint == nil || list.Segments[len(list.Segments)-1].Gap {
			return delays
		}
		code, part, err := fetch(t.Context(), resolve(t, playlist, hint.URI))
		require.NoError(t, err)
		if code != http.StatusOK {
			return delays
		}
		if d, ok := p.since(part); ok {
			delays = append(delays, d)
		}
		next := list.Next()
		query = fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", next.MSN, next.Part)
	}
}

// encodeFLV makes that many seconds of 3 Mb/s.
func encodeFLV(t *testing.T, seconds string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "source.flv")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-f", "lavfi", "-i",
		"sine=sample_rate=48000", "-t", seconds, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60",
		"-b:v", "3M", "-maxrate", "3M", "-bufsize", "1500k", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", file).CombinedOutput()
	require.NoError(t, err, string(out))
	flv, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(flv, []byte("FLV")))
	return flv
}

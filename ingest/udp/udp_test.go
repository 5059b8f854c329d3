package udp_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/udp"
	"github.com/stagecast/stagecast/internal/auth"
	"github.com/stagecast/stagecast/internal/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, text string) (*udp.Source, error) {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return udp.New(u)
}

func TestURLs(t *testing.T) {
	for _, good := range []string{"udp://0.0.0.0:5000", "udp://127.0.0.1:5000", "udp://239.1.2.3:5000?interface=lo", "udp://[ff15::1]:5000"} {
		_, err := open(t, good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"udp://host:5000", "udp://127.0.0.1", "udp://127.0.0.1:0", "udp://169.254.169.254:80", "udp://[fe80::1]:5000", "udp://127.0.0.1:5000/path",
		"udp://127.0.0.1:5000?interface=lo", "udp://239.1.2.3:5000?other=1", "udp://user@239.1.2.3:5000",
	} {
		_, err := open(t, bad)
		require.ErrorIs(t, err, udp.ErrURL, bad)
	}
}

// programme is two seconds of H.264 and AAC.
func programme(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "programme.ts")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=48000",
		"-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-f", "mpegts", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	ts, err := os.ReadFile(file)
	require.NoError(t, err)
	return ts
}

// A stream comes in plain and in RTP, from one sender, while another sends garbage to the same address.
func TestStreams(t *testing.T) {
	ts := programme(t)
	for name, rtp := range map[string]bool{"plain": false, "RTP": true} {
		t.Run(name, func(t *testing.T) {
			free, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(t, err)
			at := free.LocalAddr().String()
			free.Close()
			source, err := open(t, "udp://"+at)
			require.NoError(t, err)
			gate := ingest.NewGate(ingest.Config{}, auth.NewKeys(auth.Streams{{Stream: "live", Text: "some-key"}}), hub.New(), slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			p := &pull.Pull{Stream: "live", Key: "some-key", Source: source}
			go func() { ended <- p.Run(ctx, gate, slog.New(slog.DiscardHandler)) }()
			defer func() {
				cancel()
				require.NoError(t, <-ended)
			}()
			sender, err := net.Dial("udp", at)
			require.NoError(t, err)
			defer sender.Close()
			stranger, err := net.Dial("udp", at)
			require.NoError(t, err)
			defer stranger.Close()
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for n, rest := 0, ts; ; n++ {
				if len(rest) == 0 {
					rest = ts // from the start: a jump of the clock, which the session takes out
				}
				size := min(1316, len(rest))
				datagram := rest[:size]
				if rtp {
					head := []byte{0x80, 33, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}
					binary.BigEndian.PutUint16(head[2:], uint16(n))
					datagram = append(head, datagram...)
				}
				_, _ = sender.Write(datagram) // refused until somebody listens
				if n > 10 {
					_, _ = stranger.Write(make([]byte, 1316))
				}
				rest = rest[size:]
				if in := gate.Inputs(); len(in) == 1 && in[0].Bytes > int64(len(ts)) {
					require.Equal(t, "udp", in[0].Protocol)
					require.Equal(t, sender.LocalAddr().String(), in[0].Remote)
					return
				}
				require.Less(t, n, 100_000, "nothing comes out")
				<-pace.C
			}
		})
	}
}

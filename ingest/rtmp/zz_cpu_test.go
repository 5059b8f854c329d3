package rtmp_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stagecast/stagecast/ingest/rtmp"
)

func cpu() (time.Duration, time.Duration) {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

type countL struct{ net.Listener }
type countC struct{ net.Conn }

var reads, small, deadlines64 atomic.Int64

func (l countL) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countC{c}, nil
}
func (c countC) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	reads.Add(1)
	if n < 100 {
		small.Add(1)
	}
	return n, err
}

func TestZZCPU(t *testing.T) {
	g := countingGate{ended: make(chan int, 10)}
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	s := rtmp.New(rtmp.Config{Listener: countL{l}}, g, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	var wg sync.WaitGroup
	const n = 24
	for range n {
		wg.Go(func() {
			cmd := exec.Command("ffmpeg", "-v", "error", "-re", "-i", "/tmp/rt/cbr.mp4", "-c", "copy", "-f", "flv", "rtmp://"+l.Addr().String()+"/live/k")
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(2 * time.Second)
	f, _ := os.Create("/tmp/rt/cpu.prof")
	pprof.StartCPUProfile(f)
	began := time.Now()
	r0 := reads.Load()
	s0 := small.Load()
	u0, k0 := cpu()
	time.Sleep(15 * time.Second)
	u1, k1 := cpu()
	el := time.Since(began)
	pprof.StopCPUProfile()
	t.Logf("user %v sys %v in %v: %.3f %% of a core per stream; reads/s/stream %d small %d", u1-u0, k1-k0, el, 100*(u1-u0+k1-k0).Seconds()/el.Seconds()/n, (reads.Load()-r0)/15/n, (small.Load()-s0)/15/n)
	wg.Wait()
	cancel()
	<-done
}

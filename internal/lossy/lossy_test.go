package lossy_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/lossy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// through sends 1000 numbered datagrams to an echo behind a relay, and returns the numbers that come back, in order.
func through(t *testing.T, cfg lossy.Config) (numbers []int, r *lossy.Relay) {
	echo, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer echo.Close()
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := echo.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = echo.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	cfg.Target = echo.LocalAddr().String()
	r, err = lossy.Listen(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	c, err := net.Dial("udp", r.Addr())
	require.NoError(t, err)
	read := make(chan []int)
	go func() { read <- numbered(c) }()
	pace := time.NewTicker(100 * time.Microsecond)
	defer pace.Stop()
	for i := range 1000 {
		<-pace.C
		_, err := c.Write([]byte{byte(i >> 8), byte(i)})
		require.NoError(t, err)
	}
	numbers = <-read
	c.Close()
	cancel()
	require.NoError(t, <-ended)
	return numbers, r
}

// numbered reads numbers until none has come for a while.
func numbered(c net.Conn) (numbers []int) {
	b := make([]byte, 100)
	for {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err := c.Read(b)
		if err != nil {
			return numbers
		}
		if n == 2 {
			numbers = append(numbers, int(b[0])<<8|int(b[1]))
		}
	}
}

func TestNothingIsDoneByDefault(t *testing.T) {
	numbers, r := through(t, lossy.Config{Seed: 1})
	require.Len(t, numbers, 1000)
	require.IsIncreasing(t, numbers)
	require.EqualValues(t, 2000, r.Forwarded.Load())
}

func TestLossIsThatOfTheSeed(t *testing.T) {
	first, r := through(t, lossy.Config{Seed: 7, Loss: 0.1})
	require.InDelta(t, 810, len(first), 60)
	require.Positive(t, r.Lost.Load())
	second, _ := through(t, lossy.Config{Seed: 7, Loss: 0.1})
	require.Equal(t, first, second)
}

func TestReorder(t *testing.T) {
	began := time.Now()
	numbers, r := through(t, lossy.Config{Seed: 3, Delay: 40 * time.Millisecond, Reorder: 0.1, Late: 10 * time.Millisecond})
	require.Len(t, numbers, 1000)
	require.NotEqual(t, -1, disorder(numbers))
	require.Positive(t, r.Reordered.Load())
	require.GreaterOrEqual(t, time.Since(began), 80*time.Millisecond)
}

// disorder is where the first number stands that is smaller than the one before; -1 where none does.
func disorder(numbers []int) int {
	for i := 1; i < len(numbers); i++ {
		if numbers[i] < numbers[i-1] {
			return i
		}
	}
	return -1
}

func TestCut(t *testing.T) {
	r, err := lossy.Listen(lossy.Config{Target: "127.0.0.1:9"})
	require.NoError(t, err)
	r.Cut(true)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	c, err := net.Dial("udp", r.Addr())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.Lost.Load() == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

package registry_test

import (
	"context"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/stagecast/stagecast/internal/registry"
	"github.com/stagecast/stagecast/internal/registry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registry.Registry { return &registry.Memory{} })
}

func TestRedis(t *testing.T) {
	registrytest.Run(t, func(t *testing.T) registry.Registry {
		_, r := redis(t)
		return r
	})
}

// redis starts a server on a free port, which ends with the test.
func redis(t *testing.T) (*exec.Cmd, *registry.Redis) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", "opensesame", "--dir", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start(), "redis-server must be installed")
	r := registry.NewRedis(registry.RedisConfig{Address: address, Password: "opensesame"})
	t.Cleanup(func() {
		r.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool { _, err := r.Leases(context.Background()); return err == nil }, 20*time.Second, 10*time.Millisecond)
	return cmd, r
}

// What Redis knew is lost with it; that a lease is newer is not.
func TestEpochsRiseAcrossALossOfEverything(t *testing.T) {
	_, before := redis(t)
	first, ok, err := before.Acquire(t.Context(), "live", "a", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	_, after := redis(t)
	second, ok, err := after.Acquire(t.Context(), "live", "b", time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	require.Greater(t, second.Epoch, first.Epoch)
}

func TestARedisThatHangsIsAnError(t *testing.T) {
	cmd, r := redis(t)
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	_, _, err := r.Acquire(t.Context(), "live", "a", time.Second)
	require.ErrorContains(t, err, "registry: redis")
	require.NotContains(t, err.Error(), "opensesame")
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { _, err := r.Leases(t.Context()); return err == nil }, 20*time.Second, 10*time.Millisecond)
}

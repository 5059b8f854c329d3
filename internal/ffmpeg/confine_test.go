package ffmpeg_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/ffmpeg"
)

func TestChildIsBounded(t *testing.T) {
	p, err := ffmpeg.Start(endless, 1)
	require.NoError(t, err)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.PID()))
	require.NoError(t, err)
	for name, want := range map[string]string{"Max file size": "0", "Max core file size": "0", "Max open files": "256"} {
		require.Regexp(t, name+` +`+want+` `, string(limits))
	}
	require.Regexp(t, `Max data size +[0-9]+ `, string(limits), "memory has a bound")
	p.Kill()
	require.Error(t, p.Wait(context.Background()))
}

func TestChildHasANetworkOfItsOwn(t *testing.T) {
	if !ffmpeg.Isolated() {
		t.Skip("this system gives children no network of their own")
	}
	p, err := ffmpeg.Start(endless, 1)
	require.NoError(t, err)
	devices, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", p.PID()))
	require.NoError(t, err)
	require.Equal(t, 1, len(regexp.MustCompile(`(?m)^ *\w+:`).FindAll(devices, -1)), "only loopback, which is down:\n%s", devices)
	p.Kill()
	require.Error(t, p.Wait(context.Background()))
}

func TestEnvironmentIsPassedByName(t *testing.T) {
	t.Setenv("LIBVA_DRIVER_NAME", "iHD")
	t.Setenv("STAGECAST_SECRET", "hidden")
	p, err := ffmpeg.Start(endless, 1, "LIBVA_DRIVER_NAME", "NOT_SET")
	require.NoError(t, err)
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
	require.NoError(t, err)
	require.Equal(t, "LIBVA_DRIVER_NAME=iHD\x00", string(environment))
	p.Kill()
	require.Error(t, p.Wait(context.Background()))
}

var trial = []string{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-frames:v", "5", "-f", "null", "-"}

func TestTryCountsWhatItCosts(t *testing.T) {
	spent, err := ffmpeg.Try(context.Background(), trial)
	require.NoError(t, err)
	require.Positive(t, spent.Wall)
	require.Positive(t, spent.CPU)
}

func TestTryThatTakesTooLongSaysSo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := ffmpeg.Try(ctx, []string{"-re", "-f", "lavfi", "-i", "testsrc2=rate=1", "-f", "null", "-"})
	var exit *ffmpeg.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, ffmpeg.TimedOut, exit.Reason)
}

func TestCPUOfARunningChildRises(t *testing.T) {
	p, err := ffmpeg.Start([]string{"-f", "lavfi", "-i", "testsrc2=size=1280x720", "-f", "null", "-"}, 0)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.CPU() > 0 }, 20*time.Second, time.Millisecond)
	p.Kill()
	require.Error(t, p.Wait(context.Background()))
	require.Positive(t, p.CPU())
}

package rtmp_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
)

// deadlines runs script as the client of a server on a fake clock, and returns what the gate saw and how long it took for
// the server to hang up.
func deadlines(t *testing.T, script func(*rtmptest.Client)) (log rtmptest.Log, took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		l := rtmptest.NewListener()
		g := &rtmptest.Gate{}
		server := rtmp.New(rtmp.Config{Listener: l}, g, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		conn, err := l.Dial()
		require.NoError(t, err)
		began := time.Now()
		c := rtmptest.NewClient(conn)
		script(c)
		c.Await()
		took = time.Since(began)
		cancel()
		require.NoError(t, <-ended)
		log, _ = g.Wait(context.Background(), func(rtmptest.Log) bool { return true })
	})
	return log, took
}

// between allows for the deadline to come a tenth early, and for the pause in which a client's script notices.
func between(t *testing.T, took, from, to time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, took, from)
	require.LessOrEqual(t, took, to)
}

// drip sends bytes one by one, each after a pause, until the server hangs up.
func drip(c *rtmptest.Client, b []byte, pause time.Duration) {
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

func TestDeadlinesBeforePublish(t *testing.T) {
	opening := rtmptest.Opening("live", rtmptest.Key)
	for name, script := range map[string]func(*rtmptest.Client){
		"silence":          func(*rtmptest.Client) {},
		"half a handshake": func(c *rtmptest.Client) { c.Send(opening[:1000]) },
		"half a command":   func(c *rtmptest.Client) { c.Send(opening[:3100]) },
		"connect, and no more": func(c *rtmptest.Client) {
			c.Send(append(rtmptest.Handshake(), rtmptest.Join(rtmptest.Connect("live"))...))
		},
		"a dripped handshake": func(c *rtmptest.Client) { drip(c, opening, 500*time.Millisecond) },
		"a dripped command":   func(c *rtmptest.Client) { c.Send(opening[:3073]); drip(c, opening[3073:], 500*time.Millisecond) },
		"connect, then small talk": func(c *rtmptest.Client) {
			c.Send(append(rtmptest.Handshake(), rtmptest.Join(rtmptest.Connect("live"))...))
			for {
				if _, err := c.Write(rtmptest.Join(rtmptest.Command(0, "createStream", 2.0, nil))); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			log, took := deadlines(t, script)
			require.Len(t, log.Refusals, 1)
			require.Equal(t, ingest.ReasonSlowSetup, ingest.ReasonOf(log.Refusals[0]))
			between(t, took, 10*time.Second, 12*time.Second)
		})
	}
}

func TestDeadlinesAfterPublish(t *testing.T) {
	opening := rtmptest.Opening("live", rtmptest.Key)
	picture := rtmptest.Join(rtmptest.Picture(33, false, 3000))
	repeat := func(c *rtmptest.Client, m rtmptest.Message) {
		for {
			if _, err := c.Write(rtmptest.Join(m)); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	for name, c := range map[string]struct {
		script func(*rtmptest.Client)
		reason ingest.Reason
	}{
		"nothing":               {func(*rtmptest.Client) {}, ingest.ReasonNoMedia},
		"sequence headers only": {func(c *rtmptest.Client) { repeat(c, rtmptest.AVCHeader()) }, ingest.ReasonNoMedia},
		"empty messages only":   {func(c *rtmptest.Client) { repeat(c, rtmptest.Audio(0)) }, ingest.ReasonNoMedia},
		"small talk only":       {func(c *rtmptest.Client) { repeat(c, rtmptest.Control(3, 1)) }, ingest.ReasonNoMedia},
		"media, then nothing":   {func(c *rtmptest.Client) { c.Send(broadcast()) }, ingest.ReasonTimeout},
		"media, then small talk": {func(c *rtmptest.Client) {
			c.Send(broadcast())
			repeat(c, rtmptest.Control(3, 1))
		}, ingest.ReasonTimeout},
		"media, then a drip": {func(c *rtmptest.Client) {
			c.Send(broadcast())
			drip(c, picture, 500*time.Millisecond)
		}, ingest.ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			log, took := deadlines(t, func(client *rtmptest.Client) {
				client.Send(opening)
				c.script(client)
			})
			require.Len(t, log.Sessions, 1)
			require.True(t, log.Sessions[0].Ended)
			require.Equal(t, c.reason, ingest.ReasonOf(log.Sessions[0].Err))
			between(t, took, 9*time.Second, 12*time.Second)
		})
	}
}

func TestMediaKeepsASessionAlive(t *testing.T) {
	log, took := deadlines(t, func(c *rtmptest.Client) {
		c.Send(append(rtmptest.Opening("live", rtmptest.Key), broadcast()...))
		for n := range uint32(20) {
			time.Sleep(8 * time.Second)
			c.Send(rtmptest.Join(rtmptest.Picture(8000*n, true, 100)))
		}
	})
	require.Len(t, log.Sessions[0].Units, 24)
	require.Equal(t, ingest.ReasonTimeout, ingest.ReasonOf(log.Sessions[0].Err))
	between(t, took, 169*time.Second, 171*time.Second)
}

// A peer that reads nothing blocks the first answer: S0, S1 and S2.
func TestAPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rtmptest.NewListener()
		g := &rtmptest.Gate{}
		server := rtmp.New(rtmp.Config{Listener: l}, g, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		conn, err := l.Dial()
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(rtmptest.Handshake()[:1537])
		require.NoError(t, err)
		began := time.Now()
		log, err := g.Wait(context.Background(), refused)
		require.NoError(t, err)
		require.Equal(t, ingest.ReasonTimeout, ingest.ReasonOf(log.Refusals[0]))
		require.Equal(t, 5*time.Second, time.Since(began))
		cancel()
		require.NoError(t, <-ended)
	})
}

// exhausted is a listener whose Accept fails at once, as it does when no file descriptor is left.
type exhausted struct {
	*rtmptest.Listener
	calls atomic.Int64
}

func (e *exhausted) Accept() (net.Conn, error) {
	e.calls.Add(1)
	return nil, errors.New("too many open files")
}

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &exhausted{Listener: rtmptest.NewListener()}
		server := rtmp.New(rtmp.Config{Listener: l}, &rtmptest.Gate{}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Run(ctx))
		require.Less(t, l.calls.Load(), int64(75))
	})
}

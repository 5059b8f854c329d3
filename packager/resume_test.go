package packager_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/packager"
)

// past is what the sink was given last, as a server that is killed now leaves it behind.
func (s *stage) past() *packager.Past {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	past := &packager.Past{Presentation: s.sink.last, Renditions: map[string]packager.PastRendition{}}
	past.Presentation.Multivariant = nil
	for name, updates := range s.sink.updates {
		was := packager.PastRendition{Listed: time.Now(), Lag: updates[len(updates)-1].Lag}
		for _, u := range updates {
			if u.Playlist != nil {
				was.Playlist = u.Playlist
			}
		}
		for _, segment := range was.Playlist.Segments {
			was.Sizes = append(was.Sizes, int64(len(s.sink.objects[name+"/"+segment.URI])))
		}
		var open []byte
		for _, part := range was.Playlist.Open {
			open = append(open, s.sink.objects[name+"/"+part.URI]...)
		}
		if was.Open = int64(len(open)); was.Open > 0 {
			s.sink.objects[name+"/"+was.Playlist.OpenHead.URI] = open // a sink knows the parts of the segment that was open
		}
		past.Renditions[name] = was
	}
	return past
}

// restart ends the packager without a word, and starts another on what it leaves behind after a while.
func (s *stage) restart(c packager.Config, down time.Duration) {
	s.stop()
	require.NoError(s.t, <-s.done)
	c.Past = s.past()
	s.sink.life = 0
	time.Sleep(down)
	s.hub = hub.New()
	if c.Stage = hub.Ladder; !s.aligned {
		c.Stage = hub.Source
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	p := packager.New(c, "live", s.hub, s.sink, slog.New(slog.NewTextHandler(io.Discard, nil)))
	go func() { s.done <- p.Run(ctx) }()
	synctest.Wait()
}

// Late once: nothing is listed while there is no server.
var late = []string{"L17", "L18", "L41", "L109"}

func TestRestartGoesOnWhereItWas(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		for phase := range 5 {
			for _, down := range []time.Duration{200 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
				on(t, packager.Config{}, aligned, func(s *stage) {
					f := film{aligned: aligned, late: 40 * time.Millisecond}
					s.show(f).play(13*time.Second + time.Duration(phase)*437*time.Millisecond)
					before, generation := s.parsed("720p"), s.sink.presented().Generation
					s.restart(packager.Config{}, down)
					require.Equal(t, packager.Reconnecting, s.sink.state())
					require.NotNil(t, s.sink.presented().Multivariant)
					time.Sleep(700 * time.Millisecond)
					s.show(f).play(12 * time.Second)
					require.Equal(t, packager.Live, s.sink.state())
					require.Empty(t, s.faults(late...), "phase %d, down %v, aligned=%v", phase, down, aligned)
					require.Equal(t, generation, s.sink.presented().Generation, "players go on")
					for _, name := range s.sink.names {
						p := s.parsed(name)
						require.NotNil(t, p.Segment(before.MediaSequence), "what was listed still is")
						require.LessOrEqual(t, len(breaks(p)), 2, "where media end, and where they begin again")
						require.Equal(t, breaks(s.parsed("audio")), breaks(p))
						if down > 2*time.Second {
							require.Contains(t, s.newest(name), "#EXT-X-GAP")
						}
					}
				})
			}
		}
	}
}

// The server may end between the updates of one rendition and of another, while an encoder leaves or comes back.
func TestRestartAfterAnyUpdate(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		for life := 2; life < 90; life += 3 {
			on(t, packager.Config{}, aligned, func(s *stage) {
				f := film{aligned: aligned}
				w := s.show(f)
				w.play(8300 * time.Millisecond)
				s.sink.mu.Lock()
				s.sink.life = life
				s.sink.mu.Unlock()
				w.play(time.Second)
				w.stop(hub.ErrLost)
				time.Sleep(3 * time.Second)
				s.show(f).play(5 * time.Second)
				s.restart(packager.Config{}, time.Second)
				s.show(f).play(9 * time.Second)
				require.Empty(t, s.faults(late...), "life %d, aligned=%v", life, aligned)
			})
		}
	}
}

// It may also end while a broadcast does, or while the next one begins.
func TestRestartWhileABroadcastEnds(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		for life := 2; life < 70; life += 3 {
			on(t, packager.Config{EndGrace: time.Second}, aligned, func(s *stage) {
				f := film{aligned: aligned}
				w := s.show(f)
				w.play(8300 * time.Millisecond)
				s.sink.mu.Lock()
				s.sink.life = life
				s.sink.mu.Unlock()
				w.stop(hub.ErrEnded)
				time.Sleep(3 * time.Second)
				s.show(f).play(5 * time.Second)
				before, began := s.parsed("720p"), s.sink.presented().Since
				s.restart(packager.Config{}, time.Second)
				if before.Ended {
					require.Equal(t, packager.Ended, s.sink.state(), "life %d: what has ended stays so", life)
					require.True(t, s.parsed("audio").Ended)
				}
				s.show(f).play(9 * time.Second)
				after := s.parsed("720p")
				require.Equal(t, packager.Live, s.sink.state())
				require.False(t, after.Ended)
				require.Greater(t, after.LastMSN(), before.LastMSN())
				require.GreaterOrEqual(t, after.DiscontinuitySequence, before.DiscontinuitySequence)
				if before.Ended {
					require.Greater(t, after.MediaSequence, before.LastMSN())
					require.True(t, s.sink.presented().Since.After(began), "it is another broadcast")
				}
			})
		}
	}
}

func TestRestartAgainAndAgain(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			f := film{aligned: aligned}
			for round := range 12 {
				s.show(f).play(5*time.Second + time.Duration(round)*311*time.Millisecond)
				s.restart(packager.Config{}, time.Duration(round%4)*500*time.Millisecond)
				if round%3 == 0 { // it is killed again before the encoder is back
					s.restart(packager.Config{}, time.Second)
				}
			}
			s.show(f).play(9 * time.Second)
			require.Empty(t, s.faults(late...), "aligned=%v", aligned)
		})
	}
}

func TestRestartWhileTheEncoderIsAwayAddsNoDiscontinuity(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			w := s.show(film{aligned: aligned})
			w.play(13 * time.Second)
			w.stop(hub.ErrLost)
			time.Sleep(3 * time.Second)
			s.restart(packager.Config{}, time.Second)
			time.Sleep(3 * time.Second)
			s.show(film{aligned: aligned}).play(9 * time.Second)
			require.Empty(t, s.faults(late...))
			require.LessOrEqual(t, len(breaks(s.parsed("720p"))), 2)
		})
	}
}

func TestEncoderThatDoesNotComeBackAfterARestart(t *testing.T) {
	on(t, packager.Config{}, true, func(s *stage) {
		s.show(film{aligned: true}).play(13 * time.Second)
		s.restart(packager.Config{Grace: 20 * time.Second}, time.Second)
		time.Sleep(19 * time.Second)
		require.Equal(t, packager.Reconnecting, s.sink.state())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, packager.Ended, s.sink.state())
		before := s.parsed("720p")
		require.True(t, before.Ended)
		require.Empty(t, s.faults(late...))

		s.restart(packager.Config{}, time.Second)
		require.Equal(t, packager.Ended, s.sink.state(), "it is over for good")
		s.show(film{aligned: true}).play(9 * time.Second)
		after := s.parsed("720p")
		require.Equal(t, packager.Live, s.sink.state())
		require.Greater(t, after.MediaSequence, before.LastMSN())
		require.GreaterOrEqual(t, after.DiscontinuitySequence, before.Segments[len(before.Segments)-1].Epoch)
	})
}

func TestBroadcastIsOverAfterALongRestartOrWithAnotherProfile(t *testing.T) {
	for _, c := range []packager.Config{{Grace: 5 * time.Second}, {Profile: packager.Ultra}} {
		for _, aligned := range []bool{true, false} {
			on(t, packager.Config{}, aligned, func(s *stage) {
				s.show(film{aligned: aligned}).play(13700 * time.Millisecond)
				s.restart(c, 6*time.Second)
				require.Equal(t, packager.Ended, s.sink.state())
				ended := s.parsed("720p")
				require.True(t, ended.Ended)
				require.NotContains(t, s.newest("720p"), "GAP", "nothing of the time it was down")
				require.Empty(t, s.faults(late...))
				s.show(film{aligned: aligned}).play(9 * time.Second)
				require.Equal(t, packager.Live, s.sink.state())
				require.Equal(t, strings.Contains(s.newest("720p"), "PART-TARGET=0.334"), c.Profile == packager.Ultra)
				require.Greater(t, s.parsed("720p").MediaSequence, ended.LastMSN())
			})
		}
	}
}

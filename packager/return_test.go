package packager_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

// parsed is a rendition's newest playlist.
func (s *stage) parsed(rendition string) *hls.ParsedMedia {
	p, err := hls.ParseMedia([]byte(s.newest(rendition)))
	require.NoError(s.t, err)
	return p
}

// breaks are the numbers of the segments that stand after a discontinuity.
func breaks(p *hls.ParsedMedia) (out []int64) {
	for _, s := range p.Segments {
		if s.Discontinuity {
			out = append(out, s.MSN)
		}
	}
	return out
}

func TestDiscontinuityIsAtTheSameNumberInAllRenditions(t *testing.T) {
	for _, away := range []time.Duration{300 * time.Millisecond, 3 * time.Second, 30 * time.Second} {
		for _, aligned := range []bool{true, false} {
			f := film{aligned: aligned}
			if aligned {
				f.videos = []string{"360p", "720p", "1080p"}
			}
			on(t, packager.Config{}, aligned, func(s *stage) {
				w := s.show(f)
				w.play(13300 * time.Millisecond)
				w.stop(hub.ErrLost)
				time.Sleep(away)
				s.show(f).play(15 * time.Second)
				require.Empty(t, s.faults(), "%v aligned=%v", away, aligned)
				at := breaks(s.parsed("audio"))
				require.NotEmpty(t, at)
				require.LessOrEqual(t, len(at), 2)
				for _, name := range s.sink.names {
					p := s.parsed(name)
					require.Equal(t, at, breaks(p), name)
					if away > time.Second {
						require.True(t, p.Segment(at[len(at)-1]-1).Gap, "the time away is a gap")
						require.Equal(t, away > 20*time.Second, strings.Count(s.newest(name), "#EXT-X-GAP\n") > 10)
					}
				}
			})
		}
	}
}

func TestReturnWithOtherPicturesHasAnotherHeader(t *testing.T) {
	on(t, packager.Config{}, true, func(s *stage) {
		w := s.show(film{aligned: true})
		w.play(9 * time.Second)
		generation := s.sink.presented().Generation
		w.stop(hub.ErrLost)
		time.Sleep(time.Second)
		s.show(film{aligned: true, config: otherAvcC}).play(9 * time.Second)
		require.Greater(t, s.sink.presented().Generation, generation)
		require.Empty(t, s.faults())
		maps := map[string]bool{}
		for _, segment := range s.parsed("720p").Segments {
			maps[segment.Map.URI] = true
		}
		require.Len(t, maps, 2)
		require.Equal(t, packager.Live, s.sink.state())
	})
}

func TestOtherRenditionsAreAnotherGeneration(t *testing.T) {
	on(t, packager.Config{}, true, func(s *stage) {
		w := s.show(film{aligned: true, videos: []string{"360p", "720p"}})
		w.play(11 * time.Second)
		generation := s.sink.presented().Generation
		s.show(film{aligned: true, videos: []string{"720p", "1080p"}}).play(15 * time.Second) // takes over
		require.Greater(t, s.sink.presented().Generation, generation)
		require.Contains(t, s.newest("360p"), "#EXT-X-ENDLIST")
		require.Contains(t, s.sink.presented().Multivariant.String(), "1080p/index.m3u8")
		require.NotContains(t, s.sink.presented().Multivariant.String(), "360p/index.m3u8")
		at := breaks(s.parsed("720p"))
		require.Len(t, at, 1)
		old, added := s.parsed("720p"), s.parsed("1080p")
		for _, segment := range added.Segments {
			require.Equal(t, old.Segment(segment.MSN).Epoch, segment.Epoch, "discontinuity number of segment %d", segment.MSN)
		}
		require.Equal(t, at[0], added.MediaSequence)
	})
}

func TestRenditionComesBackInTheSameBroadcast(t *testing.T) {
	both := film{aligned: true, videos: []string{"360p", "720p"}}
	on(t, packager.Config{}, true, func(s *stage) {
		s.show(both).play(7 * time.Second)
		s.show(film{aligned: true, videos: []string{"720p"}}).play(7 * time.Second)
		before := s.parsed("360p")
		require.True(t, before.Ended)
		s.show(both).play(9 * time.Second)
		require.True(t, s.parsed("360p").Ended, "what has ended stays so")
		require.Contains(t, s.sink.presented().Multivariant.String(), "360p_2/index.m3u8")
		after := s.parsed("360p_2")
		require.False(t, after.Ended)
		require.Greater(t, after.MediaSequence, before.LastMSN())
		require.Equal(t, s.parsed("720p").Segment(after.MediaSequence).Epoch, after.Segments[0].Epoch)
	})
}

func TestNextBroadcastIsToldApart(t *testing.T) {
	on(t, packager.Config{EndGrace: 2 * time.Second}, true, func(s *stage) {
		w := s.show(film{aligned: true})
		w.play(7 * time.Second)
		w.stop(hub.ErrLost)
		time.Sleep(time.Second)
		w = s.show(film{aligned: true})
		w.play(7 * time.Second)
		w.stop(hub.ErrEnded)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		before := s.parsed("720p")
		require.True(t, before.Ended)
		require.Equal(t, packager.Ended, s.sink.state())

		s.show(film{aligned: true}).play(7 * time.Second)
		after := s.parsed("720p")
		require.Greater(t, after.MediaSequence, before.LastMSN())
		require.GreaterOrEqual(t, after.DiscontinuitySequence, before.Segments[len(before.Segments)-1].Epoch)
		token := func(uri string) string { return strings.SplitN(uri, "-", 2)[1] }
		require.NotEqual(t, token(before.Segments[0].URI), token(after.Segments[0].URI))
		headers := 0
		for _, u := range s.sink.of("720p") {
			if u.Header != nil {
				headers++
			}
		}
		require.Equal(t, 2, headers, "one for each broadcast: the sink may have forgotten the first")
	})
}

func TestBroadcastThatNeverHadASegmentEnds(t *testing.T) {
	on(t, packager.Config{EndGrace: 2 * time.Second}, true, func(s *stage) {
		w := s.show(film{aligned: true})
		w.play(300 * time.Millisecond)
		w.stop(hub.ErrEnded)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, packager.Ended, s.sink.state())
		s.show(film{aligned: true}).play(9 * time.Second)
		require.Equal(t, packager.Live, s.sink.state())
		require.NotContains(t, s.newest("720p"), "GAP", "the second broadcast is a new one")
	})
}

func TestPicturesThatStopAreGapsWhileTheSoundGoesOn(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			w := s.show(film{aligned: aligned})
			began := time.Now()
			w.missing = func(at time.Time) bool { return at.Sub(began) > 9*time.Second && at.Sub(began) < 17*time.Second }
			w.play(30 * time.Second)
			require.Contains(t, s.newest("720p"), "#EXT-X-GAP")
			require.NotContains(t, s.newest("720p"), "DISCONTINUITY\n")
			require.Empty(t, s.faults("L18", "L41"), "aligned=%v", aligned) // late once: what is slow still comes
		})
	}
}

func TestSourceThatLagsGetsNoGaps(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			s.show(film{aligned: aligned, late: 2 * time.Second}).play(20 * time.Second)
			for _, name := range s.sink.names {
				require.NotContains(t, s.newest(name), "GAP")
			}
			require.Empty(t, s.faults())
		})
	}
}

func TestTwoPackagersMakeTheSameObjects(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			other := &sink{t: t, report: s.sink.report, objects: map[string][]byte{}, updates: map[string][]packager.Update{}}
			stop := s.second(other)
			s.show(film{aligned: aligned}).play(9 * time.Second)
			stop()
			require.NotEmpty(t, other.all())
			require.Equal(t, s.sink.all(), other.all())
		})
	}
}

func TestUnitsOfATimeThatIsListedAreLeftOut(t *testing.T) {
	on(t, packager.Config{}, true, func(s *stage) {
		w := s.show(film{aligned: true})
		w.play(9 * time.Second)
		names := len(s.sink.all())
		old := w.lattice.Ticks(w.first)
		for range 100 {
			w.pub.Write(media.AccessUnit{Track: 1, DTS: old, PTS: old, Duration: 3000, RandomAccess: true, Payload: []byte{0, 0, 0, 1, 0x65}})
		}
		synctest.Wait()
		require.Len(t, s.sink.all(), names)
		w.play(6 * time.Second)
		require.Empty(t, s.faults())
	})
}

// What comes in a burst after a stall has been listed as a gap meanwhile.
func TestBurstAfterAStall(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		for phase := range 12 {
			on(t, packager.Config{}, aligned, func(s *stage) {
				w := s.show(film{aligned: aligned})
				w.play(8*time.Second + time.Duration(phase)*170*time.Millisecond)
				time.Sleep(3100 * time.Millisecond)
				w.play(12 * time.Second)
				require.Empty(t, s.faults("L17", "L18", "L41"), "phase %d, aligned=%v", phase, aligned) // late once
				require.Equal(t, packager.Live, s.sink.state())
			})
		}
	}
}

// Sound that is missing for a while is a gap, however its units say how long they last.
func TestSoundThatPausesMakesNoSegmentTooLong(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		for _, open := range []bool{true, false} {
			for _, pause := range []time.Duration{300 * time.Millisecond, 1700 * time.Millisecond, 4700 * time.Millisecond} {
				on(t, packager.Config{}, aligned, func(s *stage) {
					w := s.show(film{aligned: aligned, open: open})
					from := time.Now().Add(9100 * time.Millisecond)
					w.quiet = func(at time.Time) bool { return at.After(from) && at.Before(from.Add(pause)) }
					w.play(30 * time.Second)
					for _, segment := range s.parsed("audio").Segments {
						require.Less(t, segment.Duration, 2500*time.Millisecond, "pause %v, aligned=%v, open=%v", pause, aligned, open)
					}
				})
			}
		}
	}
}

// A frame of sound is longer than a picture at 60 a second: where the encoder goes just after a cut, the sound's segment may
// begin when the picture's has ended.
func TestLossJustAfterACut(t *testing.T) {
	for phase := range 24 {
		on(t, packager.Config{}, false, func(s *stage) {
			f := film{rate: media.Rational{Num: 60, Den: 1}, ahead: 60 * time.Millisecond}
			time.Sleep(time.Duration(phase) * 3 * time.Millisecond) // where the frames of sound fall
			w := s.show(f)
			w.play(8*time.Second + 16*time.Millisecond)
			w.stop(hub.ErrLost)
			time.Sleep(3 * time.Second)
			s.show(f).play(8 * time.Second)
			for _, name := range s.sink.names {
				var last time.Time
				for _, segment := range s.parsed(name).Segments {
					require.True(t, segment.DateTime.After(last), "phase %d: segment %d of %s", phase, segment.MSN, name)
					last = segment.DateTime
				}
			}
		})
	}
}

// Nobody is waited for after an end that is for good.
func TestEndForGoodIsAtOnce(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			w := s.show(film{aligned: aligned})
			w.play(9 * time.Second)
			w.stop(hub.ErrOver)
			synctest.Wait()
			time.Sleep(time.Millisecond)
			synctest.Wait()
			require.Equal(t, packager.Ended, s.sink.state())
			require.NotContains(t, s.sink.states, packager.Reconnecting)
			for _, name := range s.sink.names {
				require.True(t, s.parsed(name).Ended, name)
			}
			require.Empty(t, s.faults())
		})
	}
}

// Gaps are listed as late as media came. An encoder that is less late when it returns leaves more than a segment to list.
func TestReturnWithLessLag(t *testing.T) {
	for _, aligned := range []bool{true, false} {
		on(t, packager.Config{}, aligned, func(s *stage) {
			w := s.show(film{aligned: aligned, late: 3 * time.Second})
			w.play(16300 * time.Millisecond)
			w.stop(hub.ErrLost)
			time.Sleep(5 * time.Second)
			s.show(film{aligned: aligned}).play(9 * time.Second)
			require.Empty(t, s.faults(), "aligned=%v", aligned)
		})
	}
}

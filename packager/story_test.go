package packager_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/packager"
)

var rates = []media.Rational{{Num: 24000, Den: 1001}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 30, Den: 1}, {Num: 60000, Den: 1001}}

// oneVideo is a rule about the number of renditions that these stories do not have.
const oneVideo = "L95"

func TestLadderBreaksNoRule(t *testing.T) {
	for _, profile := range []packager.Profile{packager.Ultra, packager.Low, packager.Standard} {
		for _, rate := range rates {
			t.Run(string(profile)+" "+rate.String(), func(t *testing.T) {
				start(t, packager.Config{Profile: profile}, true, rate, func(s *stage) {
					time.Sleep(700 * time.Millisecond) // the broadcast begins anywhere in a slot
					s.publish()
					s.play(40 * time.Second)
					require.Empty(t, s.broken(oneVideo))
					require.Equal(t, packager.Live, s.sink.state())
				})
			})
		}
	}
}

func TestPassedOnSourceBreaksNoRule(t *testing.T) {
	for name, gop := range map[string]int64{"half a second": 15, "one second": 30, "two": 60, "four": 120} {
		t.Run(name, func(t *testing.T) {
			start(t, packager.Config{}, false, media.Rational{Num: 30, Den: 1}, func(s *stage) {
				s.gop = gop
				s.publish()
				s.play(60 * time.Second)
				require.Empty(t, s.broken(oneVideo))
			})
		})
	}
}

func TestSegmentIsItsPartsAndStartsWithAKeyFrame(t *testing.T) {
	start(t, packager.Config{}, true, media.Rational{Num: 30, Den: 1}, func(s *stage) {
		s.publish()
		s.play(9 * time.Second)
		segments := 0
		for _, u := range s.sink.of("720p") {
			if u.Segment == nil || u.Playlist == nil {
				continue
			}
			segments++
			var parts []byte
			last := u.Playlist.Segments[len(u.Playlist.Segments)-1]
			for _, p := range last.Parts {
				parts = append(parts, s.sink.object("720p/"+p.URI)...)
			}
			require.True(t, bytes.Equal(parts, s.sink.object("720p/"+u.Segment.Name)))
			require.True(t, last.Parts[0].Independent)
		}
		require.Greater(t, segments, 2)
	})
}

func TestNothingIsPublishedBeforeTheFirstWholeSegment(t *testing.T) {
	start(t, packager.Config{}, true, media.Rational{Num: 30, Den: 1}, func(s *stage) {
		s.publish()
		s.play(1500 * time.Millisecond)
		for _, u := range s.sink.of("720p") {
			require.Nil(t, u.Playlist)
		}
		require.Equal(t, packager.Starting, s.sink.state())
	})
}

func TestLostEncoderLeavesGapsAndComesBackWithADiscontinuity(t *testing.T) {
	for name, away := range map[string]time.Duration{"a blink": 300 * time.Millisecond, "three seconds": 3 * time.Second, "half a minute": 30 * time.Second} {
		for _, aligned := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				start(t, packager.Config{}, aligned, media.Rational{Num: 30, Den: 1}, func(s *stage) {
					s.publish()
					s.play(21300 * time.Millisecond)
					s.pub.Close(hub.ErrLost)
					synctest.Wait()
					require.Equal(t, packager.Reconnecting, s.sink.state())
					time.Sleep(away)
					s.publish()
					s.play(20 * time.Second)
					require.Equal(t, packager.Live, s.sink.state())
					require.Empty(t, s.broken(oneVideo))
					for _, rendition := range []string{"720p", "audio"} {
						updates := s.sink.of(rendition)
						text := string(updates[len(updates)-1].Playlist.AppendTo(nil))
						breaks := strings.Count(text, "#EXT-X-DISCONTINUITY\n")
						require.GreaterOrEqual(t, breaks, 1, text)
						require.LessOrEqual(t, breaks, 2, text) // where media ends, and where it begins again
					}
				})
			})
		}
	}
}

func TestSlowSourceGetsNoGaps(t *testing.T) {
	start(t, packager.Config{}, true, media.Rational{Num: 30, Den: 1}, func(s *stage) {
		s.publish()
		s.play(5 * time.Second)
		time.Sleep(800 * time.Millisecond) // everything is late from here on
		s.play(10 * time.Second)
		for _, u := range s.sink.of("720p") {
			if u.Playlist != nil {
				require.NotContains(t, string(u.Playlist.AppendTo(nil)), "GAP")
			}
		}
	})
}

func TestBroadcastEndsAfterItsGraceAndTheNextGoesOnCounting(t *testing.T) {
	start(t, packager.Config{EndGrace: 4 * time.Second}, true, media.Rational{Num: 30, Den: 1}, func(s *stage) {
		s.publish()
		s.play(10 * time.Second)
		s.pub.Close(hub.ErrEnded)
		time.Sleep(3900 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, packager.Reconnecting, s.sink.state())
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, packager.Ended, s.sink.state())
		updates := s.sink.of("720p")
		last := updates[len(updates)-1].Playlist
		require.True(t, last.Ended)
		require.Contains(t, string(last.AppendTo(nil)), "#EXT-X-ENDLIST")
		time.Sleep(5 * time.Second)
		s.publish()
		s.play(10 * time.Second)
		require.Equal(t, packager.Live, s.sink.state())
		updates = s.sink.of("720p")
		next := updates[len(updates)-1].Playlist
		require.GreaterOrEqual(t, next.MediaSequence, last.MediaSequence+int64(len(last.Segments)))
	})
}

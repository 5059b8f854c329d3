package packager_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/packager"
)

// TestEncodersThatComeAndGo breaks encoders off at random moments, for random times, and lets others come back in their
// place: no rule is broken. Those behind the first eighty leave segments as short as a picture, whose sound goes on beyond it.
func TestEncodersThatComeAndGo(t *testing.T) {
	seeds := []uint64{120, 157, 231, 326, 1263}
	for seed := range uint64(80) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		f := film{aligned: r.IntN(2) == 0}
		f.ahead = time.Duration(r.IntN(3)) * 50 * time.Millisecond
		f.late = time.Duration(r.IntN(3)) * 400 * time.Millisecond
		if f.aligned {
			f.videos = []string{"360p", "720p"}
		} else {
			f.key = every([]int64{30, 60, 61, 120}[r.IntN(4)])
			f.open = r.IntN(2) == 0
		}
		profile := []packager.Profile{packager.Ultra, packager.Low, packager.Standard}[r.IntN(3)]
		t.Run(fmt.Sprintf("%d aligned=%v %s", seed, f.aligned, profile), func(t *testing.T) {
			on(t, packager.Config{Profile: profile}, f.aligned, func(s *stage) {
				time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
				for range 4 {
					w := s.show(f)
					w.play(12*time.Second + time.Duration(r.IntN(4000))*time.Millisecond)
					if r.IntN(4) > 0 { // else the next takes over
						w.stop(hub.ErrLost)
						time.Sleep(time.Duration(r.IntN(1<<r.IntN(14))) * time.Millisecond)
					}
				}
				s.show(f).play(12 * time.Second)
				require.Equal(t, packager.Live, s.sink.state())

				require.Empty(t, s.faults())
			})
		})
	}
}

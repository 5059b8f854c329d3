package transcode

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// splice lets b go on where a is cut off, as the ingest does: the pictures of b that are over by then are squeezed into a
// moment, with parameter sets in band, and its sound begins with a frame that lasts until the time it says.
func splice(a, b source, at float64, soundLate int64) source {
	out := source{tracks: a.tracks, units: append([]media.AccessUnit(nil), a.units[:a.until(at)]...)}
	var end [3]int64
	for _, u := range out.units {
		end[u.Track] = u.DTS + u.Duration
	}
	limit := end
	for _, u := range b.units {
		t := b.track(u.Track)
		switch {
		case u.Track == 1 && u.PTS < limit[1]:
			u.PTS = limit[1] + (u.PTS-b.units[0].PTS)/1024
			u.DTS, u.Duration = end[1], 1
		case u.Track == 2 && u.DTS+u.Duration <= limit[2]+soundLate:
			continue
		case u.DTS != end[u.Track]:
			u.Duration += u.DTS - end[u.Track]
			if u.DTS = end[u.Track]; u.Track == 2 {
				u.PTS = u.DTS
			}
		}
		if u.Track == 1 && u.RandomAccess {
			u.Payload = append(nal.Sets(t.Codec, t.Config), u.Payload...)
		}
		end[u.Track] = u.DTS + u.Duration
		out.units = append(out.units, u)
	}
	return out
}

// Another encoder with other settings goes on in the middle: pictures and sound go on as if there were one.
func TestAnotherEncoderGoesOn(t *testing.T) {
	a := recipe{size: "320x240", rate: fps(30, 1), seconds: 4, video: x264, audio: aac, sampleRate: 48000}.make(t)
	for name, video := range map[string][]string{
		"other profile": {"libx264", "-preset", "veryfast", "-tune", "zerolatency", "-bf", "0", "-g", "1000", "-slices", "2"},
		"full range":    {"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "1000", "-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p"},
	} {
		b := recipe{size: "320x240", rate: fps(30, 1), seconds: 8, video: video, audio: aac, sampleRate: 48000}.make(t)
		for _, shift := range []int64{0, 64, 500, 960} { // of the second's sound frames against the first's
			for _, late := range []int64{0, 7872} {
				t.Run(fmt.Sprintf("%s, sound %d off and %d late", name, shift, late), func(t *testing.T) {
					moved := source{tracks: b.tracks, units: append([]media.AccessUnit(nil), b.units...)}
					for i := range moved.units {
						if u := &moved.units[i]; u.Track == 2 {
							u.DTS, u.PTS = u.DTS+shift, u.PTS+shift
						}
					}
					s := splice(a, moved, 3.1, late)
					l := newBench(t, Config{}).encode(t, s)
					require.ErrorIs(t, l.reason, hub.ErrEnded)
					requirePictures(t, l.pub.Track(1), l.units["240p"], twoSeconds)
					requireTimes(t, presented(b.units, 1), times(l.units["240p"]), "as if there were one encoder")
					requireSound(t, l.units["audio"])
					requireSoundCovers(t, moved, l.units["audio"])
				})
			}
		}
	}
}

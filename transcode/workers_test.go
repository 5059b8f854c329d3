package transcode

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// from is the source as a worker has it that begins to read in the middle: at the first key frame after a time, and what comes after it.
func (s *source) from(t *testing.T, seconds float64) source {
	t.Helper()
	n := slices.IndexFunc(s.units, func(u media.AccessUnit) bool { return u.Track == 1 && u.RandomAccess && s.seconds(u) >= seconds })
	require.Positive(t, n)
	return source{tracks: s.tracks, units: s.units[n:]}
}

// encodeFrom is encode for a source that begins later.
func (b *bench) encodeFrom(t *testing.T, s source) *ladder {
	t.Helper()
	pub := s.publish(t, b.hub, 1)
	n := b.trickle(pub, s.units)
	out := b.collect(awaitLadder(b.ctx, t, b.hub, nil))
	write(pub, s.units[n:])
	pub.Close(hub.ErrEnded)
	return <-out
}

// joinAt takes what belongs to a segment and those after it from b, and what is before from a.
func joinAt(track *media.Track, a, b []media.AccessUnit, slot int64) (out []media.AccessUnit) {
	of := func(u media.AccessUnit) int64 {
		if track.Kind() == media.Video {
			return media.Slot(u.PTS, twoSeconds)
		}
		return u.PTS / (2 * track.ClockRate)
	}
	for _, u := range a {
		if of(u) < slot {
			out = append(out, u)
		}
	}
	for _, u := range b {
		if of(u) >= slot {
			out = append(out, u)
		}
	}
	return out
}

// A segment of one worker is followed by a segment of another that began to read in the middle: pictures and sound are at the times that
// one alone would have given them, decoded by the same configuration, and nothing is heard where they join.
func TestSegmentsOfTwoWorkersJoin(t *testing.T) {
	for _, rate := range []int{48000, 44100} {
		t.Run(strconv.Itoa(rate), func(t *testing.T) {
			r := recipe{size: "320x240", rate: fps(30000, 1001), seconds: 9, audio: aac, sampleRate: rate}
			r.video = []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "46"}
			s := r.make(t)
			first := newBench(t, Config{}).encode(t, s)
			second := newBench(t, Config{}).encodeFrom(t, s.from(t, 2.5))
			require.Equal(t, first.pub.Tracks, second.pub.Tracks)

			slot := int64(startSecond)/2 + 3
			for i := range first.pub.Tracks {
				track := &first.pub.Tracks[i]
				a, b := first.units[track.Rendition], second.units[track.Rendition]
				units := joinAt(track, a, b, slot)
				requireTimes(t, times(a), times(units), "as if there were one worker")
				if track.Kind() == media.Video {
					requirePictures(t, track, units, twoSeconds)
					continue
				}
				requireSound(t, units)
				seam := slices.IndexFunc(units, func(u media.AccessUnit) bool { return u.PTS/(2*audioRate) >= slot })
				alone := heard(t, track, a)
				require.Less(t, apart(alone, heard(t, track, units), seam), tone/25, "the seam is not heard")
				shifted := append(slices.Clone(units[:seam]), units[seam+1:]...)
				require.Greater(t, apart(alone, heard(t, track, shifted), seam), tone/2, "as a frame in another's place would be")
			}
		})
	}
}

// tone is how loud the sine of the sources is.
const tone = 0.125

// heard are the samples that a player makes of frames.
func heard(t *testing.T, track *media.Track, units []media.AccessUnit) []float32 {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "aac", "-i", "pipe:0", "-af", "pan=mono|c0=c0", "-f", "f32le", "pipe:1")
	cmd.Stdin = bytes.NewReader(adts(track.Config, units))
	raw, err := cmd.Output()
	require.NoError(t, err)
	samples := make([]float32, len(raw)/4)
	require.NoError(t, binary.Read(bytes.NewReader(raw), binary.LittleEndian, samples))
	return samples
}

// apart is by how much two sounds differ around a frame, at most.
func apart(a, b []float32, frame int) (most float64) {
	for n := (frame - 2) * audioFrame; n < (frame+2)*audioFrame; n++ {
		most = max(most, math.Abs(float64(a[n]-b[n])))
	}
	return most
}

// adts are frames as a file of AAC has them. config is an AudioSpecificConfig of two bytes or more.
func adts(config []byte, units []media.AccessUnit) (out []byte) {
	object, rate, channels := config[0]>>3, config[0]&7<<1|config[1]>>7, config[1]>>3&15
	for _, u := range units {
		n := len(u.Payload) + 7
		out = append(out, 0xff, 0xf1, (object-1)<<6|rate<<2|channels>>2, channels<<6|byte(n>>11), byte(n>>3), byte(n<<5)|0x1f, 0xfc)
		out = append(out, u.Payload...)
	}
	return out
}

package transcode

import (
	"bytes"
	"cmp"
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// startSecond is where the sources of the tests begin, in seconds since the Unix epoch: 0.3 s past a segment boundary, so
// that the first boundary comes after the ladder is up.
const startSecond = 1_790_000_000

const startOffset = 27_000 // ticks of media.VideoClockRate past startSecond

// source is what a broadcaster sends: whole, and in the order of its decode times.
type source struct {
	tracks []media.Track
	units  []media.AccessUnit
}

// recipe says what a source is made of. Empty codecs leave their track out.
type recipe struct {
	size       string // "640x480"
	rate       media.Rational
	seconds    float64
	video      []string // encoder and its options
	reorder    int64    // pictures that the encoder's B-frames delay the decode times by
	audio      []string
	sampleRate int
}

var (
	x264 = []string{"libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "1000"}
	aac  = []string{"aac", "-b:a", "64k", "-ac", "2"}
)

// make encodes the source with ffmpeg, and puts it on the one timeline as the ingest would.
func (r recipe) make(t testing.TB) source {
	t.Helper()
	var s source
	if r.video != nil {
		s.addVideo(t, r)
	}
	if r.audio != nil {
		s.addAudio(t, r)
	}
	slices.SortStableFunc(s.units, func(a, b media.AccessUnit) int { return cmp.Compare(s.seconds(a), s.seconds(b)) })
	return s
}

func (s *source) track(id int) *media.Track {
	for i := range s.tracks {
		if s.tracks[i].ID == id {
			return &s.tracks[i]
		}
	}
	return nil
}

// seconds is a unit's decode time after startSecond.
func (s *source) seconds(u media.AccessUnit) float64 {
	rate := s.track(u.Track).ClockRate
	return media.Seconds(u.DTS-startSecond*rate, rate)
}

// until is how many units decode before a time after startSecond.
func (s *source) until(seconds float64) int {
	n, _ := slices.BinarySearchFunc(s.units, seconds, func(u media.AccessUnit, at float64) int { return cmp.Compare(s.seconds(u), at) })
	return n
}

func (s *source) addVideo(t testing.TB, r recipe) {
	frames, d := fragmented(t, append([]string{
		"-f", "lavfi", "-i", "testsrc2=size=" + r.size + ":rate=" + r.rate.String(), "-frames:v", strconv.Itoa(int(r.seconds * r.rate.Float())),
		"-pix_fmt", "yuv420p", "-c:v",
	}, r.video...))
	track := media.Track{ID: 1, FrameRate: r.rate, Width: d.width, Height: d.height}
	for name, codec := range map[string]media.Codec{"avcC": media.H264, "hvcC": media.HEVC, "av1C": media.AV1, "vpcC": media.VP9} {
		if config := d.boxes[name]; config != nil {
			track.Codec, track.Config = codec, config
		}
	}
	if track.Codec == media.VP9 { // its box has a version and flags
		track.Config = track.Config[4:]
	}
	require.NoError(t, cmaf.Complete(&track))
	s.tracks = append(s.tracks, track)

	lattice := media.Lattice{Rate: r.rate}
	first := lattice.Index(startSecond*media.VideoClockRate + startOffset)
	zero := int64(frames[0].PresentationTime())
	for n, f := range frames {
		shown := (int64(f.PresentationTime()) - zero) / int64(f.Dur)
		decoded := int64(n) - r.reorder
		dts := lattice.Ticks(first + decoded)
		s.units = append(s.units, media.AccessUnit{
			Track: 1, DTS: dts, Duration: lattice.Ticks(first+decoded+1) - dts, PTS: lattice.Ticks(first + shown),
			RandomAccess: f.IsSync(), Payload: f.Data,
		})
	}
}

func (s *source) addAudio(t testing.TB, r recipe) {
	frames, d := fragmented(t, append([]string{
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=" + strconv.Itoa(r.sampleRate), "-t", strconv.FormatFloat(r.seconds, 'f', 3, 64), "-c:a",
	}, r.audio...))
	track := media.Track{ID: 2, Codec: media.AAC, Config: d.asc}
	if opus := d.boxes["dOps"]; opus != nil {
		track.Codec, track.Config = media.Opus, opus
	}
	require.NoError(t, cmaf.Complete(&track))
	s.tracks = append(s.tracks, track)

	at := startSecond*track.ClockRate + startOffset*track.ClockRate/media.VideoClockRate
	for _, f := range frames {
		s.units = append(s.units, media.AccessUnit{Track: 2, DTS: at, PTS: at, Duration: int64(f.Dur), RandomAccess: true, Payload: f.Data})
		at += int64(f.Dur)
	}
}

// description is what the tests take from a sample entry of either kind.
type description struct {
	width, height int
	boxes         map[string][]byte // the bodies of its child boxes
	asc           []byte            // AudioSpecificConfig
}

func describe(t testing.TB, entry mp4.Box) description {
	t.Helper()
	d := description{boxes: make(map[string][]byte)}
	var children []mp4.Box
	switch e := entry.(type) {
	case *mp4.VisualSampleEntryBox:
		children, d.width, d.height = e.Children, int(e.Width), int(e.Height)
	case *mp4.AudioSampleEntryBox:
		children = e.Children
		if e.Esds != nil {
			d.asc = e.Esds.DecConfigDescriptor.DecSpecificInfo.DecConfig
		}
	}
	for _, child := range children {
		var raw bytes.Buffer
		require.NoError(t, child.Encode(&raw))
		d.boxes[child.Type()] = raw.Bytes()[8:]
	}
	return d
}

// fragmented encodes with ffmpeg, and reads the samples back with another implementation than ours.
func fragmented(t testing.TB, args []string) ([]mp4.FullSample, description) {
	t.Helper()
	var stderr bytes.Buffer
	args = append(append([]string{"-nostdin", "-v", "error"}, args...),
		"-f", "mp4", "-movflags", "frag_every_frame+delay_moov+default_base_moof", "pipe:1")
	cmd := exec.Command("ffmpeg", args...)
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", strings.Join(args, " "), stderr.String())
	f, err := mp4.DecodeFile(bytes.NewReader(raw))
	require.NoError(t, err)
	var samples []mp4.FullSample
	for _, segment := range f.Segments {
		for _, fragment := range segment.Fragments {
			s, err := fragment.GetFullSamples(f.Init.Moov.Mvex.Trex)
			require.NoError(t, err)
			samples = append(samples, s...)
		}
	}
	require.NotEmpty(t, samples)
	return samples, describe(t, f.Init.Moov.Trak.Mdia.Minf.Stbl.Stsd.Children[0])
}

// publish begins a Publication of the source.
func (s *source) publish(t testing.TB, h *hub.Hub, id int64) *hub.Publication {
	t.Helper()
	p, err := h.Publish(hub.Key{Stream: "live", Stage: hub.Source}, id, s.tracks)
	require.NoError(t, err)
	return p
}

func write(p *hub.Publication, units []media.AccessUnit) {
	for _, u := range units {
		p.Write(u)
	}
}

// ladder is what came out: the units of each rendition, and why the Publication ended.
type ladder struct {
	pub    *hub.Publication
	units  map[string][]media.AccessUnit
	reason error
}

// collect reads a ladder's Publication to its end.
func collect(ctx context.Context, p *hub.Publication) *ladder {
	l := &ladder{pub: p, units: make(map[string][]media.AccessUnit)}
	sub := p.Subscribe()
	defer sub.Close()
	for {
		units, err := sub.Next(ctx, nil)
		if err != nil {
			l.reason = err
			return l
		}
		for _, u := range units {
			name := p.Track(u.Track).Rendition
			l.units[name] = append(l.units[name], u)
		}
	}
}

// awaitLadder is the next ladder after one that is known already.
func awaitLadder(ctx context.Context, t testing.TB, h *hub.Hub, after *hub.Publication) *hub.Publication {
	t.Helper()
	p, err := h.Await(ctx, hub.Key{Stream: "live", Stage: hub.Ladder}, after)
	require.NoError(t, err)
	return p
}

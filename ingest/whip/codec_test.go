package whip

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

// payloader cuts access units into RTP payloads.
type payloader interface {
	Payload(mtu uint16, unit []byte) [][]byte
}

// sample is one coded picture as a file has it.
type sample struct {
	unit []byte
	key  bool
}

// byteStream cuts a file of the byte stream format, one slice a picture, into pictures.
func byteStream(t testing.TB, name string, slice func(header byte) (slice, key bool)) (out []sample) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var unit []byte
	for _, nal := range nalsOf(b) {
		unit = append(append(unit, 0, 0, 0, 1), nal...)
		if is, key := slice(nal[0]); is {
			out = append(out, sample{unit, key})
			unit = nil
		}
	}
	require.NotEmpty(t, out)
	return out
}

func nalsOf(b []byte) (out [][]byte) {
	for _, part := range bytes.Split(b, []byte{0, 0, 1}) {
		if part = bytes.TrimRight(part, "\x00"); len(part) > 0 {
			out = append(out, part)
		}
	}
	return out
}

func avcSlice(h byte) (bool, bool)  { return h&31 == 1 || h&31 == 5, h&31 == 5 }
func hevcSlice(h byte) (bool, bool) { return h>>1 < 32, h>>1 >= 16 && h>>1 < 24 }

// ivf reads a file of that container.
func ivf(t testing.TB, name string) (out []sample) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	for b = b[32:]; len(b) > 12; {
		n := int(binary.LittleEndian.Uint32(b))
		out = append(out, sample{unit: b[12 : 12+n], key: len(out)%4 == 0})
		b = b[12+n:]
	}
	return out
}

// picturesOf has the NAL units of a picture that belong into a sample, each with its length.
func picturesOf(unit []byte, drop ...byte) (out []byte) {
	for _, nal := range nalsOf(unit) {
		if bytes.IndexByte(drop, nal[0]) < 0 {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(nal))), nal...)
		}
	}
	return out
}

var films = []struct {
	codec   media.Codec
	pack    func() payloader
	samples func(testing.TB) []sample
	want    func([]byte) []byte // of a sample
}{
	{media.H264, func() payloader { return &codecs.H264Payloader{} },
		func(t testing.TB) []sample { return byteStream(t, "large.h264", avcSlice) },
		func(b []byte) []byte { return picturesOf(b, 0x67, 0x68) }},
	{media.HEVC, func() payloader { return &codecs.H265Payloader{} },
		func(t testing.TB) []sample { return byteStream(t, "small.h265", hevcSlice) },
		func(b []byte) []byte { return picturesOf(b, 0x40, 0x42, 0x44) }},
	{media.VP9, func() payloader { return &codecs.VP9Payloader{} },
		func(t testing.TB) []sample { return ivf(t, "small-vp9.ivf") },
		func(b []byte) []byte { return b }},
	{media.AV1, func() payloader { return &codecs.AV1Payloader{} },
		func(t testing.TB) []sample { return ivf(t, "small-av1.ivf") },
		func(b []byte) []byte { return b[2:] }}, // no temporal delimiter
}

func TestCodecs(t *testing.T) {
	for _, f := range films {
		t.Run(string(f.codec), func(t *testing.T) {
			a := assembler{depacketizer: newDepacketizer(f.codec)}
			pack := f.pack()
			var got []unit
			for i, s := range f.samples(t) {
				payloads := pack.Payload(500, s.unit)
				for j, p := range payloads {
					a.push(packet{timestamp: uint32(i) * 3000, marker: j == len(payloads)-1, payload: p}, false, func(u unit, at uint32) {
						assert.Equal(t, uint32(i)*3000, at)
						got = append(got, u)
					})
				}
				lost, fault := a.damage()
				require.False(t, lost)
				require.NoError(t, fault)
				require.Len(t, got, i+1)
				assert.Equal(t, s.key, got[i].randomAccess, "picture %d", i)
				assert.Equal(t, f.want(s.unit), got[i].payload, "picture %d", i)
			}
			d := media.Track{ID: 1, Codec: f.codec, Config: got[0].config, Width: got[0].width, Height: got[0].height}
			require.NoError(t, cmaf.Complete(&d))
			assert.Equal(t, [2]int{320, 180}, [2]int{d.Width, d.Height})
			d.Rendition = "source"
			_, err := cmaf.Header(&d)
			assert.NoError(t, err)
		})
	}
}

// Whatever single packet is missing, no picture comes out that is not as it was sent.
func TestAHoleSpoilsItsPicturesOnly(t *testing.T) {
	for _, f := range films {
		t.Run(string(f.codec), func(t *testing.T) {
			samples := f.samples(t)
			var packets []packet
			pack := f.pack()
			for i, s := range samples {
				payloads := pack.Payload(300, s.unit)
				for j, p := range payloads {
					packets = append(packets, packet{timestamp: uint32(i), marker: j == len(payloads)-1, payload: p})
				}
			}
			for missing := range packets {
				a := assembler{depacketizer: newDepacketizer(f.codec)}
				out, damaged := 0, false
				for i, p := range packets {
					if i == missing {
						continue
					}
					a.push(p, i == missing+1, func(u unit, at uint32) {
						out++
						require.Equal(t, f.want(samples[at].unit), u.payload, "packet %d is missing", missing)
					})
					lost, _ := a.damage()
					damaged = damaged || lost
				}
				require.GreaterOrEqual(t, out, len(samples)-2)
				require.True(t, damaged || missing == len(packets)-1 || missing == 0 && out == len(samples)-1, "packet %d", missing)
			}
		})
	}
}

func TestBadPayloads(t *testing.T) {
	for _, c := range []struct {
		name    string
		codec   media.Codec
		payload []byte
	}{
		{"avc type 0", media.H264, []byte{0x00, 1}},
		{"avc STAP-B", media.H264, []byte{25, 0, 0, 1}},
		{"avc aggregation cut off", media.H264, []byte{24, 0, 9, 0x65}},
		{"avc fragment without start", media.H264, []byte{28, 0x05, 1}},
		{"avc fragment too short", media.H264, []byte{28, 0x85}},
		{"avc tiny SPS", media.H264, []byte{0x67, 1}},
		{"hevc too short", media.HEVC, []byte{0x26, 1}},
		{"hevc PACI", media.HEVC, []byte{50 << 1, 1, 2, 3}},
		{"hevc fragment without start", media.HEVC, []byte{49 << 1, 1, 0x13, 3}},
		{"av1 continuation of nothing", media.AV1, []byte{0x90, 1}},
		{"av1 element cut off", media.AV1, []byte{0x00, 9, 1}},
		{"vp9 without start", media.VP9, []byte{0x00, 1}},
		{"vp9 descriptor cut off", media.VP9, []byte{0xFF}},
		{"vp9 endless references", media.VP9, []byte{0x58, 3, 3, 3, 3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := assembler{depacketizer: newDepacketizer(c.codec)}
			a.push(packet{marker: true, payload: c.payload}, false, func(unit, uint32) { t.Error("a unit") })
			lost, fault := a.damage()
			assert.True(t, lost)
			assert.Error(t, fault)
		})
	}
}

func TestUnitsAreBounded(t *testing.T) {
	d := &avcDepacketizer{}
	require.NoError(t, d.push([]byte{28, 0x85, 0}))
	part := append([]byte{28, 0x05}, make([]byte, 1400)...)
	var err error
	for i := 0; err == nil; i++ {
		require.Less(t, i, maxUnit/1000)
		err = d.push(part)
	}
	d = &avcDepacketizer{}
	err = nil
	for i := 0; err == nil; i++ {
		require.LessOrEqual(t, i, maxNALUnits)
		err = d.push([]byte{0x41, 1})
	}
}

func TestReorder(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		name               string
		in                 []uint16 // sequence numbers, each a millisecond after the one before
		out                []uint16
		after              []uint16 // of these, which come after a hole
		lost, mended, gone uint64
	}{
		{"in order", []uint16{1, 2, 3}, []uint16{1, 2, 3}, nil, 0, 0, 0},
		{"wrap", []uint16{65534, 65535, 0, 1}, []uint16{65534, 65535, 0, 1}, nil, 0, 0, 0},
		{"twice", []uint16{1, 2, 2, 1, 3, 3}, []uint16{1, 2, 3}, nil, 0, 0, 0},
		{"overtaken", []uint16{1, 3, 4, 2, 5}, []uint16{1, 2, 3, 4, 5}, nil, 1, 1, 0},
		{"overtaken over the wrap", []uint16{65535, 1, 0, 2}, []uint16{65535, 0, 1, 2}, nil, 1, 1, 0},
		{"given up", []uint16{1, 3, 4, 5, 6, 7, 8, 9}, []uint16{1, 3, 4, 5, 6, 7, 8, 9}, []uint16{3}, 1, 0, 1},
		{"two holes", []uint16{1, 3, 5, 6, 7, 8, 9, 10, 11}, []uint16{1, 3, 5, 6, 7, 8, 9, 10, 11}, []uint16{3, 5}, 2, 0, 2},
		{"too late", []uint16{1, 3, 4, 5, 6, 7, 8, 9, 2, 10}, []uint16{1, 3, 4, 5, 6, 7, 8, 9, 10}, []uint16{3}, 1, 0, 1},
		{"begun anew", []uint16{1, 2, 30000, 30001}, []uint16{1, 2, 30000, 30001}, []uint16{30000}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &reorder{patience: 5 * time.Millisecond}
			var out, after []uint16
			for i, n := range c.in {
				now := start.Add(time.Duration(i) * time.Millisecond)
				r.push(packet{sequence: n, payload: []byte{byte(n)}, arrived: now})
				for {
					p, hole, ok := r.pop(now)
					if !ok {
						break
					}
					assert.Equal(t, []byte{byte(p.sequence)}, p.payload)
					if out = append(out, p.sequence); hole {
						after = append(after, p.sequence)
					}
				}
			}
			assert.Equal(t, c.out, out)
			assert.Equal(t, c.after, after)
			assert.Equal(t, [3]uint64{c.lost, c.mended, c.gone}, [3]uint64{r.lost, r.mended, r.gone})
		})
	}
}

func TestClocks(t *testing.T) {
	start := time.Unix(1000, 0)
	ntp := func(d time.Duration) uint64 {
		return uint64(3_900_000_000+int64(d/time.Second))<<32 | uint64(d%time.Second)<<32/1e9
	}
	c := &clocks{}
	video, audio := c.track(90000), c.track(48000)
	assert.Equal(t, int64(0), video.at(4_294_967_000, start), "the first is the zero of all")
	assert.Equal(t, int64(3000), video.at(2704, start.Add(time.Hour)), "over the wrap, whenever it arrives")
	assert.Equal(t, int64(9000), audio.at(500, start.Add(100*time.Millisecond)), "the second track is where it arrived")
	assert.Equal(t, int64(9000+1800), audio.at(500+960, start.Add(time.Hour)))

	// The encoder says that the sound of RTP time 500 was taken 40 ms after the first picture.
	audio.report(ntp(40*time.Millisecond), 500)
	assert.Equal(t, int64(9000+3600), audio.at(500+1920, start), "the reference has no report yet")
	video.report(ntp(0), 4_294_967_000)
	assert.InDelta(t, 3600+5400, audio.at(500+2880, start), 2)
	assert.Equal(t, int64(6000), video.at(5704, start), "the reference stays")

	video.report(ntp(time.Hour), 5704)
	assert.InDelta(t, 3600+7200, audio.at(500+3840, start), 2, "a report of another clock")
	audio.report(0, 500)
}

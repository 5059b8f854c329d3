package mpegts_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"testing/iotest"
	"time"

	oracle "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/mpegts"
	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

// record is a Session that keeps what it is given.
type record struct {
	tracks    []media.Track
	described int
	units     []ingest.Unit
	bytes     int
}

func (r *record) Describe(tracks []media.Track) error {
	r.described++
	r.tracks = nil
	for _, t := range tracks {
		if err := cmaf.Complete(&t); err != nil {
			return &ingest.Error{Reason: ingest.ReasonBadMedia, Err: err}
		}
		r.tracks = append(r.tracks, t)
	}
	return nil
}

func (r *record) Write(u ingest.Unit) error {
	r.units = append(r.units, u)
	r.bytes += len(u.Payload)
	return nil
}

func (r *record) of(track int) (out []ingest.Unit) {
	for _, u := range r.units {
		if u.Track == track {
			out = append(out, u)
		}
	}
	return out
}

func (r *record) track(id int) *media.Track {
	for i := range r.tracks {
		if r.tracks[i].ID == id {
			return &r.tracks[i]
		}
	}
	return nil
}

func read(t testing.TB, ts io.Reader) (*record, *mpegts.Counters, error) {
	t.Helper()
	r, c := &record{}, &mpegts.Counters{}
	err := mpegts.Read(ts, r, c, slog.New(slog.DiscardHandler))
	return r, c, err
}

// encode has ffmpeg make two seconds of a transport stream.
func encode(t testing.TB, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "programme.ts")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=48000",
		"-ac", "2", "-t", "2", "-preset", "ultrafast", "-threads", "1", "-g", "25"}, args...)
	out, err := exec.CommandContext(ctx, "ffmpeg", append(all, "-f", "mpegts", file)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	ts, err := os.ReadFile(file)
	require.NoError(t, err)
	return ts
}

func h264AAC(t testing.TB) []byte {
	return encode(t, "-c:v", "libx264", "-bf", "2", "-c:a", "aac")
}

// stamped is a unit as another reader sees it.
type stamped struct{ pts, dts int64 }

// viaOracle reads the pictures of a stream with the library that is not under test.
func viaOracle(t testing.TB, ts []byte) (pictures []stamped, sounds int) {
	t.Helper()
	r := &oracle.Reader{R: bytes.NewReader(ts)}
	require.NoError(t, r.Initialize())
	picture := func(pts, dts int64, _ [][]byte) error {
		pictures = append(pictures, stamped{pts, dts})
		return nil
	}
	several := func(_ int64, frames [][]byte) error { sounds += len(frames); return nil }
	one := func(int64, []byte) error { sounds++; return nil }
	for _, track := range r.Tracks() {
		switch track.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(track, picture)
		case *codecs.H265:
			r.OnDataH265(track, picture)
		case *codecs.MPEG4Audio:
			r.OnDataMPEG4Audio(track, several)
		case *codecs.MPEG4AudioLATM:
			r.OnDataMPEG4AudioLATM(track, several)
		case *codecs.MPEG1Audio:
			r.OnDataMPEG1Audio(track, several)
		case *codecs.Opus:
			r.OnDataOpus(track, several)
		case *codecs.AC3:
			r.OnDataAC3(track, one)
		}
	}
	for {
		if err := r.Read(); err != nil {
			require.ErrorIs(t, err, io.EOF)
			return pictures, sounds
		}
	}
}

func TestCodecs(t *testing.T) {
	for name, c := range map[string]struct {
		args         []string
		video, audio media.Codec
		step         int64 // between sounds, in ticks
	}{
		"h264 aac":      {[]string{"-c:v", "libx264", "-bf", "2", "-c:a", "aac"}, media.H264, media.AAC, 1920},
		"hevc opus":     {[]string{"-c:v", "libx265", "-x265-params", "log-level=0", "-c:a", "libopus"}, media.HEVC, media.Opus, 1800},
		"h264 mp2":      {[]string{"-c:v", "libx264", "-c:a", "mp2"}, media.H264, media.MPA, 2160},
		"h264 ac3":      {[]string{"-c:v", "libx264", "-c:a", "ac3"}, media.H264, media.AC3, 2880},
		"h264 dvb ac3":  {[]string{"-c:v", "libx264", "-c:a", "ac3", "-mpegts_flags", "system_b"}, media.H264, media.AC3, 2880},
		"h264 latm":     {[]string{"-c:v", "libx264", "-c:a", "aac", "-mpegts_flags", "latm"}, media.H264, media.AAC, 1920},
		"sound alone":   {[]string{"-vn", "-c:a", "aac"}, "", media.AAC, 1920},
		"picture alone": {[]string{"-an", "-c:v", "libx264"}, media.H264, "", 0},
		"open gop":      {[]string{"-c:v", "libx264", "-bf", "2", "-x264-params", "open-gop=1:bframes=2", "-c:a", "aac"}, media.H264, media.AAC, 1920},
	} {
		t.Run(name, func(t *testing.T) {
			ts := encode(t, c.args...)
			r, n, err := read(t, bytes.NewReader(ts))
			require.NoError(t, err)
			require.Equal(t, 1, r.described)
			require.Zero(t, n.Continuity.Load()+n.Damaged.Load()+n.Skipped.Load())
			require.EqualValues(t, len(r.units), n.Units.Load())
			pictures, sounds := viaOracle(t, ts)
			if c.video != "" {
				v := r.track(1)
				require.Equal(t, c.video, v.Codec)
				require.Equal(t, []int{320, 180}, []int{v.Width, v.Height})
				units := r.of(1)
				require.Equal(t, 50, len(units))
				for i, u := range units {
					require.Equal(t, pictures[i], stamped{u.DTS + u.Offset, u.DTS}, i)
				}
				require.True(t, units[0].RandomAccess)
			}
			if c.audio != "" {
				require.Equal(t, c.audio, r.track(2).Codec)
				require.Equal(t, 48000, r.track(2).SampleRate)
				require.Equal(t, 2, r.track(2).Channels)
				units := r.of(2)
				if sounds == 0 && c.audio == media.AC3 { // the other reader does not know it by DVB's descriptors
					sounds = 63
				}
				require.Equal(t, sounds, len(units))
				for i := 1; i < len(units); i++ {
					require.InDelta(t, c.step, units[i].DTS-units[i-1].DTS, 2, i)
				}
			}
		})
	}
}

// However the bytes are cut into reads, the same comes out.
func TestCutsDoNotMatter(t *testing.T) {
	ts := h264AAC(t)
	whole, _, err := read(t, bytes.NewReader(ts))
	require.NoError(t, err)
	for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(ts)), iotest.HalfReader(bytes.NewReader(ts)), iotest.DataErrReader(bytes.NewReader(ts))} {
		cut, n, err := read(t, r)
		require.NoError(t, err)
		require.Zero(t, n.Skipped.Load())
		require.True(t, reflect.DeepEqual(whole.units, cut.units))
	}
}

// Payloads are what another reader finds: NAL units with their lengths, without parameter sets.
func TestPayloads(t *testing.T) {
	r, _, err := read(t, bytes.NewReader(h264AAC(t)))
	require.NoError(t, err)
	for _, u := range r.of(1) {
		b := u.Payload
		for len(b) > 0 {
			size := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
			require.LessOrEqual(t, 4+size, len(b))
			require.NotContains(t, []byte{7, 8, 9}, b[4]&31)
			b = b[4+size:]
		}
	}
}

func TestUnsupported(t *testing.T) {
	for name, args := range map[string][]string{
		"MPEG-2 video": {"-c:v", "mpeg2video", "-c:a", "aac"},
		"E-AC-3 sound": {"-c:v", "libx264", "-c:a", "eac3"},
	} {
		_, _, err := read(t, bytes.NewReader(encode(t, args...)))
		require.Equal(t, ingest.ReasonUnsupported, ingest.ReasonOf(err))
		require.ErrorContains(t, err, name)
	}
}

// A stream is joined anywhere, loses packets, and has garbage between them: what is whole comes out.
func TestBrokenWire(t *testing.T) {
	ts := h264AAC(t)
	whole, _, err := read(t, bytes.NewReader(ts))
	require.NoError(t, err)

	joined, n, err := read(t, bytes.NewReader(ts[100:]))
	require.NoError(t, err)
	require.EqualValues(t, 88, n.Skipped.Load())
	require.NotEmpty(t, joined.units)

	var lossy []byte
	for i := 0; i < len(ts)/188; i++ {
		if i%50 != 40 {
			lossy = append(lossy, ts[188*i:188*i+188]...)
		}
		if i%70 == 30 {
			lossy = append(lossy, "garbage"...)
		}
	}
	r, n, err := read(t, bytes.NewReader(lossy))
	require.NoError(t, err)
	require.Positive(t, n.Continuity.Load())
	require.Positive(t, n.Damaged.Load())
	require.EqualValues(t, len(ts)/188/70*7, n.Skipped.Load(), 7)
	require.Less(t, len(r.units), len(whole.units))
	sent := make(map[string]bool)
	for _, u := range whole.units {
		sent[string(u.Payload)] = true
	}
	for _, u := range r.units {
		require.True(t, sent[string(u.Payload)], "no unit is other than it was sent")
	}
}

// The same packet twice in a row is one packet (2.4.3.3).
func TestDuplicates(t *testing.T) {
	ts := h264AAC(t)
	var twice []byte
	for p := ts; len(p) > 0; p = p[188:] {
		twice = append(append(twice, p[:188]...), p[:188]...)
	}
	whole, _, err := read(t, bytes.NewReader(ts))
	require.NoError(t, err)
	r, n, err := read(t, bytes.NewReader(twice))
	require.NoError(t, err)
	require.Zero(t, n.Continuity.Load())
	require.True(t, reflect.DeepEqual(whole.units, r.units))
}

// A clock that wraps goes on: the session takes the wrap out.
func TestWrap(t *testing.T) {
	ts := encode(t, "-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-muxdelay", "0", "-muxpreload", "0", "-output_ts_offset", "95442.7")
	r, _, err := read(t, bytes.NewReader(ts))
	require.NoError(t, err)
	lowest, highest := int64(1<<33), int64(0)
	for _, u := range r.units {
		require.GreaterOrEqual(t, u.DTS, int64(0))
		require.Less(t, u.DTS, int64(1<<33))
		require.Less(t, max(u.Offset, -u.Offset), int64(90000))
		lowest, highest = min(lowest, u.DTS), max(highest, u.DTS)
	}
	require.Less(t, lowest, int64(2*90000))
	require.Greater(t, highest, int64(1<<33-2*90000))
}

// A stream that is out of order and sends no decode times gets some that rise.
func TestDecodeTimesAreComputed(t *testing.T) {
	ts := withoutDTS(encode(t, "-an", "-c:v", "libx264", "-bf", "2"))
	r, _, err := read(t, bytes.NewReader(ts))
	require.NoError(t, err)
	units := r.of(1)
	require.Equal(t, 50, len(units))
	for i := 26; i < len(units); i++ { // from the second key picture on
		require.Greater(t, units[i].DTS, units[i-1].DTS, i)
		require.GreaterOrEqual(t, units[i].Offset, int64(0))
	}
}

// withoutDTS blanks the decode times of a stream.
func withoutDTS(ts []byte) []byte {
	ts = bytes.Clone(ts)
	for p := ts; len(p) >= 188; p = p[188:] {
		at := 4
		if p[3]&0x20 != 0 {
			at += 1 + int(p[4])
		}
		if p[1]&0x40 != 0 && at+19 < 188 && bytes.Equal(p[at:at+3], []byte{0, 0, 1}) && p[at+3] == 0xE0 && p[at+7]>>6 == 3 {
			p[at+7] = p[at+7]&0x3F | 0x80
			copy(p[at+14:at+19], []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
		}
	}
	return ts
}

func TestErrorsOfReaderAndSession(t *testing.T) {
	broken := errors.New("broken")
	_, _, err := read(t, iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	_, _, err = read(t, bytes.NewReader(nil))
	require.NoError(t, err)
}

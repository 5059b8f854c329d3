package check_test

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
)

// encoded makes a second of fragmented MP4 with ffmpeg.
func encoded(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=1", "-f", "lavfi", "-i", "sine=r=48000:d=1"},
		append(args, "-f", "mp4", "-movflags", "empty_moov+default_base_moof+delay_moov", "-frag_duration", "200000", "-")...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return out
}

// split cuts a fragmented MP4 into its header and its fragments.
func split(t *testing.T, file []byte) (header, media []byte) {
	t.Helper()
	at := bytes.Index(file, []byte("moof")) - 4
	require.Positive(t, at)
	return file[:at], file[at:]
}

func TestReaderAgreesWithOtherImplementations(t *testing.T) {
	tests := map[string]struct {
		codec string
		args  []string
	}{
		"AVC with B pictures": {"avc1.64000d", []string{"-map", "0:v", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-x264-params", "cabac=1:8x8dct=1:bframes=2", "-pix_fmt", "yuv420p"}},
		"HEVC":                {"hvc1.1.6.L60.90", []string{"-map", "0:v", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1", "-pix_fmt", "yuv420p"}},
		"AV1":                 {"av01.0.00M.08", []string{"-map", "0:v", "-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p"}},
		"AAC":                 {"mp4a.40.2", []string{"-map", "1:a", "-c:a", "aac"}},
		"Opus":                {"Opus", []string{"-map", "1:a", "-c:a", "libopus"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := encoded(t, test.args...)
			header, media := split(t, file)
			in, err := cmaf.ParseInit(header)
			require.NoError(t, err)
			require.Equal(t, test.codec, in.Main().Codec)
			got, err := in.ParseMedia(media)
			require.NoError(t, err)
			require.Empty(t, got.Faults)
			require.Equal(t, oracle(t, file), got.Samples)
		})
	}
}

// oracle reads the samples with another library.
func oracle(t *testing.T, b []byte) (out []cmaf.Sample) {
	t.Helper()
	file, err := mp4.DecodeFile(bytes.NewReader(b))
	require.NoError(t, err)
	trex := file.Init.Moov.Mvex.Trex
	for _, segment := range file.Segments {
		for _, fragment := range segment.Fragments {
			samples, err := fragment.GetFullSamples(trex)
			require.NoError(t, err)
			for _, s := range samples {
				out = append(out, cmaf.Sample{Track: trex.TrackID, DTS: int64(s.DecodeTime), Offset: int64(s.CompositionTimeOffset),
					Duration: s.Dur, Sync: !mp4.DecodeSampleFlags(s.Flags).SampleIsNonSync, Data: s.Data})
			}
		}
	}
	return out
}

func TestRandomAccessPicturesOfHEVC(t *testing.T) {
	header, media := split(t, encoded(t, "-map", "0:v", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=10:min-keyint=10:scenecut=0:bframes=0", "-tag:v", "hvc1", "-pix_fmt", "yuv420p"))
	in, err := cmaf.ParseInit(header)
	require.NoError(t, err)
	m, err := in.ParseMedia(media)
	require.NoError(t, err)
	for i := range m.Samples {
		s := &m.Samples[i]
		require.Equal(t, s.Sync, in.Main().RandomAccess(s.Data), "picture %d", i)
	}
}

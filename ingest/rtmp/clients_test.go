package rtmp_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gortmp "github.com/yutopp/go-rtmp"
	gomessage "github.com/yutopp/go-rtmp/message"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtmp/rtmptest"
	"github.com/stagecast/stagecast/internal/media"
)

// run runs a command to its end, and fails the test with its output where that is not a success.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.String() + stderr.String(), err
}

// encode makes two seconds of H.264 with B-pictures and AAC.
func encode(t *testing.T, rate string) (file string) {
	file = filepath.Join(t.TempDir(), "programme.mp4")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r="+rate, "-f", "lavfi", "-i", "sine=r=48000", "-t", "2",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "24", "-threads", "1", "-c:a", "aac", file)
	return file
}

// probed is a packet as ffprobe sees it.
type probed struct {
	Type  string `json:"codec_type"`
	PTS   int64  `json:"pts"`
	DTS   int64  `json:"dts"`
	Flags string `json:"flags"`
	Hash  string `json:"data_hash"`
}

// probe lists the packets of a file of kind "video" or "audio".
func probe(t *testing.T, file, kind string) (units []probed) {
	out := run(t, "ffprobe", "-v", "error", "-show_packets", "-show_data_hash", "MD5", "-of", "json", file)
	var all struct{ Packets []probed }
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	for _, p := range all.Packets {
		if p.Type == kind {
			units = append(units, p)
		}
	}
	return units
}

func hashed(kind string, units []ingest.Unit) (out []probed) {
	for _, u := range units {
		sum := md5.Sum(u.Payload)
		p := probed{Type: kind, PTS: u.DTS + u.Offset, DTS: u.DTS, Flags: "__", Hash: "MD5:" + hex.EncodeToString(sum[:])}
		if kind == "audio" || u.RandomAccess {
			p.Flags = "K_"
		}
		out = append(out, p)
	}
	return out
}

// ffmpeg's own FLV file of the same packets is what the units must be, bit by bit and tick by tick.
func TestFFmpegPublishes(t *testing.T) {
	for rate, want := range map[string]media.Rational{
		"24000/1001": {Num: 24000, Den: 1001}, "30000/1001": {Num: 30000, Den: 1001}, "60000/1001": {Num: 60000, Den: 1001}, "25": {Num: 25, Den: 1},
	} {
		t.Run(strings.ReplaceAll(rate, "/", ":"), func(t *testing.T) {
			s := serve(t, rtmp.Config{})
			source := encode(t, rate)
			flv := filepath.Join(t.TempDir(), "programme.flv")
			run(t, "ffmpeg", "-v", "error", "-i", source, "-c", "copy", flv)
			run(t, "ffmpeg", "-v", "error", "-i", source, "-c", "copy", "-f", "flv", "rtmp://"+s.address+"/live/"+rtmptest.Key)

			r := s.waitEnd()
			require.NoError(t, r.Err)
			require.Equal(t, probe(t, flv, "video"), hashed("video", r.Of(1)))
			require.Equal(t, probe(t, flv, "audio"), hashed("audio", r.Of(2)))
			require.Len(t, r.Descriptions, 1)
			require.Equal(t, want, r.Track(1).FrameRate)
			require.Equal(t, media.AAC, r.Track(2).Codec)
			require.Contains(t, s.wait(ended).Requests[0].Agent, "Lavf")
		})
	}
}

func TestFFmpegPublishesOneTrack(t *testing.T) {
	source := encode(t, "25")
	for option, codec := range map[string]media.Codec{"-an": media.H264, "-vn": media.AAC} {
		s := serve(t, rtmp.Config{})
		run(t, "ffmpeg", "-v", "error", "-i", source, "-c", "copy", option, "-f", "flv", "rtmp://"+s.address+"/live/"+rtmptest.Key)
		r := s.waitEnd()
		require.NoError(t, r.Err)
		require.Len(t, r.Descriptions, 1)
		require.Len(t, r.Descriptions[0], 1)
		require.Equal(t, codec, r.Descriptions[0][0].Codec)
		require.Equal(t, 1, r.Described[0], "metadata says that there is no other")
	}
}

func TestFFmpegPastTheExtendedTimestamp(t *testing.T) {
	s := serve(t, rtmp.Config{})
	run(t, "ffmpeg", "-v", "error", "-i", encode(t, "25"), "-c", "copy", "-output_ts_offset", "16776", "-f", "flv", "rtmp://"+s.address+"/live/"+rtmptest.Key)
	r := s.waitEnd()
	require.NoError(t, r.Err)
	units := r.Of(1)
	require.Len(t, units, 50)
	require.Less(t, units[0].DTS, int64(0xFFFFFF))
	require.Greater(t, units[49].DTS, int64(0xFFFFFF))
	for i, u := range units[1:] {
		require.InDelta(t, 40, u.DTS-units[i].DTS, 1)
	}
}

func TestFFmpegIsToldWhyItIsRefused(t *testing.T) {
	source := encode(t, "25")
	for path, reason := range map[string]ingest.Reason{"live/wrong": ingest.ReasonWrongKey, "app/" + rtmptest.Key: ingest.ReasonBadName} {
		s := serve(t, rtmp.Config{})
		out, err := try(t, "ffmpeg", "-v", "error", "-i", source, "-c", "copy", "-f", "flv", "rtmp://"+s.address+"/"+path)
		require.Error(t, err)
		require.Contains(t, out, reason.Fix())
		require.Equal(t, reason, ingest.ReasonOf(s.wait(refused).Refusals[0]))
	}
}

func TestPlayersAreToldToGo(t *testing.T) {
	s := serve(t, rtmp.Config{})
	out, err := try(t, "ffprobe", "-v", "error", "rtmp://"+s.address+"/live/"+rtmptest.Key)
	require.Error(t, err)
	require.Contains(t, out, ingest.ReasonNotPublishing.Fix())
	require.Equal(t, ingest.ReasonNotPublishing, ingest.ReasonOf(s.wait(refused).Refusals[0]))

	s = serve(t, rtmp.Config{}) // librtmp
	_, err = try(t, "rtmpdump", "-q", "-m", "5", "-r", "rtmp://"+s.address+"/live/"+rtmptest.Key, "-o", filepath.Join(t.TempDir(), "out"))
	require.Error(t, err)
	require.Equal(t, ingest.ReasonNotPublishing, ingest.ReasonOf(s.wait(refused).Refusals[0]))
}

// rtmpsink is librtmp's, with the handshake and the messages of OBS; rtmp2sink is GStreamer's own.
func TestGStreamerPublishes(t *testing.T) {
	for sink, location := range map[string]string{
		"rtmpsink":  "rtmp://%s/live/" + rtmptest.Key + " live=1",
		"rtmp2sink": "rtmp://%s/live/" + rtmptest.Key,
	} {
		t.Run(sink, func(t *testing.T) {
			s := serve(t, rtmp.Config{})
			pipeline := "videotestsrc num-buffers=60 ! video/x-raw,width=320,height=180,framerate=30/1 ! x264enc key-int-max=30 ! h264parse ! flvmux name=mux streamable=true ! " +
				sink + " name=sink audiotestsrc num-buffers=94 samplesperbuffer=1024 ! audio/x-raw,rate=48000 ! voaacenc ! mux."
			args := append([]string{"-q"}, strings.Fields(pipeline)...)
			for i, a := range args {
				if a == "name=sink" {
					args[i] = "location=" + strings.Replace(location, "%s", s.address, 1)
				}
			}
			run(t, "gst-launch-1.0", args...)
			r := s.waitEnd()
			if r.Err != nil { // librtmp's sink closes its socket without a word
				require.Equal(t, ingest.ReasonDisconnected, ingest.ReasonOf(r.Err))
			}
			require.Equal(t, media.H264, r.Track(1).Codec)
			require.Equal(t, media.AAC, r.Track(2).Codec)
			require.Equal(t, media.Rational{Num: 30, Den: 1}, r.Track(1).FrameRate)
			require.Len(t, r.Of(1), 60)
			require.InDelta(t, 94, len(r.Of(2)), 2)
			require.True(t, r.Of(1)[0].RandomAccess)
		})
	}
}

func TestGoRTMPPublishes(t *testing.T) {
	s := serve(t, rtmp.Config{})
	c, err := gortmp.Dial("rtmp", s.address, &gortmp.ConnConfig{})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Connect(&gomessage.NetConnectionConnect{Command: gomessage.NetConnectionConnectCommand{App: "live", FlashVer: "go"}}))
	stream, err := c.CreateStream(nil, 4096)
	require.NoError(t, err)
	require.NoError(t, stream.Publish(&gomessage.NetStreamPublish{PublishingName: rtmptest.Key, PublishingType: "live"}))
	messages := []rtmptest.Message{rtmptest.AVCHeader(), rtmptest.AACHeader()}
	for n := range uint32(50) { // past the extended timestamp on the way
		messages = append(messages, rtmptest.Picture(0xFFFFFF-1000+40*n, n == 0, 9000), rtmptest.Sound(0xFFFFFF-1000+40*n, 100))
	}
	for _, m := range messages {
		body := bytes.NewReader(m.Payload)
		if m.Type == 9 {
			require.NoError(t, stream.Write(6, m.Timestamp, &gomessage.VideoMessage{Payload: body}))
		} else {
			require.NoError(t, stream.Write(4, m.Timestamp, &gomessage.AudioMessage{Payload: body}))
		}
	}
	log := s.wait(func(l rtmptest.Log) bool { return len(l.Sessions) > 0 && len(l.Sessions[0].Units) == 100 })
	for n, u := range log.Sessions[0].Of(1) {
		require.EqualValues(t, 0xFFFFFF-1000+40*n, u.DTS)
		require.Equal(t, rtmptest.Picture(0, n == 0, 9000).Payload[5:], u.Payload)
	}
}

// OBS sends its key apart from its server, and both may be split in ways of their own: what counts is the path.
func TestFFmpegTakesThePathApartInItsOwnWay(t *testing.T) {
	source := encode(t, "25")
	for _, path := range []string{"/live/" + rtmptest.Key + "/", "/live/" + rtmptest.Key + "?x=y"} {
		s := serve(t, rtmp.Config{})
		run(t, "ffmpeg", "-v", "error", "-i", source, "-c", "copy", "-f", "flv", "rtmp://"+s.address+path)
		require.NoError(t, s.waitEnd().Err, path)
	}
	s := serve(t, rtmp.Config{})
	run(t, "ffmpeg", "-v", "error", "-i", source, "-c", "copy", "-f", "flv", "-rtmp_app", "live/"+rtmptest.Key, "-rtmp_playpath", "", "rtmp://"+s.address+"/")
	require.NoError(t, s.waitEnd().Err)
}

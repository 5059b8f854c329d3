package rtsp

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// Whatever an encoder announces, it is refused by name, or every track can be told a packet.
func FuzzDescription(f *testing.F) {
	for _, m := range []string{
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z2QADazZQUGfnwEQAAA+kAAOpgjxQplg,aOvjyyLA; profile-level-id=64000D\r\na=control:streamid=0\r\n",
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwA8lZgJ\r\n",
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\na=fmtp:97 sizelength=13;indexlength=3;indexdeltalength=3;config=1190\r\n",
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MP4A-LATM/44100\r\na=fmtp:97 cpresent=0;config=40002410adca00\r\n",
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\nm=application 0 RTP/AVP 98\r\na=rtpmap:98 private/90000\r\n",
	} {
		f.Add(sdpOf(m), []byte{0, 16, 0, 1 << 3, 'a'})
	}
	f.Fuzz(func(t *testing.T, text, payload []byte) {
		medias, err := parseDescription(text)
		if err != nil {
			require.NotEqual(t, ingest.ReasonInternal, ingest.ReasonOf(err))
			return
		}
		for _, m := range medias {
			if m.track != nil {
				_, _ = m.track.take(single(1, 1, true, payload), 1)
				_, _ = m.track.take(single(2, 2, false, payload), 2)
			}
		}
	})
}

// strict is a Session that requires what units have to be.
type strict struct {
	t      *testing.T
	tracks map[int]media.Codec
}

func (s *strict) Stream() string        { return "fuzz" }
func (s *strict) Link(ingest.Link)      {}
func (s *strict) Done() <-chan struct{} { return nil }
func (s *strict) Cause() error          { return nil }
func (s *strict) End(error)             {}

func (s *strict) Describe(tracks []media.Track) error {
	s.tracks = make(map[int]media.Codec)
	for _, t := range tracks {
		require.NotEmpty(s.t, t.Config)
		s.tracks[t.ID] = t.Codec
	}
	return nil
}

func (s *strict) Write(u ingest.Unit) error {
	require.NotEmpty(s.t, u.Payload)
	codec := s.tracks[u.Track]
	if codec.Kind() != media.Video {
		return nil
	}
	for b := u.Payload; len(b) > 0; {
		n := int(binary.BigEndian.Uint32(b))
		require.Positive(s.t, n)
		require.LessOrEqual(s.t, n, len(b)-4)
		b = b[4+n:]
	}
	return nil
}

// FuzzPackets sends any packets to a session of each kind: each is a length, and RTP or RTCP.
func FuzzPackets(f *testing.F) {
	seed := []byte{}
	for i, nal := range []string{avcSPS, avcPPS, "6588840011", "419a0211", "7c85aabbcc", "7c45ddeeff", "1800026501"} {
		p := single(uint16(i), uint32(i/3), i >= 2, unhex(f, nal))
		raw, err := p.Marshal()
		require.NoError(f, err)
		seed = append(append(seed, byte(len(raw))), raw...)
	}
	for kind := range byte(5) {
		f.Add(kind, seed)
	}
	descriptions := []string{
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n",
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n",
		"m=audio 0 RTP/AVP 96\r\na=rtpmap:96 MPEG4-GENERIC/48000/2\r\na=fmtp:96 sizelength=13;indexlength=3;indexdeltalength=3;config=1190\r\n",
		"m=audio 0 RTP/AVP 96\r\na=rtpmap:96 MP4A-LATM/90000/1\r\na=fmtp:96 cpresent=1\r\n",
		"m=audio 0 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n",
	}
	log := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		medias, err := parseDescription(sdpOf(descriptions[int(kind)%len(descriptions)]))
		require.NoError(t, err)
		feed := newFeed(&strict{t: t}, []*track{medias[0].track}, wire.NewDrops(causes, wire.NewMetrics("rtsp", "rtsp").Dropped, log), log)
		var report func([]byte)
		if kind >= 128 {
			report = func([]byte) {}
		}
		r, err := newReceiver(medias[0].track, feed, report)
		require.NoError(t, err)
		defer r.close()
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			packet := data[1 : 1+n : 1+n]
			r.control(packet, time.Time{})
			if _, err := r.packet(packet, time.Time{}); err != nil {
				require.NotEqual(t, ingest.ReasonInternal, ingest.ReasonOf(err))
				return
			}
			data = data[1+n:]
		}
	})
}

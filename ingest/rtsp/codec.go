package rtsp

import (
	"errors"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// codec turns the RTP packets of one format into the access units of one track. It is for one goroutine.
type codec interface {
	// take takes the next packet and the place of its timestamp on the wireClock. It returns the units that are whole now;
	// errMore where that is none yet. Units come without their Track. Any other error is why something could not be used.
	take(p *rtp.Packet, at int64) ([]ingest.Unit, error)
	// config is media.Track.Config, nil while it is not known. It changes only in take.
	config() []byte
}

var (
	errMore         = errors.New("more packets needed")
	errUnconfigured = errors.New("no decoder configuration yet")
	errNoPicture    = errors.New("no slice among the NAL units")
)

// track is one elementary stream of a session. It implements rtptime.GlobalDecoder2Track.
type track struct {
	id     int
	name   media.Codec
	format format.Format
	rate   int64 // of the RTP timestamps
	codec  codec

	report senderReport
	shift  int64 // from its place by arrival to its place by the sender's clock, in ticks of wireClock
	placed bool

	packets, bytes int // that the access unit under way has taken
}

// newTrack finds out whether we take a format. The error is an *ingest.Error with ReasonUnsupported.
func newTrack(id int, f format.Format) (*track, error) {
	t := &track{id: id, format: f, rate: int64(f.ClockRate())}
	var err error
	switch f := f.(type) {
	case *format.H264:
		t.name = media.H264
		t.codec, err = newAVC(f)
	case *format.H265:
		t.name = media.HEVC
		t.codec, err = newHEVC(f)
	case *format.MPEG4Audio:
		t.name, t.rate = media.AAC, int64(rtpRate(f.Config))
		t.codec, err = newAAC(f)
	case *format.MPEG4AudioLATM:
		t.name = media.AAC
		if f.StreamMuxConfig != nil {
			t.rate = int64(rtpRate(f.StreamMuxConfig.Programs[0].Layers[0].AudioSpecificConfig))
		}
		t.codec = newLATM(f)
	case *format.Opus:
		t.name = media.Opus
		t.codec, err = newOpus(f)
	default:
		return nil, unsupported("%s", describeFormat(f))
	}
	if err != nil {
		return nil, err
	}
	if t.rate < 1000 || t.rate > 1_000_000 {
		return nil, unsupported("%s with a clock of %d Hz", t.name, t.rate)
	}
	return t, nil
}

// unsupported is the refusal of a format. Its text goes to a status line: it is cut and made printable there.
func unsupported(text string, args ...any) error {
	e := ingest.Errorf(ingest.ReasonUnsupported, text, args...).(*ingest.Error)
	e.Fix = "Choose H.264 or HEVC, and AAC or Opus. ffmpeg: -c:v libx264 -c:a aac."
	return e
}

// ClockRate implements rtptime.GlobalDecoder2Track.
func (t *track) ClockRate() int { return int(t.rate) }

// PTSEqualsDTS implements rtptime.GlobalDecoder2Track.
func (t *track) PTSEqualsDTS(p *rtp.Packet) bool { return t.format.PTSEqualsDTS(p) }

// take is codec.take within limits: what a unit may gather in memory is bounded by its packets, which count with all their
// headers, and not only by its size. The error is an *ingest.Error where those are passed.
func (t *track) take(p *rtp.Packet, at int64) ([]ingest.Unit, error) {
	t.packets++
	t.bytes += len(p.Payload) + int(p.PaddingSize) + 12 + len(p.Extensions)*8
	units, err := t.codec.take(p, at)
	if !errors.Is(err, errMore) {
		t.packets, t.bytes = 0, 0
	}
	if t.packets > maxPackets || t.bytes > maxPacketBytes {
		return nil, ingest.Errorf(ingest.ReasonBadMedia, "an access unit of more than %d packets, or %d MiB", maxPackets, maxPacketBytes>>20)
	}
	for i := range units {
		units[i].Track = t.id
	}
	return units, err
}

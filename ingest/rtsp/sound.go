package rtsp

import (
	"errors"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpfragmented"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpsimpleaudio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/pion/rtp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

var errEmpty = errors.New("an empty access unit")

// rtpRate is the rate of the RTP timestamps of MPEG-4 Audio: that of what is heard, with all extensions
// (RFC 3640, 4.1; RFC 6416, 7.3).
func rtpRate(c *mpeg4audio.AudioSpecificConfig) int {
	if c.ExtensionSampleRate != 0 {
		return c.ExtensionSampleRate
	}
	return c.SampleRate
}

// aac is the codec of MPEG-4 Audio in the way of RFC 3640.
type aac struct {
	rtpmpeg4audio.Decoder
	rate int64
	asc  []byte
}

func newAAC(f *format.MPEG4Audio) (codec, error) {
	// RFC 3640, 3.3.6, "AAC-hbr": 13, 3, 3; 3.3.5, "AAC-lbr": 6, 2, 2. Shorter ones would make thousands of units of a packet.
	if f.SizeLength < 6 || f.SizeLength > 16 || f.IndexLength > 8 || f.IndexDeltaLength > 8 {
		return nil, unsupported("AAC with headers of %d, %d and %d bits", f.SizeLength, f.IndexLength, f.IndexDeltaLength)
	}
	asc, err := f.Config.Marshal()
	if err != nil || f.Config.SampleRate <= 0 {
		return nil, unsupported("AAC of this configuration")
	}
	a := &aac{rate: int64(f.Config.SampleRate), asc: asc}
	a.SizeLength, a.IndexLength, a.IndexDeltaLength = f.SizeLength, f.IndexLength, f.IndexDeltaLength
	return a, a.Init()
}

func (a *aac) config() []byte { return a.asc }

func (a *aac) take(p *rtp.Packet, at int64) ([]ingest.Unit, error) {
	frames, err := a.Decode(p)
	if errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded) {
		return nil, errMore
	}
	if err != nil {
		return nil, err
	}
	return soundUnits(frames, at, a.rate)
}

// soundUnits are frames of AAC in a row, the first of them at a time.
func soundUnits(frames [][]byte, at, rate int64) ([]ingest.Unit, error) {
	units := make([]ingest.Unit, 0, len(frames))
	for i, frame := range frames {
		if len(frame) == 0 {
			return nil, errEmpty
		}
		units = append(units, ingest.Unit{DTS: at + media.Rescale(int64(i)*mpeg4audio.SamplesPerAccessUnit, rate, wireClock.Rate), Payload: frame})
	}
	return units, nil
}

// latm is the codec of MPEG-4 Audio in the way of RFC 6416.
type latm struct {
	rtpfragmented.Decoder
	inBand bool
	mux    *mpeg4audio.StreamMuxConfig
	rate   int64
	asc    []byte
}

func newLATM(f *format.MPEG4AudioLATM) codec {
	l := &latm{inBand: f.CPresent}
	_ = l.Init() // never errs
	l.configure(f.StreamMuxConfig)
	return l
}

// configure takes a configuration over; only its first program and layer are heard.
func (l *latm) configure(mux *mpeg4audio.StreamMuxConfig) {
	if mux == nil {
		return
	}
	layer := mux.Programs[0].Layers[0]
	if layer.FrameLengthType == 2 {
		// Reserved (ISO/IEC 14496-3, table 1.42), and how the extension of an AudioSpecificConfig begins, which GStreamer
		// leaves in: 0x2b7. It is no layout of the stream: what was read after it is not there.
		layer.FrameLengthType = 0
		mux.OtherDataPresent, mux.CRCCheckPresent = false, false
	}
	c := layer.AudioSpecificConfig
	if asc, err := c.Marshal(); err == nil && c.SampleRate > 0 {
		l.mux, l.rate, l.asc = mux, int64(c.SampleRate), asc
	}
}

func (l *latm) config() []byte { return l.asc }

func (l *latm) take(p *rtp.Packet, at int64) ([]ingest.Unit, error) {
	raw, err := l.Decode(p)
	if errors.Is(err, rtpfragmented.ErrMorePacketsNeeded) {
		return nil, errMore
	}
	if err != nil {
		return nil, err
	}
	e := mpeg4audio.AudioMuxElement{MuxConfigPresent: l.inBand, StreamMuxConfig: l.mux}
	if err := e.Unmarshal(raw); err != nil {
		return nil, err
	}
	if e.StreamMuxConfig != l.mux {
		l.configure(e.StreamMuxConfig)
	}
	if l.asc == nil {
		return nil, errUnconfigured
	}
	frames := make([][]byte, len(e.Payloads))
	for i, program := range e.Payloads {
		frames[i] = program[0][0]
	}
	return soundUnits(frames, at, l.rate)
}

// opusSound is the codec of Opus (RFC 7587).
type opusSound struct {
	rtpsimpleaudio.Decoder
	record []byte
}

func newOpus(f *format.Opus) (codec, error) {
	if f.ChannelCount < 1 || f.ChannelCount > 2 {
		return nil, unsupported("Opus of %d channels", f.ChannelCount)
	}
	o := &opusSound{record: cmaf.OpusConfig(f.ChannelCount)}
	return o, o.Init()
}

func (o *opusSound) config() []byte { return o.record }

func (o *opusSound) take(p *rtp.Packet, at int64) ([]ingest.Unit, error) {
	frame, err := o.Decode(p)
	if err != nil {
		return nil, err
	}
	if len(frame) == 0 || opus.PacketDuration2(frame) == 0 {
		return nil, errEmpty
	}
	return []ingest.Unit{{DTS: at, Payload: frame}}, nil
}

package mpegts

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
)

var adtsRates = [...]int64{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// parseADTS reads an AAC frame with its header (ISO/IEC 13818-7, 6.2): sync word (12 bits), id, layer (2), no CRC, profile
// (2), rate (4), private, channels (3), four bits, length (13), fullness (11), further blocks (2).
func parseADTS(b []byte) (f frame, more, ok bool) {
	if b[0] != 0xFF || len(b) > 1 && b[1]&0xF6 != 0xF0 {
		return f, false, false
	}
	if len(b) < 7 {
		return f, true, false
	}
	head := 9
	if b[1]&1 != 0 {
		head = 7
	}
	profile, rate, channels := b[2]>>6, b[2]>>2&15, b[2]&1<<2|b[3]>>6
	f.size = int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	if f.size <= head || int(rate) >= len(adtsRates) || b[6]&3 != 0 { // frames of several blocks are not made by anyone
		return f, false, false
	}
	if f.size > len(b) {
		return f, true, false
	}
	f.samples, f.rate = 1024, adtsRates[rate]
	f.config = []byte{(profile+1)<<3 | rate>>1, rate<<7 | channels<<3} // AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)
	f.units = [][]byte{b[head:f.size:f.size]}
	return f, false, true
}

// latm reads AAC in LOAS (ISO/IEC 14496-3, 1.7): a frame may go on with the configuration of an earlier one.
type latm struct {
	config *mpeg4audio.StreamMuxConfig
}

func (l *latm) parse(b []byte) (f frame, more, ok bool) {
	if b[0] != 0x56 || len(b) > 1 && b[1]&0xE0 != 0xE0 { // syncword 0x2B7, 11 bits
		return f, false, false
	}
	if len(b) < 3 {
		return f, true, false
	}
	f.size = 3 + (int(b[1]&0x1F)<<8 | int(b[2])) // audioMuxLengthBytes, 13 bits
	if f.size > len(b) {
		return f, true, false
	}
	element := mpeg4audio.AudioMuxElement{MuxConfigPresent: true, StreamMuxConfig: l.config}
	if element.Unmarshal(b[3:f.size]) != nil {
		return f, false, false
	}
	c := element.StreamMuxConfig
	if len(c.Programs) == 0 || len(c.Programs[0].Layers) == 0 || c.Programs[0].Layers[0].AudioSpecificConfig == nil {
		return f, false, false
	}
	asc := c.Programs[0].Layers[0].AudioSpecificConfig
	if asc.SampleRate <= 0 {
		return f, false, false
	}
	if c != l.config {
		config, err := asc.Marshal()
		if err != nil {
			return f, false, false
		}
		l.config, f.config = c, config
	}
	f.samples, f.rate = 1024, int64(asc.SampleRate)
	for _, programmes := range element.Payloads { // one for each subframe
		if len(programmes) > 0 && len(programmes[0]) > 0 && len(programmes[0][0]) > 0 {
			f.units = append(f.units, programmes[0][0])
		}
	}
	return f, false, true
}

// parseMPA reads a frame of MPEG audio, layer II or III (ISO/IEC 11172-3, 2.4.1).
func parseMPA(b []byte) (f frame, more, ok bool) {
	if b[0] != 0xFF || len(b) > 1 && b[1]&0xE0 != 0xE0 {
		return f, false, false
	}
	if len(b) < 5 {
		return f, true, false
	}
	var h mpeg1audio.FrameHeader
	if h.Unmarshal(b) != nil || h.FrameLen() < 4 {
		return f, false, false
	}
	f.size = h.FrameLen()
	if h.MPEG2 && h.Layer == 3 { // half as many samples
		f.size = 72 * h.Bitrate / h.SampleRate
		if h.Padding {
			f.size++
		}
	}
	if f.size > len(b) {
		return f, true, false
	}
	mode := byte(0)
	if h.ChannelMode == mpeg1audio.ChannelModeMono {
		mode = 0xC0
	}
	f.samples, f.rate = int64(h.SampleCount()), int64(h.SampleRate)
	f.config = []byte{0xFF, b[1] | 1, b[2] & 0x0C, mode} // what varies from frame to frame is left out
	f.units = [][]byte{b[:f.size:f.size]}
	return f, false, true
}

// parseAC3 reads a syncframe (ETSI TS 102 366, 4.3).
func parseAC3(b []byte) (f frame, more, ok bool) {
	if b[0] != 0x0B || len(b) > 1 && b[1] != 0x77 {
		return f, false, false
	}
	if len(b) < 8 {
		return f, true, false
	}
	var sync ac3.SyncInfo
	var bsi ac3.BSI
	if sync.Unmarshal(b) != nil || bsi.Unmarshal(b[5:]) != nil {
		return f, false, false
	}
	if f.size = sync.FrameSize(); f.size > len(b) {
		return f, true, false
	}
	lfe := byte(0)
	if bsi.LfeOn {
		lfe = 1
	}
	rate := sync.Frmsizecod >> 1
	f.samples, f.rate = 1536, int64(sync.SampleRate())
	// AC3SpecificBox (F.4): fscod (2 bits), bsid (5), bsmod (3), acmod (3), lfeon, bit_rate_code (5).
	f.config = []byte{sync.Fscod<<6 | bsi.Bsid<<1 | bsi.Bsmod>>2, bsi.Bsmod<<6 | bsi.Acmod<<3 | lfe<<2 | rate>>3, rate << 5}
	f.units = [][]byte{b[:f.size:f.size]}
	return f, false, true
}

// opusSamples is how long a packet lasts.
func opusSamples(packet []byte) int64 { return opus.PacketDuration2(packet) }

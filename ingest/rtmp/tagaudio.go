package rtmp

import (
	"fmt"

	"github.com/stagecast/stagecast/internal/media"
)

// The values of an audio tag's first four bits, SoundFormat (FLV 10.1, E.4.2.1; E-RTMP v2, Enhanced Audio).
const (
	soundExHeader = 9
	soundAAC      = 10
)

// packetAudioTracks is E-RTMP v2's AudioPacketType.Multitrack, packetChannels its MultichannelConfig. The other types are
// the video's.
const (
	packetChannels    = 4
	packetAudioTracks = 5
)

var audioCodecNames = [16]string{
	0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM", 4: "Nellymoser", 5: "Nellymoser", 6: "Nellymoser", 7: "G.711 A-law", 8: "G.711 mu-law",
	11: "Speex", 12: "number 12", 13: "number 13", 14: "MP3", 15: "number 15",
}

func parseAudio(p []byte, take func(tag) error) error {
	if len(p) == 0 {
		return nil
	}
	switch format := p[0] >> 4; format {
	case soundAAC:
		if len(p) < 2 {
			return errShort(media.Audio)
		}
		// Rate, size and channels of the first byte say nothing: FLV 10.1 has them fixed for AAC.
		return take(tag{codec: media.AAC}.audioPacket(p[1], p[2:]))
	case soundExHeader:
		return parseAudioEx(p, take)
	default:
		return errCodec(media.Audio, audioCodecNames[format])
	}
}

// parseAudioEx reads E-RTMP v2's ExAudioTagHeader and ExAudioTagBody.
func parseAudioEx(p []byte, take func(tag) error) error {
	x := exHeader{kind: media.Audio, packet: p[0] & 15, rest: p[1:]}
	if err := x.skipModifications(); err != nil {
		return err
	}
	return x.tracks(packetAudioTracks, func(id uint8, fourCC, body []byte) error {
		t := tag{track: id}
		switch string(fourCC) {
		case "mp4a":
			t.codec = media.AAC
		case "Opus":
			t.codec = media.Opus
		default:
			return x.refuse(t, fmt.Sprintf("%q", fourCC), take)
		}
		return take(t.audioPacket(x.packet, body))
	})
}

// audioPacket reads what follows the codec, FLV's AACPacketType being the start of E-RTMP's AudioPacketType.
func (t tag) audioPacket(packet byte, body []byte) tag {
	t.body = body
	switch packet {
	case packetStart:
		t.content = configuration
	case packetCoded:
		t.content = coded
	case packetEnd, packetChannels:
		t.content = nothing
	default:
		t.content = unknown
	}
	return t
}

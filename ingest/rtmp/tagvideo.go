package rtmp

import (
	"fmt"

	"github.com/stagecast/stagecast/internal/media"
)

// The fields of a video tag's first byte (FLV 10.1, E.4.3.1; E-RTMP v2, Enhanced Video).
const (
	videoExHeader = 0x80 // isExVideoHeader
	frameKey      = 1    // VideoFrameType.KeyFrame
	frameCommand  = 5    // VideoFrameType.Command
	codecAVC      = 7    // VideoCodecId.Avc
)

// E-RTMP v2's VideoPacketType. The first three are also FLV's AVCPacketType.
const (
	packetStart        = 0
	packetCoded        = 1
	packetEnd          = 2
	packetCodedX       = 3
	packetMetadata     = 4
	packetStartTS      = 5
	packetVideoTracks  = 6
	packetModification = 7
)

var videoCodecNames = map[byte]string{
	2: "Sorenson H.263", 3: "Screen Video", 4: "VP6", 5: "VP6 with alpha", 6: "Screen Video 2", 12: "HEVC by number 12 instead of its FourCC",
}

func parseVideo(p []byte, take func(tag) error) error {
	if len(p) == 0 {
		return nil
	}
	frame := p[0] >> 4 & 7
	if p[0]&videoExHeader != 0 {
		return parseVideoEx(frame, p, take)
	}
	if frame == frameCommand {
		return nil
	}
	if id := p[0] & 15; id != codecAVC {
		name, ok := videoCodecNames[id]
		if !ok {
			name = fmt.Sprintf("number %d", id)
		}
		return errCodec(media.Video, name)
	}
	if len(p) < 2 {
		return errShort(media.Video)
	}
	// FLV has composition time in every packet, the enhanced form only where it can be other than zero.
	t, err := tag{codec: media.H264, key: frame == frameKey}.videoPacket(p[1], p[2:], true)
	if err != nil {
		return err
	}
	return take(t)
}

// parseVideoEx reads E-RTMP v2's ExVideoTagHeader and ExVideoTagBody.
func parseVideoEx(frame byte, p []byte, take func(tag) error) error {
	x := exHeader{kind: media.Video, packet: p[0] & 15, rest: p[1:]}
	if err := x.skipModifications(); err != nil {
		return err
	}
	if x.packet == packetMetadata || frame == frameCommand {
		return nil
	}
	return x.tracks(packetVideoTracks, func(id uint8, fourCC, body []byte) error {
		t := tag{track: id, key: frame == frameKey}
		switch string(fourCC) {
		case "avc1":
			t.codec = media.H264
		case "hvc1":
			t.codec = media.HEVC
		case "av01":
			t.codec = media.AV1
		case "vp09":
			t.codec = media.VP9
		default:
			return x.refuse(t, fmt.Sprintf("%q", fourCC), take)
		}
		if x.packet == packetStartTS {
			return x.refuse(t, "AV1 in MPEG-2 TS form", take)
		}
		t, err := t.videoPacket(x.packet, body, false)
		if err != nil {
			return err
		}
		return take(t)
	})
}

// videoPacket reads what follows the codec. legacy is FLV's form, where the composition time stands before any body.
func (t tag) videoPacket(packet byte, body []byte, legacy bool) (tag, error) {
	composed := legacy || packet == packetCoded && (t.codec == media.H264 || t.codec == media.HEVC)
	if composed {
		if len(body) < 3 {
			return tag{}, errShort(media.Video)
		}
		t.offset = int32(uint24(body)) << 8 >> 8 // signed
		body = body[3:]
	}
	t.body = body
	switch {
	case packet == packetStart:
		t.content, t.offset = configuration, 0
	case packet == packetCoded, packet == packetCodedX && !legacy:
		t.content = coded
	case packet == packetEnd, packet == packetMetadata:
		t.content = nothing
	default:
		t.content = unknown
	}
	return t, nil
}

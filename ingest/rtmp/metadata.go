package rtmp

import (
	"math"

	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// metadata is what onMetaData declares and nothing else on the wire does (FLV 10.1, E.5; E-RTMP v2, Enhancing onMetaData).
type metadata struct {
	hasVideo, hasAudio         bool // both false where no metadata came
	frameRate                  media.Rational
	videoBitrate, audioBitrate int // bits per second
	encoder                    string
}

// parseMetadata reads a data message: "@setDataFrame", "onMetaData" and the values, or without the first. ok is false for a
// data message of another name. The error is an *ingest.Error with ReasonBadMessage.
func parseMetadata(m message) (meta metadata, ok bool, err error) {
	r := amfReader{data: m.amf0()}
	values, err := r.all()
	if err != nil {
		return metadata{}, false, err
	}
	if len(values) > 0 && values[0] == "@setDataFrame" {
		values = values[1:]
	}
	if len(values) < 2 || values[0] != "onMetaData" {
		return metadata{}, false, nil
	}
	o, _ := values[1].(object)
	return metadata{
		hasVideo:     declares(o, "hasVideo", "videocodecid", "width", "videodatarate"),
		hasAudio:     declares(o, "hasAudio", "audiocodecid", "audiosamplerate", "audiodatarate"),
		frameRate:    frameRate(number(o, "framerate")),
		videoBitrate: bitrate(number(o, "videodatarate")),
		audioBitrate: bitrate(number(o, "audiodatarate")),
		encoder:      wire.Printable(o.text("encoder")),
	}, true, nil
}

// declares reports whether any of the members is there and neither false nor empty.
func declares(o object, names ...string) bool {
	for _, name := range names {
		switch v := o.get(name); v {
		case nil, false, 0.0, "":
		default:
			return true
		}
	}
	return false
}

func number(o object, name string) float64 {
	n, _ := o.get(name).(float64)
	return n
}

// bitrate is kilobits per second, the wire's unit, as bits; zero where it is not to be believed.
func bitrate(kilobits float64) int {
	if !(kilobits > 0 && kilobits < 1e6) {
		return 0
	}
	return int(kilobits * 1000)
}

// frameRate finds the exact rate that a decimal stands for: an integer, or one of the family of 30000/1001, which encoders
// write with two to fifteen digits. Zero where it is not to be believed.
func frameRate(f float64) media.Rational {
	if !(f >= 1 && f <= 300) {
		return media.Rational{}
	}
	near := math.Round(f)
	if math.Abs(f-near) < 0.001 {
		return media.Rational{Num: int64(near), Den: 1}
	}
	if near = math.Ceil(f); math.Abs(f-near*1000/1001) < 0.007 { // 23.97 has been seen for 23.976
		return media.Rational{Num: int64(near) * 1000, Den: 1001}
	}
	return media.Rational{Num: int64(math.Round(f * 1000)), Den: 1000}
}

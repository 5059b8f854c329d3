// Package media is the language the whole house speaks: tracks, access units, renditions and the clock.
//
// It owns no goroutine, no socket and no file. Every timestamp in it has already been put on the one timeline
// (ticks of the track's clock since the Unix epoch); see package ingest for where that happens.
package media

import (
	"fmt"
	"time"
)

// Kind tells pictures from sound.
type Kind uint8

// The kinds of Track.
const (
	Video Kind = iota + 1
	Audio
)

func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	}
	return "unknown"
}

// VideoClockRate is the ClockRate of every video Track, in ticks per second.
const VideoClockRate = 90000

// Codec names a coded representation.
type Codec string

// The codecs the house carries. What a Track's Config and an AccessUnit's Payload hold for each is written beside it;
// it is always what an ISO BMFF sample entry and sample would hold (ISO/IEC 14496-12), so nothing is converted on the way
// to a CMAF chunk.
const (
	H264 Codec = "h264" // Config: AVCDecoderConfigurationRecord (avcC); Payload: NAL units with 4-byte lengths
	HEVC Codec = "hevc" // Config: HEVCDecoderConfigurationRecord (hvcC); Payload: NAL units with 4-byte lengths
	AV1  Codec = "av1"  // Config: AV1CodecConfigurationRecord (av1C); Payload: low-overhead OBUs, no temporal delimiter
	VP9  Codec = "vp9"  // Config: VPCodecConfigurationRecord (vpcC without version and flags); Payload: one superframe
	AAC  Codec = "aac"  // Config: AudioSpecificConfig; Payload: one raw_data_block
	Opus Codec = "opus" // Config: OpusSpecificBox (dOps) body; Payload: one Opus packet

	// Sound that broadcasters still send and browsers do not play: the ladder makes AAC of it.
	AC3 Codec = "ac3" // Config: AC3SpecificBox (dac3) body; Payload: one syncframe
	MPA Codec = "mpa" // MPEG-1/2 audio. Config: the header of a frame without what varies from frame to frame; Payload: one frame
)

// Kind of the codec's media; zero for an unknown codec.
func (c Codec) Kind() Kind {
	switch c {
	case H264, HEVC, AV1, VP9:
		return Video
	case AAC, Opus, AC3, MPA:
		return Audio
	}
	return 0
}

// Playable reports whether players in browsers take the codec as it is. What is not must go through the ladder.
func (c Codec) Playable() bool { return c.Kind() != 0 && c != AC3 && c != MPA }

// Rational is an exact ratio such as a frame rate of 30000/1001. The zero value means unknown.
type Rational struct{ Num, Den int64 }

// Float is the ratio, or 0 where it is unknown.
func (r Rational) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// Known reports whether the ratio is set and positive.
func (r Rational) Known() bool { return r.Num > 0 && r.Den > 0 }

func (r Rational) String() string {
	if r.Den == 1 {
		return fmt.Sprintf("%d", r.Num)
	}
	return fmt.Sprintf("%d/%d", r.Num, r.Den)
}

// Track describes one elementary stream of a Publication. It is immutable once published.
type Track struct {
	ID        int    // 1, 2, …; unique within its Publication, and the AccessUnit.Track of its units
	Rendition string // name of the rendition the track is, as it stands in URLs: "720p", "audio", "source"
	Codec     Codec
	ClockRate int64  // ticks per second of DTS, PTS and Duration: VideoClockRate, or the sample rate
	Config    []byte // decoder configuration; see the Codec constants

	Width, Height int      // video: coded size in pixels, after cropping
	FrameRate     Rational // video: zero where it is variable or unknown

	SampleRate int    // audio: Hz
	Channels   int    // audio
	Language   string // audio: RFC 5646 tag; "und" where unknown

	Bitrate int // nominal bits per second; 0 where unknown

	// Aligned promises that the track's random access points are exactly its first units in each Slot of the segment
	// duration, as those of the ladder are. Segments of a track without it are cut where its key frames happen to be.
	Aligned bool
}

// Kind of the track's codec.
func (t *Track) Kind() Kind { return t.Codec.Kind() }

// AccessUnit is one coded picture or one coded audio frame.
//
// DTS, PTS and Duration are ticks of the track's ClockRate since the Unix epoch, unwrapped. DTS rises strictly within a
// track of one Publication. A Duration above zero is a promise: the next unit of the track has exactly DTS+Duration as its
// DTS. Zero means that the next unit must be awaited to know.
//
// Whoever writes an AccessUnit gives its Payload away: it is shared by every reader and never written again.
type AccessUnit struct {
	Track        int // Track.ID
	DTS, PTS     int64
	Duration     int64
	RandomAccess bool // decodable from here (IDR, CRA, key frame); always true for audio
	Payload      []byte
}

// Ticks converts a time since the Unix epoch to ticks of rate, rounding down.
func Ticks(t time.Time, rate int64) int64 {
	return t.Unix()*rate + int64(t.Nanosecond())*rate/1e9
}

// Time converts ticks of rate since the Unix epoch to a time.
func Time(ticks, rate int64) time.Time {
	s, rest := floorDiv(ticks, rate)
	return time.Unix(s, rest*1e9/rate).UTC()
}

// Rescale converts ticks of one rate to ticks of another, rounding to the nearest, without overflow for times of this era.
func Rescale(ticks, from, to int64) int64 {
	if from == to {
		return ticks
	}
	s, rest := floorDiv(ticks, from)
	return s*to + (rest*to+from/2)/from
}

// Seconds is a span of ticks in seconds; for spans and reports, never for points in time.
func Seconds(ticks, rate int64) float64 { return float64(ticks) / float64(rate) }

func floorDiv(a, b int64) (q, r int64) {
	q, r = a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

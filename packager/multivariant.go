package packager

import (
	"cmp"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
)

// audioGroup is the GROUP-ID of the sound.
const audioGroup = "audio"

func (r *rendition) describe() Rendition {
	return Rendition{Track: r.track, Codec: cmaf.CodecString(&r.track), Peak: r.peak}
}

// multivariant lists one variant for each picture, each with the sound, best first; or the sound alone.
func (p *Packager) multivariant() *hls.MultivariantPlaylist {
	m := &hls.MultivariantPlaylist{}
	var sound *rendition
	for _, r := range p.order {
		if r.track.Kind() == media.Audio {
			sound = r
		}
	}
	for _, r := range p.order {
		if r.track.Kind() == media.Video {
			m.Variants = append(m.Variants, variant(r, sound))
		}
	}
	switch {
	case sound == nil:
	case len(m.Variants) == 0:
		m.Variants = []hls.Variant{variant(sound, nil)}
	default:
		m.Media = []hls.Media{{
			Type: "AUDIO", GroupID: audioGroup, Name: "Audio", Language: cmp.Or(sound.track.Language, "und"), Channels: sound.track.Channels,
			Default: true, URI: sound.uri(),
		}}
	}
	return m
}

func variant(r, sound *rendition) hls.Variant {
	v := hls.Variant{
		URI: r.uri(), Codecs: []string{cmaf.CodecString(&r.track)},
		Width: r.track.Width, Height: r.track.Height, FrameRate: r.frameRate(),
	}
	v.Bandwidth, v.AverageBandwidth = r.rates()
	if sound != nil {
		peak, average := sound.rates()
		v.Bandwidth += peak
		v.AverageBandwidth += average
		v.Codecs = append(v.Codecs, cmaf.CodecString(&sound.track))
		v.Audio = audioGroup
	}
	return v
}

func (r *rendition) uri() string { return r.track.Rendition + "/index.m3u8" }

// rates are the peak and the average bit rate of the rendition, with what the container adds: the nominal ones, or those
// measured where they are higher or nothing is known. The encoder's buffer lets a segment exceed the nominal rate by a
// quarter.
//
// RFC 8216bis, EXT-X-STREAM-INF: BANDWIDTH is at least the peak segment bit rate.
func (r *rendition) rates() (peak, average int) {
	nominal := r.track.Bitrate + r.track.Bitrate/50
	peak, average = nominal+nominal/4, nominal
	if r.track.Kind() == media.Audio {
		peak = nominal + nominal/10
	}
	measured := int(r.peak + r.peak/20)
	if !r.track.Aligned && nominal == 0 {
		measured = int(r.peak + r.peak/5) // all that is known is the past: leave room
	}
	return max(peak, measured), max(average, r.averageRate())
}

func (r *rendition) averageRate() int {
	var ns int64
	for _, l := range r.listed {
		if !l.segment.Gap {
			ns += int64(l.segment.Duration)
		}
	}
	if ns == 0 {
		return 0
	}
	return int(float64(r.bits) / (float64(ns) / 1e9))
}

// frameRate is the track's, or the measured one of the last segment where the track does not say.
func (r *rendition) frameRate() float64 {
	if r.track.FrameRate.Known() || r.track.Kind() == media.Audio {
		return r.track.FrameRate.Float()
	}
	return r.measuredRate
}

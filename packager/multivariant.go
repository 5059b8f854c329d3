package packager

import (
	"cmp"
	"slices"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
)

func (r *rendition) describe() Rendition {
	return Rendition{Track: r.track, Codec: cmaf.CodecString(&r.track), Peak: r.peak}
}

// multivariant lists one variant for each picture, each with the sound that goes with it, best first; or the sound alone. Each bit rate
// of the sound is a group of its own: RFC 8216bis, Rendition Groups, has the renditions of one group differ in their language, and
// players choose the group by its variant.
func (p *Packager) multivariant() *hls.MultivariantPlaylist {
	m := &hls.MultivariantPlaylist{}
	var pictures, sounds []*rendition
	for _, r := range p.order {
		if r.track.Kind() == media.Audio {
			sounds = append(sounds, r)
		} else {
			pictures = append(pictures, r)
		}
	}
	if len(pictures) == 0 {
		for _, s := range sounds {
			m.Variants = append(m.Variants, variant(s, nil))
		}
		return m
	}
	used := make(map[*rendition]bool)
	for _, r := range pictures {
		s := sound(r, sounds)
		used[s] = true
		m.Variants = append(m.Variants, variant(r, s))
	}
	for _, s := range sounds {
		if used[s] {
			m.Media = append(m.Media, hls.Media{
				Type: "AUDIO", GroupID: s.track.Rendition, Name: "Audio", Language: cmp.Or(s.track.Language, "und"), Channels: s.track.Channels,
				Default: true, URI: s.uri(),
			})
		}
	}
	return m
}

// soundShare is the part of a picture's bit rate that its sound may come near to: with a small picture goes a small sound.
const soundShare = 7

// sound that goes with a picture: the best that takes no more than a part of its bit rate, else the least; nil where there is none.
func sound(picture *rendition, sounds []*rendition) *rendition {
	for _, s := range sounds {
		if s.track.Bitrate*soundShare <= picture.track.Bitrate {
			return s
		}
	}
	if len(sounds) == 0 {
		return nil
	}
	return sounds[len(sounds)-1]
}

func variant(r, sound *rendition) hls.Variant {
	v := hls.Variant{
		URI: r.uri(), Codecs: r.codecs(),
		Width: r.track.Width, Height: r.track.Height, FrameRate: r.frameRate(),
	}
	v.Bandwidth, v.AverageBandwidth = r.rates()
	if sound != nil {
		peak, average := sound.rates()
		v.Bandwidth += peak
		v.AverageBandwidth += average
		v.Codecs = append(v.Codecs, sound.codecs()...)
		v.Audio = sound.track.Rendition
	}
	return v
}

// codecs are those of the track, and of what is still listed from before it.
//
// RFC 8216bis, EXT-X-STREAM-INF: CODECS lists every format that is present in one or more of the renditions of the variant.
func (r *rendition) codecs() []string {
	all := []string{cmaf.CodecString(&r.track)}
	for _, l := range r.listed {
		if l.codec != "" && !slices.Contains(all, l.codec) {
			all = append(all, l.codec)
		}
	}
	return all
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

package packager

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// playlist is the rendition's current Media Playlist; nil while it has no whole segment. targetSeconds is the stream's
// target duration.
func (r *rendition) playlist(targetSeconds int, ended bool, reports []hls.RenditionReport) *hls.MediaPlaylist {
	if len(r.listed) == 0 {
		return nil
	}
	first := r.listed[0]
	target := time.Duration(targetSeconds) * time.Second
	part := r.config.Profile.PartTarget()
	p := &hls.MediaPlaylist{
		TargetDuration: targetSeconds,
		PartTarget:     part,
		PartHoldBack:   3 * part,   // Apple, 14.3: at least three times PART-TARGET
		HoldBack:       3 * target, // RFC 8216bis, EXT-X-SERVER-CONTROL: at least three target durations
		CanSkipUntil:   6 * target, // likewise: at least six
		MediaSequence:  r.number - int64(len(r.listed)),
		Segments:       make([]*hls.Segment, len(r.listed)),
		Ended:          ended,
	}
	// The number of the first segment, less its own tag, which stands in the playlist and counts.
	p.DiscontinuitySequence = first.disc
	if first.segment.Discontinuity {
		p.DiscontinuitySequence--
	}
	for i, l := range r.listed {
		p.Segments[i] = l.segment
	}
	if ended {
		return p
	}
	if len(r.parts) > 0 {
		p.Open, p.OpenHead = r.parts[:len(r.parts):len(r.parts)], r.head
	}
	p.PreloadHint = r.partName(r.number, len(r.parts))
	p.Reports = reports
	return p
}

// report is what other playlists say of this one.
func (r *rendition) report() hls.RenditionReport {
	rr := hls.RenditionReport{URI: "../" + r.track.Rendition + "/index.m3u8", LastMSN: r.number, LastPart: len(r.parts) - 1}
	if len(r.parts) == 0 {
		rr.LastMSN--
		rr.LastPart = -1
		if n := len(r.listed); n > 0 {
			rr.LastPart = len(r.listed[n-1].segment.Parts) - 1
		}
	}
	return rr
}

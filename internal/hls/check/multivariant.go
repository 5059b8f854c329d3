package check

import (
	"strings"

	"github.com/stagecast/stagecast/internal/hls"
)

// MultivariantPlaylist checks the rules that a Multivariant Playlist keeps or breaks by itself.
func MultivariantPlaylist(r *Report, where string, p *hls.ParsedMultivariant) {
	need, why := requiredVersion(p.Lines)
	r.Expect("L05", p.Version >= need, where, "version %d, but %s needs %d", p.Version, why, need)
	r.Expect("L94", p.IndependentSegments, where, "no EXT-X-INDEPENDENT-SEGMENTS")
	groups := mediaGroups(r, where, p.Media)
	rates := make(map[int64]bool)
	for i := range p.Variants {
		v := &p.Variants[i]
		variant(r, where, v, groups)
		if IsVideo(v) {
			rates[v.Bandwidth] = true
		}
	}
	r.Expect("L95", len(rates) > 1, where, "%d video bit rates", len(rates))
}

func variant(r *Report, where string, v *hls.ParsedVariant, groups map[string]bool) {
	r.Expect("L90", true, where, "") // an absent BANDWIDTH is a fault of grammar
	r.Expect("L86", v.Codecs != "", where, "line %d: no CODECS", v.Line)
	r.Expect("L92", v.AverageBandwidth > 0, where, "line %d: no AVERAGE-BANDWIDTH", v.Line)
	if IsVideo(v) {
		r.Expect("L88", v.Width > 0 && v.Height > 0, where, "line %d: no RESOLUTION", v.Line)
		r.Expect("L89", v.FrameRate > 0, where, "line %d: no FRAME-RATE", v.Line)
	}
	for kind, id := range map[string]string{"AUDIO": v.Audio, "VIDEO": v.Video, "SUBTITLES": v.Subtitles} {
		r.Expect("L93", id == "" || groups[kind+" "+id], where, "line %d: no EXT-X-MEDIA of TYPE=%s has GROUP-ID %q", v.Line, kind, id)
	}
}

// mediaGroups checks the EXT-X-MEDIA tags, and returns the groups that they form, as "TYPE GROUP-ID".
func mediaGroups(r *Report, where string, media []hls.ParsedRendition) map[string]bool {
	groups, names, defaults := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, m := range media {
		group := m.Type + " " + m.GroupID
		groups[group] = true
		name := group + " " + m.Name
		r.Expect("L93", !names[name], where, "line %d: NAME %q appears twice in group %q", m.Line, m.Name, m.GroupID)
		names[name] = true
		r.Expect("L93", !m.Default || !defaults[group], where, "line %d: a second DEFAULT=YES in group %q", m.Line, m.GroupID)
		defaults[group] = defaults[group] || m.Default
		if m.Type != "VIDEO" {
			r.Expect("L94", m.Language != "", where, "line %d: no LANGUAGE", m.Line)
		}
	}
	return groups
}

// IsVideo reports whether a variant has pictures.
func IsVideo(v *hls.ParsedVariant) bool {
	if v.Width > 0 || v.FrameRate > 0 {
		return true
	}
	for _, codec := range strings.Split(v.Codecs, ",") {
		switch name, _, _ := strings.Cut(strings.TrimSpace(codec), "."); name {
		case "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "av01", "vp09", "vp08":
			return true
		}
	}
	return v.Codecs == ""
}

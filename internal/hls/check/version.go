package check

import (
	"strings"

	"github.com/stagecast/stagecast/internal/hls"
)

// requiredVersion is the lowest EXT-X-VERSION that the tags used allow, and the tag that asks for it (RFC 8216bis 8).
func requiredVersion(lines []hls.Line) (version int, why string) {
	version, why = 1, "no tag"
	framesOnly := false
	for _, l := range lines {
		framesOnly = framesOnly || l.Tag == "EXT-X-I-FRAMES-ONLY"
	}
	for _, l := range lines {
		if v := versionOf(l, framesOnly); v > version {
			version, why = v, l.Tag
		}
	}
	return version, why
}

func versionOf(l hls.Line, framesOnly bool) int {
	switch l.Tag {
	case "EXTINF":
		if d, _, _ := strings.Cut(l.Value, ","); strings.Contains(d, ".") {
			return 3
		}
	case "EXT-X-BYTERANGE", "EXT-X-I-FRAMES-ONLY":
		return 4
	case "EXT-X-KEY":
		return keyVersion(l.Attrs)
	case "EXT-X-MAP":
		if framesOnly {
			return 5
		}
		return 6
	case "EXT-X-MEDIA":
		if strings.HasPrefix(l.Attrs.Value("INSTREAM-ID"), "SERVICE") {
			return 7
		}
	case "EXT-X-DEFINE":
		if l.Attrs.Value("QUERYPARAM") != "" {
			return 11
		}
		return 8
	case "EXT-X-SKIP":
		if _, ranges := l.Attrs.Get("RECENTLY-REMOVED-DATERANGES"); ranges {
			return 10
		}
		return 9
	case "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF":
		for _, a := range l.Attrs {
			if strings.HasPrefix(a.Name, "REQ-") {
				return 12
			}
		}
	}
	return 1
}

func keyVersion(a hls.Attrs) int {
	switch {
	case a.Value("KEYFORMAT") != "" || a.Value("KEYFORMATVERSIONS") != "":
		return 5
	case a.Value("IV") != "":
		return 2
	}
	return 1
}

package hls

import (
	"fmt"
	"strings"
)

// MultivariantPlaylist lists the renditions of one presentation. It is immutable once handed over.
type MultivariantPlaylist struct {
	Media    []Media
	Variants []Variant
}

// Media is an EXT-X-MEDIA line.
type Media struct {
	Type     string // AUDIO or SUBTITLES
	GroupID  string
	Name     string
	Language string // RFC 5646
	Channels int    // AUDIO; 0: not written
	Default  bool
	URI      string
}

// Variant is an EXT-X-STREAM-INF line and its URI.
type Variant struct {
	URI              string
	Bandwidth        int // peak, bits per second, all renditions of the variant together
	AverageBandwidth int
	Codecs           []string
	Width, Height    int     // 0 for sound alone
	FrameRate        float64 // 0 where unknown
	Audio            string  // GROUP-ID; empty for none
}

// String renders the playlist.
func (m *MultivariantPlaylist) String() string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	for _, r := range m.Media {
		fmt.Fprintf(&b, "#EXT-X-MEDIA:TYPE=%s,GROUP-ID=%q,NAME=%q,LANGUAGE=%q,DEFAULT=%s,AUTOSELECT=YES", r.Type, r.GroupID, r.Name, r.Language, yesNo(r.Default))
		if r.Channels > 0 {
			fmt.Fprintf(&b, ",CHANNELS=\"%d\"", r.Channels)
		}
		fmt.Fprintf(&b, ",URI=%q\n", r.URI)
	}
	for _, v := range m.Variants {
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS=%q", v.Bandwidth, v.AverageBandwidth, strings.Join(v.Codecs, ","))
		if v.Width > 0 {
			fmt.Fprintf(&b, ",RESOLUTION=%dx%d", v.Width, v.Height)
		}
		if v.FrameRate > 0 {
			fmt.Fprintf(&b, ",FRAME-RATE=%.3f", v.FrameRate)
		}
		if v.Audio != "" {
			fmt.Fprintf(&b, ",AUDIO=%q", v.Audio)
		}
		b.WriteString("\n" + v.URI + "\n")
	}
	return b.String()
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

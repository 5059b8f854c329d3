package hls

// ParsedMultivariant is a Multivariant Playlist as it was read.
type ParsedMultivariant struct {
	Lines               []Line
	Version             int // 1 where the tag is absent
	IndependentSegments bool
	Variants            []ParsedVariant
	IFrames             []ParsedVariant // EXT-X-I-FRAME-STREAM-INF
	Media               []ParsedRendition
}

// ParsedVariant is an EXT-X-STREAM-INF with its URI, or an EXT-X-I-FRAME-STREAM-INF. 0 and "" stand for absent attributes.
type ParsedVariant struct {
	Line             int
	URI              string
	Bandwidth        int64 // bits per second
	AverageBandwidth int64 // bits per second
	Codecs           string
	Width, Height    int64
	FrameRate        float64
	Audio            string // GROUP-ID
	Video            string
	Subtitles        string
	ClosedCaptions   string // GROUP-ID, or "NONE" as the enumerated-string
}

// ParsedRendition is an EXT-X-MEDIA.
type ParsedRendition struct {
	Line       int
	Type       string
	GroupID    string
	Name       string
	Language   string
	URI        string
	Default    bool
	Autoselect bool
	Forced     bool
	Channels   string
	InstreamID string
}

// ParseMultivariant reads a Multivariant Playlist as strictly as RFC 8216bis is written. Its error is as ParseMedia's.
func ParseMultivariant(text []byte) (*ParsedMultivariant, error) {
	r := &multivariantReader{p: &ParsedMultivariant{Version: 1}}
	if !r.read(text, inMultivariant) {
		return nil, r.err()
	}
	r.p.Lines = r.lines
	for _, l := range r.lines {
		r.take(l)
	}
	if r.open != nil {
		r.problem(r.open.Line, BadStructure, "EXT-X-STREAM-INF", "without a URI")
	}
	return r.p, r.err()
}

type multivariantReader struct {
	reader
	p    *ParsedMultivariant
	open *ParsedVariant // waits for its URI
}

func (r *multivariantReader) take(l Line) {
	// RFC 8216bis 4.4.6.2: the URI line follows the EXT-X-STREAM-INF tag.
	if r.open != nil && l.Tag != "" {
		r.problem(l.Number, BadStructure, l.Tag, "between EXT-X-STREAM-INF and its URI")
	}
	switch l.Tag {
	case "":
		r.uri(l)
	case "EXT-X-VERSION":
		n, ok := parseInt(l.Value)
		if !ok || n > 1000 {
			r.problem(l.Number, BadSyntax, l.Tag, "%.40q is no number", l.Value)
		}
		r.p.Version = int(n)
	case "EXT-X-INDEPENDENT-SEGMENTS":
		r.p.IndependentSegments = true
	case "EXT-X-STREAM-INF":
		v := variant(l)
		r.open = &v
	case "EXT-X-I-FRAME-STREAM-INF":
		v := variant(l)
		v.URI = l.Attrs.Value("URI")
		r.p.IFrames = append(r.p.IFrames, v)
	case "EXT-X-MEDIA":
		r.p.Media = append(r.p.Media, rendition(l))
	}
}

func (r *multivariantReader) uri(l Line) {
	if r.open == nil {
		r.problem(l.Number, BadStructure, "", "URI without an EXT-X-STREAM-INF")
		return
	}
	r.open.URI = l.Value
	r.p.Variants = append(r.p.Variants, *r.open)
	r.open = nil
}

func variant(l Line) ParsedVariant {
	a := l.Attrs
	v := ParsedVariant{Line: l.Number, Codecs: a.Value("CODECS"), Audio: a.Value("AUDIO"), Video: a.Value("VIDEO"),
		Subtitles: a.Value("SUBTITLES"), ClosedCaptions: a.Value("CLOSED-CAPTIONS"),
		Bandwidth: integerOr(l, "BANDWIDTH", 0), AverageBandwidth: integerOr(l, "AVERAGE-BANDWIDTH", 0),
		FrameRate: seconds(l, "FRAME-RATE").Seconds()}
	v.Width, v.Height, _ = parseResolution(a.Value("RESOLUTION"))
	return v
}

func rendition(l Line) ParsedRendition {
	a := l.Attrs
	return ParsedRendition{Line: l.Number, Type: a.Value("TYPE"), GroupID: a.Value("GROUP-ID"), Name: a.Value("NAME"),
		Language: a.Value("LANGUAGE"), URI: a.Value("URI"), Default: a.Yes("DEFAULT"), Autoselect: a.Yes("AUTOSELECT"),
		Forced: a.Yes("FORCED"), Channels: a.Value("CHANNELS"), InstreamID: a.Value("INSTREAM-ID")}
}

package hls

// scope says in which kind of playlist a tag may stand.
type scope uint8

const (
	inMedia scope = 1 << iota
	inMultivariant
	inBoth = inMedia | inMultivariant
)

// form of what follows a tag's name.
type form uint8

const (
	bare   form = iota // nothing
	scalar             // one value, read where the tag is
	list               // an attribute list
)

// attrType is the form of an attribute's value (RFC 8216bis 4.2).
type attrType uint8

const (
	anyValue     attrType = iota
	integer               // decimal-integer
	float                 // decimal-floating-point
	signedFloat           // signed-decimal-floating-point
	quoted                // quoted-string
	byteRange             // quoted-string of the form n[@o]
	dateTime              // quoted-string that holds an ISO 8601 date
	enumerated            // enumerated-string
	yes                   // enumerated-string whose only value is YES
	yesOrNo               // enumerated-string
	hexadecimal           // hexadecimal-sequence
	resolution            // decimal-resolution
	quotedOrNone          // quoted-string, or the enumerated-string NONE
)

// tagSpec is what the grammar says of one tag.
type tagSpec struct {
	scope    scope
	once     bool
	form     form
	attrs    map[string]attrType
	required []string
}

var keyAttrs = map[string]attrType{"METHOD": enumerated, "URI": quoted, "IV": hexadecimal, "KEYFORMAT": quoted, "KEYFORMATVERSIONS": quoted}

// grammar holds every tag of RFC 8216bis 4.4. Tags that are not here are ignored, as the draft asks of clients.
var grammar = map[string]tagSpec{
	"EXTM3U":                     {scope: inBoth, once: true},
	"EXT-X-VERSION":              {scope: inBoth, once: true, form: scalar},
	"EXT-X-INDEPENDENT-SEGMENTS": {scope: inBoth, once: true},
	"EXT-X-START": {scope: inBoth, once: true, form: list, required: []string{"TIME-OFFSET"},
		attrs: map[string]attrType{"TIME-OFFSET": signedFloat, "PRECISE": yesOrNo}},
	"EXT-X-DEFINE": {scope: inBoth, form: list,
		attrs: map[string]attrType{"NAME": quoted, "VALUE": quoted, "IMPORT": quoted, "QUERYPARAM": quoted}},

	"EXT-X-TARGETDURATION":         {scope: inMedia, once: true, form: scalar},
	"EXT-X-MEDIA-SEQUENCE":         {scope: inMedia, once: true, form: scalar},
	"EXT-X-DISCONTINUITY-SEQUENCE": {scope: inMedia, once: true, form: scalar},
	"EXT-X-ENDLIST":                {scope: inMedia, once: true},
	"EXT-X-PLAYLIST-TYPE":          {scope: inMedia, once: true, form: scalar},
	"EXT-X-I-FRAMES-ONLY":          {scope: inMedia, once: true},
	"EXT-X-PART-INF": {scope: inMedia, once: true, form: list, required: []string{"PART-TARGET"},
		attrs: map[string]attrType{"PART-TARGET": float}},
	"EXT-X-SERVER-CONTROL": {scope: inMedia, once: true, form: list,
		attrs: map[string]attrType{"CAN-SKIP-UNTIL": float, "CAN-SKIP-DATERANGES": yes, "HOLD-BACK": float,
			"PART-HOLD-BACK": float, "CAN-BLOCK-RELOAD": yes}},

	"EXTINF":                  {scope: inMedia, form: scalar},
	"EXT-X-BYTERANGE":         {scope: inMedia, form: scalar},
	"EXT-X-DISCONTINUITY":     {scope: inMedia},
	"EXT-X-KEY":               {scope: inMedia, form: list, required: []string{"METHOD"}, attrs: keyAttrs},
	"EXT-X-MAP":               {scope: inMedia, form: list, required: []string{"URI"}, attrs: map[string]attrType{"URI": quoted, "BYTERANGE": byteRange}},
	"EXT-X-PROGRAM-DATE-TIME": {scope: inMedia, form: scalar},
	"EXT-X-GAP":               {scope: inMedia},
	"EXT-X-BITRATE":           {scope: inMedia, form: scalar},
	"EXT-X-PART": {scope: inMedia, form: list, required: []string{"URI", "DURATION"},
		attrs: map[string]attrType{"URI": quoted, "DURATION": float, "INDEPENDENT": yes, "BYTERANGE": byteRange, "GAP": yes}},

	"EXT-X-DATERANGE": {scope: inMedia, form: list, required: []string{"ID"},
		attrs: map[string]attrType{"ID": quoted, "CLASS": quoted, "START-DATE": dateTime, "CUE": quoted, "END-DATE": dateTime,
			"DURATION": float, "PLANNED-DURATION": float, "SCTE35-CMD": hexadecimal, "SCTE35-OUT": hexadecimal,
			"SCTE35-IN": hexadecimal, "END-ON-NEXT": yes}},
	"EXT-X-SKIP": {scope: inMedia, once: true, form: list, required: []string{"SKIPPED-SEGMENTS"},
		attrs: map[string]attrType{"SKIPPED-SEGMENTS": integer, "RECENTLY-REMOVED-DATERANGES": quoted}},
	"EXT-X-PRELOAD-HINT": {scope: inMedia, form: list, required: []string{"TYPE", "URI"},
		attrs: map[string]attrType{"TYPE": enumerated, "URI": quoted, "BYTERANGE-START": integer, "BYTERANGE-LENGTH": integer}},
	"EXT-X-RENDITION-REPORT": {scope: inMedia, form: list, required: []string{"URI"},
		attrs: map[string]attrType{"URI": quoted, "LAST-MSN": integer, "LAST-PART": integer}},

	"EXT-X-MEDIA": {scope: inMultivariant, form: list, required: []string{"TYPE", "GROUP-ID", "NAME"},
		attrs: map[string]attrType{"TYPE": enumerated, "URI": quoted, "GROUP-ID": quoted, "LANGUAGE": quoted,
			"ASSOC-LANGUAGE": quoted, "NAME": quoted, "STABLE-RENDITION-ID": quoted, "DEFAULT": yesOrNo,
			"AUTOSELECT": yesOrNo, "FORCED": yesOrNo, "INSTREAM-ID": quoted, "BIT-DEPTH": integer, "SAMPLE-RATE": integer,
			"CHARACTERISTICS": quoted, "CHANNELS": quoted}},
	"EXT-X-STREAM-INF": {scope: inMultivariant, form: list, required: []string{"BANDWIDTH"}, attrs: streamAttrs("FRAME-RATE")},
	"EXT-X-I-FRAME-STREAM-INF": {scope: inMultivariant, form: list, required: []string{"BANDWIDTH", "URI"},
		attrs: streamAttrs("URI")},
	"EXT-X-SESSION-DATA": {scope: inMultivariant, form: list, required: []string{"DATA-ID"},
		attrs: map[string]attrType{"DATA-ID": quoted, "VALUE": quoted, "URI": quoted, "FORMAT": enumerated, "LANGUAGE": quoted}},
	"EXT-X-SESSION-KEY": {scope: inMultivariant, form: list, required: []string{"METHOD", "URI"}, attrs: keyAttrs},
	"EXT-X-CONTENT-STEERING": {scope: inMultivariant, once: true, form: list, required: []string{"SERVER-URI"},
		attrs: map[string]attrType{"SERVER-URI": quoted, "PATHWAY-ID": quoted}},
}

// streamAttrs is the attribute list of EXT-X-STREAM-INF, and of EXT-X-I-FRAME-STREAM-INF where own is "URI".
func streamAttrs(own string) map[string]attrType {
	attrs := map[string]attrType{"BANDWIDTH": integer, "AVERAGE-BANDWIDTH": integer, "SCORE": float, "CODECS": quoted,
		"SUPPLEMENTAL-CODECS": quoted, "RESOLUTION": resolution, "HDCP-LEVEL": enumerated, "ALLOWED-CPC": quoted,
		"VIDEO-RANGE": enumerated, "REQ-VIDEO-LAYOUT": quoted, "STABLE-VARIANT-ID": quoted, "PATHWAY-ID": quoted, "VIDEO": quoted}
	if own == "URI" {
		attrs["URI"] = quoted
		return attrs
	}
	for name, t := range map[string]attrType{"FRAME-RATE": float, "AUDIO": quoted, "SUBTITLES": quoted, "CLOSED-CAPTIONS": quotedOrNone} {
		attrs[name] = t
	}
	return attrs
}

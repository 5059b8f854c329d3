package check

// Level says how much a rule binds.
type Level uint8

// The levels, from the strictest.
const (
	Must      Level = iota + 1 // a MUST of the draft, its Appendix B.1 included
	AppleMust                  // a MUST of Apple's HLS Authoring Specification only
	Should                     // a SHOULD of the draft, or well-founded practice
	Ops                        // needs a hand on source, cache or network to see
)

func (l Level) String() string {
	switch l {
	case Must:
		return "MUST"
	case AppleMust:
		return "A-MUST"
	case Should:
		return "SHOULD"
	case Ops:
		return "OPS"
	}
	return "unknown"
}

// Rule is one rule of Low-Latency HLS.
type Rule struct {
	ID     string
	Level  Level
	Text   string
	Source string // "bis-22" is draft-pantos-hls-rfc8216bis-22, "Apple" the HLS Authoring Specification
}

// Rules are all of them, in the order of their IDs.
var Rules = []Rule{
	{"L01", Must, "Playlist is UTF-8, no BOM, no control characters, first line #EXTM3U", "bis-22 4.1, 4.4.1.1"},
	{"L02", Must, "Playlist is identified by .m3u8/.m3u path or by Content-Type application/vnd.apple.mpegurl or audio/mpegurl", "bis-22 4"},
	{"L03", Must, "Attribute lists and numbers are well formed: quoted where quoted-string, bare where enumerated, no stray whitespace, no doubles", "bis-22 4.1, 4.2"},
	{"L04", Must, "No media tag in a multivariant playlist or the reverse; singleton tags once; every URI has its EXTINF", "bis-22 4.1, 4.4.3"},
	{"L05", Must, "EXT-X-VERSION is high enough for the tags used (float EXTINF 3, BYTERANGE 4, MAP 6, SKIP 9, skipped date ranges 10)", "bis-22 8"},
	{"L06", Should, "EXT-X-VERSION is not higher than the tags need", "bis-22 6.2.1"},
	{"L07", Must, "EXT-X-TARGETDURATION is present, an integer >= 1, and every EXTINF rounded to an integer is <= it", "bis-22 4.4.3.1"},
	{"L08", Must, "EXT-X-TARGETDURATION never changes", "bis-22 6.2.1"},
	{"L09", Must, "All media playlists have the same target duration", "bis-22 6.2.4, Apple 8.2"},
	{"L10", Must, "EXT-X-MEDIA-SEQUENCE precedes the segments, rises by exactly the number removed, never falls; the edge never goes back", "bis-22 4.4.3.2, 6.2.2"},
	{"L11", Must, "EXT-X-DISCONTINUITY-SEQUENCE precedes the segments, never falls, and keeps every segment's number constant", "bis-22 4.4.3.3, 6.2.2"},
	{"L12", Must, "A playlist that removes segments has no EXT-X-PLAYLIST-TYPE; nothing is added after EXT-X-ENDLIST", "bis-22 6.2.1, 6.2.2"},
	{"L13", Must, "Every fMP4 segment and part is covered by an EXT-X-MAP", "bis-22 3.1.2, Apple 8.20"},
	{"L14", Must, "What is published does not change: URI, EXTINF, PDT, MAP, KEY, GAP, DISCONTINUITY of a listed segment, and its parts' URI/DURATION/flags", "bis-22 6.2.1"},
	{"L15", Must, "Removal is from the head only and leaves at least 3 target durations", "bis-22 6.2.2"},
	{"L16", AppleMust, "A live playlist lists at least 6 segments", "Apple 8.11"},
	{"L17", Must, "A new segment is published no later than 1.5 target durations after the previous", "bis-22 6.2.1"},
	{"L18", Must, "A new part is published within one part target of the previous", "bis-22 6.2.1"},
	{"L19", Must, "A segment removed from the playlist stays downloadable for its Availability Duration", "bis-22 6.2.2"},
	{"L20", Must, "EXT-X-PART-INF with PART-TARGET is present when there are parts", "bis-22 4.4.3.7"},
	{"L21", Must, "PART-HOLD-BACK is present with PART-INF and >= 2 x PART-TARGET", "bis-22 4.4.3.8"},
	{"L22", AppleMust, "PART-HOLD-BACK >= 3 x PART-TARGET (SHOULD in the draft)", "Apple 14.3, bis-22 4.4.3.8"},
	{"L23", Must, "HOLD-BACK, when present, >= 3 x target duration", "bis-22 4.4.3.8"},
	{"L24", Must, "CAN-SKIP-UNTIL >= 6 x target duration; CAN-SKIP-DATERANGES only with it", "bis-22 4.4.3.8"},
	{"L25", Must, "EXT-X-SERVER-CONTROL is in every media playlist with the same attributes and values", "bis-22 6.2.4"},
	{"L26", Must, "PART-TARGET and EXT-X-SERVER-CONTROL do not change between reloads", "bis-22 6.2.1"},
	{"L27", Must, "Every part's DURATION <= PART-TARGET", "bis-22 4.4.4.9"},
	{"L28", Must, "Every part's DURATION >= 85% of PART-TARGET, unless INDEPENDENT, GAP, before a GAP, or last of its parent", "bis-22 4.4.4.9"},
	{"L29", Must, "EXT-X-PART has URI and DURATION, flags only YES, byte ranges chain; a parent's parts are listed all or none", "bis-22 4.4.4.9, 3.2"},
	{"L30", Should, "Parts further than 3 target durations from the end are no longer listed", "bis-22 6.2.2"},
	{"L31", Must, "MAP, KEY, DISCONTINUITY and PROGRAM-DATE-TIME of a parent come before its first EXT-X-PART", "bis-22 4.4.4.9"},
	{"L32", Must, "EXTINF equals the sum of its parts' DURATIONs (rounding allowed)", "bis-22 3.2"},
	{"L33", Must, "A part stays downloadable 3 target durations after its EXT-X-PART is removed", "bis-22 6.2.2"},
	{"L34", Must, "CAN-BLOCK-RELOAD=YES", "bis-22 2, 4.4.3.8"},
	{"L35", Must, "Every media playlist has EXT-X-PROGRAM-DATE-TIME", "bis-22 B.1, Apple 8.4"},
	{"L36", Must, "A live playlist with parts has exactly one EXT-X-PRELOAD-HINT of TYPE=PART; none with ENDLIST", "bis-22 B.1, 6.2.6, 4.4.5.3"},
	{"L37", Must, "The hinted URI is the URI of the next part to appear", "bis-22 4.4.5.3"},
	{"L38", Must, "One EXT-X-RENDITION-REPORT for every other media playlist", "bis-22 B.1"},
	{"L39", Must, "A rendition report has a URI, relative, that resolves to a known playlist (LAST-MSN, LAST-PART may be left out only when equal to the carrier's own)", "bis-22 4.4.5.4"},
	{"L40", Must, "Rendition reports are as up to date as the playlist that carries them: neither ahead of nor one part target behind the other playlist", "bis-22 4.4.5.4"},
	{"L41", Must, "All renditions are updated in step, within one part target", "bis-22 B.1"},
	{"L42", Must, "_HLS_msn + _HLS_part: the answer is held until that part is listed", "bis-22 6.2.5.2"},
	{"L43", Must, "_HLS_msn alone: the answer is held until that segment, or at least its first part, is listed", "bis-22 6.2.5.2"},
	{"L44", Must, "A part index past the parent's last is taken as part 0 of the next segment", "bis-22 6.2.5.2"},
	{"L45", Must, "A past _HLS_msn, even one no longer listed, is answered at once with the entire playlist", "bis-22 6.2.5.2"},
	{"L46", Should, "_HLS_msn beyond last+2 is answered at once with 400, never a hang", "bis-22 6.2.5.2"},
	{"L47", Should, "_HLS_part beyond the Advance Part Limit is answered at once with 400", "bis-22 6.2.5.2"},
	{"L48", Must, "_HLS_part without _HLS_msn is 400", "bis-22 6.2.5.2"},
	{"L49", Should, "Malformed directives are refused (4xx), never 5xx and never a hang", "bis-22 6.2.5.2 (practice)"},
	{"L50", Ops, "A reload blocked for more than 3 target durations is answered 503", "bis-22 6.2.5.2"},
	{"L51", Must, "Identical blocking requests at the same time get the same playlist (requests are idempotent)", "bis-22 B.1"},
	{"L52", Should, "Order of the directives and unknown query parameters do not matter", "bis-22 6.2.5 (practice)"},
	{"L53", Must, "A plain request is answered at once with the current playlist", "bis-22 6.2.5"},
	{"L54", Must, "_HLS_skip=YES is answered with a delta update when CAN-SKIP-UNTIL is offered and something can be skipped", "bis-22 6.2.5.1"},
	{"L55", Must, "Only segments further from the end of the last segment than the skip boundary are skipped", "bis-22 6.2.5.1"},
	{"L56", Must, "Delta update + what was skipped = the full playlist of the same version; no unskipped tag is lost", "bis-22 6.2.5.1"},
	{"L57", Must, "EXT-X-SKIP once, before the segments, with SKIPPED-SEGMENTS, version >= 9", "bis-22 4.4.5.2, 8"},
	{"L58", Must, "_HLS_skip=v2 is answered with a delta update too (date ranges only when offered)", "bis-22 6.2.5.1"},
	{"L59", Must, "_HLS_skip is ignored when CAN-SKIP-UNTIL is not offered", "bis-22 6.2.5.1"},
	{"L60", Should, "Windows longer than two minutes offer delta updates", "Apple 14.4"},
	{"L61", Must, "A request for the hinted part made before it exists is held and answered with the finished part, byte-identical to a later GET", "bis-22 6.2.6"},
	{"L62", Must, "No byte of a hinted part is sent before all of it can be: body arrives at link speed", "bis-22 6.2.6"},
	{"L63", Must, "A listed part can be fetched at once", "bis-22 6.2.1"},
	{"L64", Must, "A listed segment can be fetched at once, at full speed", "bis-22 6.2.1"},
	{"L65", Should, "A resource that is neither listed nor hinted is 404", "bis-22 6.2.6"},
	{"L66", Must, "A segment and the set of its parts hold the same samples with the same timing", "bis-22 3.2"},
	{"L67", Should, "A segment is byte for byte the concatenation of its parts", "bis-22 3.2 (practice)"},
	{"L68", Must, "A URI always gives the same bytes (parts, segments, init) and is not reused", "bis-22 6.2.1"},
	{"L69", Must, "Range requests work when byte ranges are used", "bis-22 B.1"},
	{"L69b", Should, "Range requests work where no byte ranges are used too", "bis-22 B.1"},
	{"L70", Must, "Init section: ftyp with iso6 or later, moov with mvex/trex after the traks, zero samples, zero durations, no media data", "bis-22 3.1.2"},
	{"L71", Must, "Fragments: every traf has tfdt, moof-relative addressing, samples inside mdat, a trak for every traf", "bis-22 3.1.2"},
	{"L72", Must, "Decode times are continuous from part to part, per track", "bis-22 3"},
	{"L73", Must, "Decode times are continuous from segment to segment, per track (unless DISCONTINUITY)", "bis-22 3, Apple 7.3"},
	{"L74", Must, "Declared durations are those of the media: part within a frame, sum of any run of EXTINF within a frame", "Apple 8.1, bis-22 3"},
	{"L75", Must, "Every segment holds at least one independent frame", "bis-22 B.1"},
	{"L76", AppleMust, "Every video segment starts with an IDR", "Apple 7.4"},
	{"L77", Must, "A part with INDEPENDENT=YES holds an independent frame", "bis-22 4.4.4.9"},
	{"L78", Should, "A part holding an independent frame carries INDEPENDENT=YES", "bis-22 4.4.4.9"},
	{"L79", Should, "An INDEPENDENT part starts with its independent frame", "practice: browser players append the part from its start"},
	{"L80", Must, "Sync flags tell the truth: flagged samples are IDR/IRAP, unflagged ones are not IDR", "bis-22 3.1.2 (ISOBMFF)"},
	{"L81", Must, "Matching content of video renditions has matching timestamps", "bis-22 6.2.4"},
	{"L82", Should, "Segment boundaries of all renditions fall at the same times", "Apple 8.22"},
	{"L83", Must, "The mapping of date-time to media time is the same in all playlists", "bis-22 6.2.4"},
	{"L84", Must, "Date-times parse, rise, and never overlap by a second or more: the mapping to media is not ambiguous", "bis-22 4.4.4.6, 6.2.1"},
	{"L85", Must, "Matching content has the same discontinuity sequence number in all playlists", "bis-22 6.2.4"},
	{"L86", AppleMust, "Every EXT-X-STREAM-INF has CODECS", "Apple 9.1"},
	{"L87", Must, "CODECS lists every format really present, exactly as avcC/hvcC/esds say", "bis-22 6.2.4"},
	{"L88", AppleMust, "RESOLUTION is there for video and true", "Apple 9.2"},
	{"L89", AppleMust, "FRAME-RATE is there for video and true", "Apple 9.15"},
	{"L90", Must, "BANDWIDTH is there", "bis-22 4.4.6.2"},
	{"L91", Should, "BANDWIDTH >= the measured peak segment bit rate", "bis-22 4.4.6.2"},
	{"L92", AppleMust, "Measured peak < 125% of BANDWIDTH; AVERAGE-BANDWIDTH is there and measured average < 110% of it", "Apple 1.28, 1.29, 9.14"},
	{"L93", Must, "EXT-X-MEDIA has TYPE, GROUP-ID, NAME; groups referred to exist; names distinct; at most one DEFAULT", "bis-22 4.4.6.1"},
	{"L94", AppleMust, "LANGUAGE on every EXT-X-MEDIA that is not video; EXT-X-INDEPENDENT-SEGMENTS declared", "Apple 8.10, 9.12"},
	{"L95", AppleMust, "All expected renditions are there, more than one video bit rate", "Apple 9.9, bis-22 B.1"},
	{"L96", Must, "Playlists and media are served over HTTP/2 or HTTP/3", "bis-22 B.1"},
	{"L97", Must, "Playlists are delivered gzip-encoded to clients that accept it", "bis-22 B.1, Apple 10.1"},
	{"L98", Should, "Playlists carry Cache-Control: max-age of about 6 TD on blocking answers, half a TD on plain ones; no no-store", "bis-22 B.1"},
	{"L99", Should, "Parts, segments and init carry a long Cache-Control lifetime", "bis-22 B.1, 6.2.2"},
	{"L100", Must, "CORS: Access-Control-Allow-Origin on playlists, parts, segments and init", "Fetch standard, browser players"},
	{"L101", Should, "Media have a fitting Content-Type (video/mp4, audio/mp4, video/iso.segment)", "Apple 10.4"},
	{"L102", Should, "HEAD answers like GET without a body", "RFC 9110 9.3.2"},
	{"L103", Should, "Validators work: ETag or Last-Modified, and 304", "RFC 9110 13"},
	{"L104", AppleMust, "No redirects on media requests", "Apple 8.18"},
	{"L105", AppleMust, "TLS 1.2 or later (1.3 recommended)", "Apple 12.1, bis-22 B.1"},
	{"L106", Should, "Errors are cacheable only for a short time (4 TD for failed blocking reloads, 1 TD for media)", "bis-22 B.1"},
	{"L107", Should, "CORS on errors too, preflight for Range works, Date/Age exposed", "Fetch standard, browser players"},
	{"L108", Ops, "Encoder restart: MSN goes on, DISCONTINUITY before the first new part, new MAP, no stale parts left at the old edge", "bis-22 6.2.1"},
	{"L109", Ops, "Source stall: gap segments/parts with GAP=YES, or a clean 404/410; never a silent freeze of the playlist", "bis-22 6.2.1"},
	{"L110", Ops, "Caches hold duplicate requests whose fill is pending and set Age", "bis-22 B.1"},
	{"L111", Ops, "TCP SACK along the route; ECN, RACK, TLS 1.3 0-RTT recommended", "bis-22 B.1"},
	{"L112", Ops, "HTTP/2-3 priorities: playlists urgency 1, segments 2-6, higher bit rates not before lower", "bis-22 B.1"},
	{"L113", Should, "Date-times carry zone and milliseconds and follow EXTINF and media time within 100 ms", "bis-22 4.4.4.6, Apple 8.5"},
}

// index finds a rule by its ID.
var index = func() map[string]int {
	m := make(map[string]int, len(Rules))
	for i := range Rules {
		m[Rules[i].ID] = i
	}
	return m
}()

package hls

import "time"

// ParsedMedia is a Media Playlist as it was read: everything that MediaPlaylist says, and how it was said.
//
// In a Playlist Delta Update (Skip not nil) the fields that depend on skipped lines are unknown until Merge.
type ParsedMedia struct {
	Lines []Line // in their order, for the rules about order

	Version               int // 1 where the tag is absent
	TargetDuration        int // seconds; 0 where the tag is absent
	PartTarget            time.Duration
	Control               *ServerControl
	MediaSequence         int64
	DiscontinuitySequence int64
	Type                  string // EXT-X-PLAYLIST-TYPE
	IndependentSegments   bool
	IFramesOnly           bool
	Ended                 bool
	Skip                  *Skip

	Segments   []ParsedSegment // complete ones
	Open       ParsedSegment   // what is listed of the segment that follows them
	Hints      []PreloadHint
	Reports    []ParsedReport
	DateRanges []DateRange
}

// ServerControl is EXT-X-SERVER-CONTROL. A duration of 0 means that the attribute is absent.
type ServerControl struct {
	CanBlockReload    bool
	CanSkipDateRanges bool
	CanSkipUntil      time.Duration
	HoldBack          time.Duration
	PartHoldBack      time.Duration
}

// Skip is EXT-X-SKIP.
type Skip struct {
	Line              int
	Segments          int64
	RemovedDateRanges string // RECENTLY-REMOVED-DATERANGES: IDs with tabs between
}

// ParsedSegment is a Media Segment with all that applies to it.
type ParsedSegment struct {
	Line          int // of its URI; 0 for the open segment
	MSN           int64
	Discontinuity bool
	Epoch         int64 // its Discontinuity Sequence Number
	URI           string
	Duration      time.Duration
	DateTime      time.Time // of its own EXT-X-PROGRAM-DATE-TIME; zero: none
	DateTimeText  string
	Map           *Map       // nil: none, or a skipped one
	Key           string     // the attribute lists of the EXT-X-KEYs that apply, one a line; empty: none, or skipped ones
	ByteRange     *ByteRange // with the offset resolved
	Gap           bool
	Bitrate       int64 // kbit/s
	Parts         []ParsedPart
}

// Map is an EXT-X-MAP.
type Map struct {
	URI       string
	ByteRange *ByteRange
}

// ParsedPart is an EXT-X-PART.
type ParsedPart struct {
	Line        int
	URI         string
	Duration    time.Duration
	Independent bool
	Gap         bool
	ByteRange   *ByteRange // with the offset resolved
}

// PreloadHint is an EXT-X-PRELOAD-HINT.
type PreloadHint struct {
	Line      int
	Type      string
	URI       string
	ByteRange *ByteRange // Length is -1 where it is left out
}

// ParsedReport is an EXT-X-RENDITION-REPORT. -1 stands for an absent number.
type ParsedReport struct {
	Line     int
	URI      string
	LastMSN  int64
	LastPart int64
}

// DateRange is an EXT-X-DATERANGE.
type DateRange struct {
	Line  int
	ID    string
	Attrs Attrs
}

// Position names a Partial Segment by the number of its parent and its index there.
type Position struct {
	MSN  int64
	Part int // -1 stands for a whole segment whose parts are not listed
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool { return p.MSN < q.MSN || p.MSN == q.MSN && p.Part < q.Part }

// LastMSN is the number of the last complete segment; one less than MediaSequence where there is none.
func (p *ParsedMedia) LastMSN() int64 {
	n := p.MediaSequence + int64(len(p.Segments)) - 1
	if p.Skip != nil {
		n += p.Skip.Segments
	}
	return n
}

// Last is the position of the last part listed: what another playlist's rendition report should name.
func (p *ParsedMedia) Last() Position {
	if n := len(p.Open.Parts); n > 0 {
		return Position{p.LastMSN() + 1, n - 1}
	}
	if n := len(p.Segments); n > 0 {
		return Position{p.LastMSN(), len(p.Segments[n-1].Parts) - 1}
	}
	return Position{p.LastMSN(), -1}
}

// Next is the position of the part that will be listed next.
func (p *ParsedMedia) Next() Position { return Position{p.LastMSN() + 1, len(p.Open.Parts)} }

// Has reports whether a blocking reload for the position may be answered with this playlist.
//
// RFC 8216bis 6.2.5.2: a part index past the last of its parent is taken as part 0 of the next segment.
func (p *ParsedMedia) Has(at Position) bool {
	last := p.LastMSN()
	if at.MSN == last && at.Part > 0 && len(p.Segments) > 0 {
		if n := len(p.Segments[len(p.Segments)-1].Parts); n > 0 && at.Part >= n {
			at = Position{last + 1, 0}
		}
	}
	return at.MSN <= last || at.MSN == last+1 && at.Part < len(p.Open.Parts)
}

// Segment is the complete segment of that number; nil where it is not listed.
func (p *ParsedMedia) Segment(msn int64) *ParsedSegment {
	first := p.LastMSN() - int64(len(p.Segments)) + 1
	if msn < first || msn > p.LastMSN() {
		return nil
	}
	return &p.Segments[msn-first]
}

// Hint is the hinted part; nil where there is none.
func (p *ParsedMedia) Hint() *PreloadHint {
	for i := range p.Hints {
		if p.Hints[i].Type == "PART" {
			return &p.Hints[i]
		}
	}
	return nil
}

// Starts are the date-times of the segments' starts and of the end of the last: from each segment's own
// EXT-X-PROGRAM-DATE-TIME where it has one, else counted from the nearest. Nil where the playlist has no date-time.
func (p *ParsedMedia) Starts() []time.Time {
	starts := make([]time.Time, len(p.Segments)+1)
	first := -1
	for i := range p.Segments {
		s := &p.Segments[i]
		if !s.DateTime.IsZero() {
			starts[i] = s.DateTime
		}
		if starts[i].IsZero() {
			continue
		}
		if first < 0 {
			first = i
		}
		starts[i+1] = starts[i].Add(s.Duration)
	}
	if first < 0 {
		return nil
	}
	for i := first - 1; i >= 0; i-- {
		starts[i] = starts[i+1].Add(-p.Segments[i].Duration)
	}
	return starts
}

// Length is the duration of all complete segments listed.
func (p *ParsedMedia) Length() (d time.Duration) {
	for i := range p.Segments {
		d += p.Segments[i].Duration
	}
	return d
}

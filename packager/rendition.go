package packager

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"time"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
)

// rendition is one Media Playlist in the making. It knows how to fill parts and segments; where a segment is cut is its
// caller's decision (see cut.go).
type rendition struct {
	config  Config
	token   string // makes object names unique across broadcasts and restarts
	track   media.Track
	segment int64 // nominal segment duration in ticks of the track
	target  int64 // PART-TARGET in ticks of the track

	header *Object // put with the next update when not nil
	mapped string  // name of the current header

	// The segment that is being filled.
	number       int64        // its Media Sequence Number
	begins       int64        // number of the first segment of the current publication
	fresh        bool         // that segment is still to come, and stands after a discontinuity
	lostAt       int64        // number of the first segment after the media of a lost publication; none is that large once it has begun
	owed         []int64      // numbers of segments that stand after a discontinuity in other renditions, and are still to come in this one
	opened       bool         // it has media
	openPTS      int64        // of its first unit
	headAt       int64        // its start in ticks of media.VideoClockRate
	ticks        int64        // of media in its parts and in the open part
	head         *hls.Segment // nil before it has media or is known to be a gap
	parts        []hls.Part
	chunks       [][]byte
	kept         int64  // bytes of the open segment that are not in chunks: they were handed on before a restart
	sequence     uint32 // of the last chunk
	listed       []*listing
	discs        int64 // discontinuities so far
	lastTicks    int64 // length of the last segment
	peak         int64 // bits per second of the largest segment so far
	bits         int64 // of the segments in listed
	dropped      int64
	arrived      time.Time     // when the newest unit came
	lag          time.Duration // how long after their time units come
	listedAt     time.Time     // when the newest segment was listed
	units        int64         // in the open segment
	measuredRate float64       // units per second in the last segment

	// The part that is being filled.
	samples   []cmaf.Sample
	partDTS   int64
	partTicks int64
	room      int64 // ticks of media that the part can hold
	lastUnit  int64 // length of the newest unit in ticks
	held      *media.AccessUnit
}

// listing is a segment of the playlist with what only the packager needs to know of it.
type listing struct {
	segment *hls.Segment
	at      int64 // its start in ticks of media.VideoClockRate
	disc    int64 // its Discontinuity Sequence Number
	bits    int64
	codec   string // of its media, as CODECS has it; empty for a gap
}

func newRendition(c Config, token string) *rendition {
	return &rendition{config: c, token: token, lostAt: math.MaxInt64}
}

// use makes t the track that the rendition's units belong to from now on.
func (r *rendition) use(t media.Track) error {
	header, err := cmaf.Header(&t)
	if err != nil {
		return fmt.Errorf("packager: rendition %s: %w", t.Rendition, err)
	}
	r.track = t
	r.segment = int64(r.config.SegmentDuration/time.Second) * t.ClockRate
	r.target = int64(r.config.Profile.PartTarget()/time.Millisecond) * t.ClockRate / 1000
	sum := fnv.New64a()
	sum.Write(header)
	name := "init-" + strconv.FormatUint(sum.Sum64(), 36) + r.extension()
	if name != r.mapped {
		r.mapped, r.header = name, &Object{Name: name, Chunks: [][]byte{header}}
	}
	return nil
}

func (r *rendition) extension() string {
	if r.track.Kind() == media.Audio {
		return ".m4a"
	}
	return ".mp4"
}

func (r *rendition) segmentName(number int64) string {
	return strconv.FormatInt(number, 10) + "-" + r.token + r.extension()
}

func (r *rendition) partName(number int64, index int) string {
	return strconv.FormatInt(number, 10) + "." + strconv.Itoa(index) + "-" + r.token + r.extension()
}

// add puts one unit with a known duration into the open segment. It returns the part that the unit does not fit into any
// more, closed before it, or nil.
//
// RFC 8216bis, EXT-X-PART: a part's duration MUST NOT exceed PART-TARGET, so a part is closed before the unit that would
// cross it.
func (r *rendition) add(u media.AccessUnit) (closed *Object) {
	if len(r.samples) > 0 && r.partTicks+u.Duration > r.room {
		closed = r.closePart()
	}
	if !r.opened {
		r.open(u)
	}
	if len(r.samples) == 0 {
		r.partDTS, r.room = u.DTS, r.target
		if hole := r.hole(r.head.ProgramDateTime); len(r.parts) == 0 && hole > 0 {
			r.room -= int64(hole/time.Microsecond) * r.track.ClockRate / 1e6
		}
	}
	r.samples = append(r.samples, cmaf.Sample{
		Duration: uint32(u.Duration), CompositionOffset: int32(u.PTS - u.DTS), RandomAccess: u.RandomAccess, Payload: u.Payload,
	})
	r.partTicks += u.Duration
	r.ticks += u.Duration
	r.lastUnit = u.Duration
	r.units++
	return closed
}

// hole is what was left out before a segment that starts at a time, as at the beginning of a publication; 0 where it is
// little. Its first part is that much shorter, and so comes in time.
func (r *rendition) hole(start time.Time) time.Duration {
	if len(r.listed) == 0 || start.Sub(r.listedEnd()) < little {
		return 0
	}
	return min(start.Sub(r.listedEnd()), r.config.Profile.PartTarget()*19/20)
}

// full reports that no further unit like the last one fits into the open part.
func (r *rendition) full() bool {
	if len(r.samples) == 0 {
		return false
	}
	return r.partTicks+int64(r.samples[len(r.samples)-1].Duration) > r.room
}

func (r *rendition) open(u media.AccessUnit) {
	r.opened, r.openPTS = true, u.PTS
	r.headAt = media.Rescale(u.PTS, r.track.ClockRate, media.VideoClockRate)
	r.head = &hls.Segment{
		URI: r.segmentName(r.number), Map: r.mapped, Discontinuity: r.breaks(),
		ProgramDateTime: media.Time(u.PTS, r.track.ClockRate),
	}
}

// closePart makes the open part into a chunk; nil where it is empty. This is the one allocation that a part costs: its
// bytes are also those of the segment, and are what every viewer is sent.
func (r *rendition) closePart() *Object {
	if len(r.samples) == 0 {
		return nil
	}
	r.sequence++
	track := cmaf.ChunkTrack{TrackID: 1, BaseDecodeTime: uint64(r.partDTS), Samples: r.samples, Kind: r.track.Kind()}
	chunk := cmaf.AppendChunk(make([]byte, 0, cmaf.ChunkSize(track)), r.sequence, track)
	part := hls.Part{
		URI: r.partName(r.number, len(r.parts)), Duration: span(r.partTicks, r.track.ClockRate),
		Independent: r.samples[0].RandomAccess,
	}
	r.parts = append(r.parts, part)
	r.chunks = append(r.chunks, chunk)
	clear(r.samples) // let go of the payloads
	r.samples, r.partTicks = r.samples[:0], 0
	return &Object{Name: part.URI, Parent: r.head.URI, Chunks: r.chunks[len(r.chunks)-1:]}
}

// closeSegment lists the open segment, whose last part must have been closed, and begins the next.
func (r *rendition) closeSegment() *Object {
	s := r.head
	s.Duration = span(r.ticks, r.track.ClockRate)
	s.Parts = r.parts
	object := &Object{Name: s.URI, Chunks: r.chunks}
	bits := (r.kept + int64(object.Size())) * 8
	if r.ticks > r.segment/4 { // a few frames say nothing of a rate
		r.peak = max(r.peak, bits*r.track.ClockRate/r.ticks)
	}
	if r.ticks > 0 {
		r.measuredRate = float64(r.units*r.track.ClockRate) / float64(r.ticks)
	}
	r.units, r.lastTicks = 0, r.ticks
	r.list(&listing{segment: s, at: r.headAt, disc: r.discs, bits: bits, codec: cmaf.CodecString(&r.track)})
	r.next()
	return object
}

// next makes room for the next segment.
func (r *rendition) next() {
	r.opened, r.ticks, r.head, r.kept = false, 0, nil, 0
	r.parts, r.chunks = make([]hls.Part, 0, cap(r.parts)), make([][]byte, 0, cap(r.chunks))
}

// keepHint lists the part that has been hinted at, and for which nothing comes, as a gap of less than one unit: the
// segment's duration stays that of its media.
//
// RFC 8216bis, EXT-X-PRELOAD-HINT: the resource that is hinted at is the next to appear.
func (r *rendition) keepHint() {
	r.gapPart(span(r.lastUnit/2, r.track.ClockRate))
	r.ticks += r.lastUnit / 2
}

func (r *rendition) list(l *listing) {
	r.listed = append(r.listed, l)
	r.bits += l.bits
	r.number++
	r.listedAt = time.Now()
}

// trim takes segments off the head of the list while at least the window is left.
//
// RFC 8216bis, 6.2.2: segments are removed in order, and at least three target durations stay; the window is longer.
func (r *rendition) trim() {
	var total time.Duration
	for _, l := range r.listed {
		total += l.segment.Duration
	}
	for len(r.listed) > 6 && total-r.listed[0].segment.Duration >= r.config.Window {
		total -= r.listed[0].segment.Duration
		r.bits -= r.listed[0].bits
		r.listed[0] = nil
		r.listed = r.listed[1:]
	}
}

// forget empties the list for a new broadcast; numbers go on.
func (r *rendition) forget() {
	r.listed, r.bits, r.peak, r.lastTicks = nil, 0, 0, 0
	r.parts, r.chunks, r.samples, r.kept = nil, nil, nil, 0
	r.opened, r.ticks, r.partTicks, r.head, r.held = false, 0, 0, nil, nil
	r.lostAt, r.owed = math.MaxInt64, nil
	r.mapped = "" // the header is put again: a sink forgets a broadcast that is long over
}

// span converts ticks of rate to a duration, rounded to the nanosecond.
func span(ticks, rate int64) time.Duration {
	return time.Duration((ticks*1e9 + rate/2) / rate)
}

package origin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// A journal is what a stream has listed, as lines in an object of the store: journal.N beside its renditions. It begins with
// the state of all renditions and goes on with each change. When it has grown to a multiple of that, the next one begins, and
// it is removed once that is on disk. Each line is
//
//	CRC-32C in hexadecimal, a space, a record as JSON
//
// so that a torn one is found. Records come after the media that they tell of: what cannot be read any more was never listed,
// unless the disk was behind.
type journal struct {
	store  store.Store
	stream string
	log    *slog.Logger

	number int   // of the current one; 0 before the first
	size   int64 // of it
	start  int64 // of the state that it begins with
	old    []store.Key
	retry  time.Time // a new one is not begun before then
	told   []byte    // the newest presentation
}

// record is one line. Renditions are told of one by one; a record without one is of the stream as a whole.
type record struct {
	At     time.Time              `json:"at"`
	State  int                    `json:"state,omitempty"` // the first line: so many records follow it that are the state at the beginning
	Stream *packager.Presentation `json:"stream,omitempty"`

	Rendition string        `json:"rendition,omitempty"`
	Kind      media.Kind    `json:"kind,omitempty"`
	Lag       time.Duration `json:"lag,omitempty"`
	First     int64         `json:"first,omitempty"` // MSN of the first segment that is listed
	Epoch     int64         `json:"epoch,omitempty"` // EXT-X-DISCONTINUITY-SEQUENCE
	Target    int           `json:"target,omitempty"`
	Ended     bool          `json:"ended,omitempty"`
	From      int64         `json:"from,omitempty"`     // MSN of Segments[0]
	Segments  []segment     `json:"segments,omitempty"` // new ones
	Head      *segment      `json:"head,omitempty"`     // of the open one
	Open      []part        `json:"open,omitempty"`     // all of its parts
	Gone      []segment     `json:"gone,omitempty"`     // not listed any more, but still to be had
}

// segment and part are those of package hls, with where their bytes are.
type segment struct {
	URI           string        `json:"u"`
	Duration      time.Duration `json:"d,omitempty"`
	DateTime      time.Time     `json:"t,omitzero"`
	Map           string        `json:"m,omitempty"`
	Discontinuity bool          `json:"x,omitempty"`
	Gap           bool          `json:"g,omitempty"`
	Size          int64         `json:"n,omitempty"`
	Parts         []part        `json:"p,omitempty"`
}

type part struct {
	URI         string        `json:"u"`
	Duration    time.Duration `json:"d"`
	Independent bool          `json:"i,omitempty"`
	Gap         bool          `json:"g,omitempty"`
	Size        int64         `json:"n,omitempty"`
	Sum         uint32        `json:"c,omitempty"` // CRC-32C
}

const journalPrefix = "journal."

func newJournal(s store.Store, stream string, log *slog.Logger) *journal {
	return &journal{store: s, stream: stream, log: log}
}

func (j *journal) key() store.Key {
	return store.Key{Stream: j.stream, Name: journalPrefix + strconv.Itoa(j.number)}
}

// appendRecord appends one line.
func appendRecord(dst []byte, r *record) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // a record is made of nothing that has no JSON
	}
	dst = fmt.Appendf(dst, "%08x ", crc32.Checksum(text, castagnoli))
	return append(append(dst, text...), '\n')
}

// readRecords reads lines up to the first that is torn, and returns how many bytes were good.
func readRecords(in io.Reader, each func(*record)) (good int64, err error) {
	all, err := io.ReadAll(in)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(all) {
		text, whole := bytes.CutSuffix(line, []byte{'\n'})
		sum, text, ok := bytes.Cut(text, []byte{' '})
		if !whole || !ok || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) {
			break
		}
		r := &record{}
		if err := json.Unmarshal(text, r); err != nil {
			break
		}
		each(r)
		good += int64(len(line))
	}
	return good, nil
}

// note writes a record, and begins anew with state where that is due.
func (j *journal) note(r *record, state func() []*record) {
	line := appendRecord(nil, r)
	if j.number == 0 || j.size > 2*j.start+1<<20 {
		j.begin(state(), r.At)
	}
	err := j.store.Append(j.key(), j.size, line)
	j.size += int64(len(line))
	if errors.Is(err, store.ErrLost) && r.At.After(j.retry) { // it ends somewhere on disk: only a new one can go on
		j.retry = r.At.Add(5 * time.Second)
		j.begin(state(), r.At)
		err = j.store.Append(j.key(), j.size, line)
		j.size += int64(len(line))
	}
	if err != nil && !errors.Is(err, store.ErrLost) {
		j.log.Error("the journal cannot be kept", "stream", j.stream, "err", err)
	}
}

// begin starts the next journal.
func (j *journal) begin(state []*record, at time.Time) {
	if j.number > 0 {
		j.old = append(j.old, j.key())
	}
	j.number++
	text := appendRecord(nil, &record{At: at, State: len(state)})
	for _, r := range state {
		text = appendRecord(text, r)
	}
	j.size = int64(len(text))
	j.start = j.size
	if err := j.store.Append(j.key(), 0, text); err != nil {
		j.log.Error("the journal cannot be kept", "stream", j.stream, "err", err)
	}
}

// superseded are the journals that the current one, which is on disk, has made needless.
func (j *journal) superseded() (keys []store.Key) {
	keys, j.old = j.old, nil
	return keys
}

// notePresentation writes down how the stream is presented, if that has changed.
func (s *stream) notePresentation(p packager.Presentation, now time.Time) {
	if s.journal == nil || p.State == packager.Idle {
		return
	}
	p.Multivariant = nil
	text, err := json.Marshal(p)
	if err != nil || bytes.Equal(text, s.journal.told) {
		return
	}
	s.journal.told = text
	s.journal.note(&record{At: now, Stream: &p}, func() []*record { return s.state(now) })
}

// note writes down what a playlist lists that the one before it did not, and reports whether there was anything.
func (s *stream) note(r *rendition, p *hls.MediaPlaylist, fresh map[string]*object, now time.Time) bool {
	if s.journal == nil || p == nil {
		return false
	}
	rec, news := r.change(p, fresh, now)
	if news {
		s.journal.note(rec, func() []*record { return s.state(now) })
	}
	return news
}

// change is what is new in p against the playlist before it.
func (r *rendition) change(p *hls.MediaPlaylist, fresh map[string]*object, now time.Time) (rec *record, news bool) {
	var next int64 // the first that has not been told of
	open := 0
	if old := r.listed; old != nil {
		next, open = old.MediaSequence+int64(len(old.Segments)), len(old.Open)
		news = p.Ended != old.Ended || p.MediaSequence != old.MediaSequence
	}
	from := max(p.MediaSequence, next)
	whole := p.Segments[min(int64(len(p.Segments)), from-p.MediaSequence):]
	news = news || r.listed == nil || len(whole) > 0 || len(p.Open) != open
	if !news {
		return nil, false
	}
	rec = r.record(p, now)
	rec.From = from
	r.mu.RLock()
	defer r.mu.RUnlock()
	size := func(name string) (int64, uint32, bool) {
		o := fresh[name]
		if o == nil {
			o = r.objects[name]
		}
		if o == nil {
			return 0, 0, false
		}
		return o.size, o.sum, true
	}
	for _, s := range whole {
		rec.Segments = append(rec.Segments, writeSegment(s, size))
	}
	if p.OpenHead != nil && len(p.Open) > 0 {
		head := writeSegment(p.OpenHead, size)
		rec.Head, rec.Open = &head, writeParts(p.Open, size)
	}
	return rec, true
}

func (r *rendition) record(p *hls.MediaPlaylist, now time.Time) *record {
	return &record{
		At: now, Rendition: r.name, Kind: r.kind, Lag: r.lag, First: p.MediaSequence, Epoch: p.DiscontinuitySequence, Target: p.TargetDuration, Ended: p.Ended,
	}
}

// state is everything that is listed, and what has been but may still be asked for.
func (s *stream) state(now time.Time) (all []*record) {
	if told := s.journal.told; told != nil {
		p := &packager.Presentation{}
		if json.Unmarshal(told, p) == nil {
			all = append(all, &record{At: now, Stream: p})
		}
	}
	for _, r := range s.all() {
		if r.listed == nil {
			continue
		}
		listed := r.listed
		r.listed = nil
		rec, _ := r.change(listed, nil, now)
		r.listed = listed
		rec.Gone = r.departing()
		all = append(all, rec)
	}
	return all
}

// departing are the segments that are kept though nothing lists them.
func (r *rendition) departing() (gone []segment) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, d := range r.leaving {
		if o := r.objects[d.name]; o != nil && o.segment {
			gone = append(gone, segment{URI: d.name, Size: o.size})
		}
	}
	return gone
}

type sizes func(name string) (size int64, sum uint32, ok bool)

func writeSegment(s *hls.Segment, size sizes) segment {
	out := segment{URI: s.URI, Duration: s.Duration, DateTime: s.ProgramDateTime, Map: s.Map, Discontinuity: s.Discontinuity, Gap: s.Gap}
	out.Size, _, _ = size(s.URI)
	out.Parts = writeParts(s.Parts, size)
	return out
}

// writeParts leaves parts out that are not to be had any more: nothing lists them either.
func writeParts(parts []hls.Part, size sizes) []part {
	out := make([]part, 0, len(parts))
	for _, p := range parts {
		n, sum, ok := size(p.URI)
		if !ok && !p.Gap {
			return nil
		}
		out = append(out, part{p.URI, p.Duration, p.Independent, p.Gap, n, sum})
	}
	return out
}

// journals are the numbers of those among the names, newest first.
func journals(names []string) (numbers []int) {
	for _, name := range names {
		if text, ok := strings.CutPrefix(name, journalPrefix); ok {
			if n, err := strconv.Atoi(text); err == nil && n > 0 {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers
}

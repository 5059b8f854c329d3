package origin

import (
	"encoding/json"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/origin/store"
	"github.com/stagecast/stagecast/packager"
)

// unsettled is the age up to which media is read again at a restart: what is older than that the kernel has written out even
// where nothing synced it.
const unsettled = time.Minute

// Restore finds again what was listed when the server ended, and removes what was not. It is to be called once, before
// anything is put or served. Streams that go on are given to their packagers by Past.
func (o *Origin) Restore() error {
	if o.config.Tiers == nil {
		return nil
	}
	began := o.now()
	infos, err := o.store.List()
	if err != nil {
		return err
	}
	streams := make(map[string]map[store.Key]int64)
	for _, i := range infos {
		if streams[i.Key.Stream] == nil {
			streams[i.Key.Stream] = make(map[store.Key]int64)
		}
		streams[i.Key.Stream][i.Key] = i.Size
	}
	for name, files := range streams {
		re := &restorer{o: o, s: o.ensure(name), files: files, needed: make(map[store.Key]bool)}
		re.run()
		if re.lost > 0 {
			o.log.Error("some of what was listed is lost", "stream", name, "segments_and_parts", re.lost)
		}
		o.log.Info("found again what was listed", "stream", name, "objects", len(re.needed), "seconds", o.now().Sub(began).Seconds())
	}
	return nil
}

// Past is what a stream had listed before the restart, for the one packager that goes on with it; nil where there is nothing.
func (o *Origin) Past(name string) *packager.Past {
	s := o.stream(name)
	if s == nil {
		return nil
	}
	past := s.past
	s.past = nil
	return past
}

// Abandon ends the streams whose Past nobody has taken: there is no packager for them any more.
func (o *Origin) Abandon() {
	for _, s := range o.all() {
		past := o.Past(s.name)
		if past == nil {
			continue
		}
		p := past.Presentation
		p.State = packager.Ended
		for _, r := range s.all() {
			if r.listed != nil && r.current.Load() == nil {
				last := *r.listed
				last.Ended, last.Open, last.OpenHead = true, nil, nil
				r.publish(&last)
			}
		}
		o.Present(p)
	}
}

// restorer brings one stream back.
type restorer struct {
	o          *Origin
	s          *stream
	files      map[store.Key]int64 // what there is of it
	needed     map[store.Key]bool
	stream     *packager.Presentation
	renditions map[string]*restored
	lost       int // segments and parts that were listed and are not there
}

// restored is one rendition as the journal tells of it.
type restored struct {
	last record    // the newest
	from int64     // MSN of list[0]
	list []segment // whole ones
	gone []segment // not listed any more
}

func (re *restorer) run() {
	if re.read() {
		told, _ := json.Marshal(re.stream)
		re.s.journal.told = told
		past := &packager.Past{Presentation: *re.stream, Renditions: make(map[string]packager.PastRendition)}
		for name, was := range re.renditions {
			if len(was.list) > 0 {
				past.Renditions[name] = re.rendition(name, was)
			}
		}
		if len(past.Renditions) > 0 {
			re.s.past = past
			re.show()
		}
	}
	for k := range re.files {
		if !re.needed[k] {
			re.o.discard([]store.Key{k})
		}
	}
}

// show presents the stream as one that waits for its encoder, until its packager says how it stands.
func (re *restorer) show() {
	view := *re.stream
	if view.State != packager.Ended {
		view.State = packager.Reconnecting
	}
	re.s.present(view)
}

// read reads the newest journal whose beginning is whole. One that had only begun is passed over: the one before it is still
// there.
func (re *restorer) read() bool {
	var names []string
	for k := range re.files {
		if k.Rendition == "" {
			names = append(names, k.Name)
		}
	}
	numbers := journals(names)
	for _, n := range numbers {
		k := store.Key{Stream: re.s.name, Name: journalPrefix + strconv.Itoa(n)}
		good, whole, err := re.journal(k)
		if err != nil {
			re.o.log.Error("a journal cannot be read", "object", k.String(), "err", err)
		}
		if !whole {
			continue
		}
		j := re.s.journal
		j.number, j.size, j.start = n, good, good/2
		if n != numbers[0] {
			j.number, j.start, j.size = numbers[0], 0, math.MaxInt64 // what comes next begins a new one
			j.old = append(j.old, k)
		}
		re.needed[k] = true
		return true
	}
	return false
}

// journal reads one journal. whole is false where it has less than the state that it begins with.
func (re *restorer) journal(k store.Key) (good int64, whole bool, err error) {
	re.stream, re.renditions = nil, make(map[string]*restored)
	in, err := re.o.store.Open(k, 0, re.files[k])
	if err != nil {
		return 0, false, err
	}
	defer in.Close()
	count, state := -1, 0
	good, err = readRecords(in, func(r *record) {
		if count++; count == 0 {
			state = r.State
			return
		}
		re.apply(r)
	})
	return good, err == nil && count >= state && re.stream != nil, err
}

func (re *restorer) apply(r *record) {
	if r.Stream != nil {
		re.stream = r.Stream
	}
	if r.Rendition == "" {
		return
	}
	was := re.renditions[r.Rendition]
	if was == nil {
		was = &restored{from: r.From}
		re.renditions[r.Rendition] = was
	}
	if len(r.Segments) > 0 && r.From != was.from+int64(len(was.list)) { // numbers leap where a broadcast begins
		was.gone = append(was.gone, was.list...)
		was.from, was.list = r.From, nil
	}
	was.list = append(was.list, r.Segments...)
	if n := min(r.First-was.from, int64(len(was.list))); n > 0 {
		was.gone = append(was.gone, was.list[:n]...)
		was.from, was.list = was.from+n, was.list[n:]
	}
	was.gone = append(was.gone, r.Gone...)
	was.last = *r
}

// rendition makes the objects of one rendition available again, and its playlist where that has ended.
func (re *restorer) rendition(name string, was *restored) (out packager.PastRendition) {
	now, target := re.o.now(), time.Duration(was.last.Target)*time.Second
	r := newRendition(re.s.name, name, was.last.Kind)
	p := &hls.MediaPlaylist{
		TargetDuration: was.last.Target, PartTarget: re.stream.PartTarget, PartHoldBack: 3 * re.stream.PartTarget, HoldBack: 3 * target,
		CanSkipUntil: 6 * target, MediaSequence: was.from, DiscontinuitySequence: was.last.Epoch, Ended: was.last.Ended,
	}
	over := re.stream.State == packager.Ended && now.Sub(was.last.At) >= re.o.config.Window+endedStay // what it listed has been let go
	re.headers(r)
	for _, s := range was.gone {
		if re.has(r, s.URI, s.Size) {
			re.add(r, s.URI, &object{key: r.key(s.URI), size: s.Size, segment: true})
			r.leaving = append(r.leaving, departure{now.Add(re.o.config.Window + 2*target), s.URI})
		}
	}
	for _, s := range was.list {
		segment := s.model()
		switch {
		case s.Size == 0: // nothing but a gap
		case re.has(r, s.URI, s.Size) && (was.last.At.Sub(s.DateTime) > unsettled || re.sound(r, s.URI, s.Parts) == len(s.Parts)):
			re.add(r, s.URI, &object{key: r.key(s.URI), size: s.Size, segment: true})
			re.parts(r, s.URI, s.Parts, now.Add(partStay*target))
		default:
			if !over {
				re.lost++
			}
			segment.Gap = true
		}
		p.Segments = append(p.Segments, segment)
		out.Sizes = append(out.Sizes, s.Size)
	}
	if head := was.last.Head; head != nil {
		sound := was.last.Open[:re.sound(r, head.URI, was.last.Open)]
		re.lost += len(was.last.Open) - len(sound)
		out.Open = re.parts(r, head.URI, sound, now.Add(partStay*target))
		if out.Open > 0 {
			re.add(r, head.URI, &object{key: r.key(head.URI), size: out.Open, segment: true})
		}
		if len(sound) > 0 {
			p.Open, p.OpenHead = models(sound), head.model()
		}
	}
	out.Playlist, out.Lag, out.Listed = p, was.last.Lag, was.last.At
	if over {
		return out // of it, the packager needs the numbers
	}
	r.listed, r.lag = p, was.last.Lag
	re.s.keep(r)
	if p.Ended {
		r.publish(p)
		re.o.forgetLater(re.s, r)
	}
	return out
}

// headers adds what is there of CMAF headers: which is whose is in their names.
func (re *restorer) headers(r *rendition) {
	for k, size := range re.files {
		if k.Rendition == r.name && strings.HasPrefix(k.Name, "init-") {
			re.add(r, k.Name, &object{key: k, size: size, segment: true})
		}
	}
}

func (re *restorer) add(r *rendition, name string, o *object) {
	re.needed[o.key] = true
	r.add(name, o)
}

func (re *restorer) has(r *rendition, name string, size int64) bool {
	return size > 0 && re.files[r.key(name)] >= size
}

// parts adds the parts of a segment, and returns how long they are together.
func (re *restorer) parts(r *rendition, segment string, parts []part, until time.Time) (size int64) {
	for _, p := range parts {
		if p.Size > 0 {
			re.add(r, p.URI, &object{key: r.key(segment), offset: size, size: p.Size, sum: p.Sum})
			r.leaving = append(r.leaving, departure{until, p.URI})
			size += p.Size
		}
	}
	return size
}

// sound reads the parts of a segment again, and returns how many of them are what they were.
func (re *restorer) sound(r *rendition, segment string, parts []part) (n int) {
	var at int64
	for _, p := range parts {
		if p.Size > 0 && !re.whole(r.key(segment), at, p) {
			break
		}
		at += p.Size
		n++
	}
	return n
}

func (re *restorer) whole(k store.Key, at int64, p part) bool {
	if re.files[k] < at+p.Size {
		return false
	}
	in, err := re.o.store.Open(k, at, p.Size)
	if err != nil {
		return false
	}
	defer in.Close()
	sum := crc32.New(castagnoli)
	_, err = in.CopyTo(sum, p.Size)
	return err == nil && sum.Sum32() == p.Sum
}

func (s *segment) model() *hls.Segment {
	return &hls.Segment{
		URI: s.URI, Duration: s.Duration, ProgramDateTime: s.DateTime, Map: s.Map, Discontinuity: s.Discontinuity, Gap: s.Gap, Parts: models(s.Parts),
	}
}

func models(parts []part) (out []hls.Part) {
	for _, p := range parts {
		out = append(out, hls.Part{URI: p.URI, Duration: p.Duration, Independent: p.Independent, Gap: p.Gap})
	}
	return out
}

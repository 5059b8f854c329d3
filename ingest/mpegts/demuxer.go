package mpegts

import (
	"log/slog"

	"github.com/stagecast/stagecast/ingest"
)

// demuxer follows the first programme of a stream: its tables, and one stream of pictures and one of sound. It is for one
// goroutine.
type demuxer struct {
	counters *Counters
	log      *slog.Logger
	feed     *feed
	packets  packets

	pat, pmt section
	mapPID   uint16
	mapped   bool // mapPID is set

	video, audio *elementary // nil until the programme map has named them
}

// elementary is one stream whose PES packets are put together.
type elementary struct {
	stream
	counter continuity
	pes     pes
	decode  func(payloadOf) error
	lost    func() // what was kept of earlier packets does not go on; may be nil
}

// continuity follows the counter of one PID (2.4.3.3).
type continuity struct {
	last  byte
	known bool
}

// next reports whether a packet is the one before sent twice, and whether packets before it are missing.
func (c *continuity) next(p packet) (again, gap bool) {
	if p.payload == nil { // the counter stands still
		return false, false
	}
	again = c.known && p.counter == c.last && !p.discontinuity
	gap = c.known && !again && p.counter != (c.last+1)&15 && !p.discontinuity
	c.last, c.known = p.counter, true
	return again, gap
}

func newDemuxer(s Session, c *Counters, log *slog.Logger) *demuxer {
	return &demuxer{counters: c, log: log, feed: newFeed(s, c)}
}

// take reads a piece of the stream.
func (d *demuxer) take(b []byte) error {
	skipped, err := d.packets.cut(b, d.packet)
	d.counters.Skipped.Add(skipped)
	return err
}

// end reads what the last packets hold, and writes what has been held back.
func (d *demuxer) end() error {
	for _, e := range []*elementary{d.video, d.audio} {
		if e != nil {
			if err := d.finish(e); err != nil {
				return err
			}
		}
	}
	return d.feed.end()
}

func (d *demuxer) packet(b []byte) error {
	p, ok := parsePacket(b)
	if !ok || p.broken || p.pid == pidNull {
		return nil
	}
	switch {
	case p.pid == 0:
		d.programmes(p)
	case d.mapped && p.pid == d.mapPID:
		return d.programme(p)
	case d.video != nil && p.pid == d.video.pid:
		return d.elementary(d.video, p)
	case d.audio != nil && p.pid == d.audio.pid:
		return d.elementary(d.audio, p)
	}
	return nil
}

func (d *demuxer) programmes(p packet) {
	if p.payload == nil {
		return
	}
	s := d.pat.take(p)
	if s == nil {
		return
	}
	if pid, ok := parsePAT(s); ok && (!d.mapped || pid != d.mapPID) {
		d.mapPID, d.mapped, d.pmt = pid, true, section{}
	}
}

// programme reads the map, and begins anew with streams that are not those of the map before.
func (d *demuxer) programme(p packet) error {
	if p.payload == nil {
		return nil
	}
	s := d.pmt.take(p)
	if s == nil {
		return nil
	}
	streams, ok := parsePMT(s)
	if !ok {
		return nil
	}
	chosen, err := choose(streams)
	if err != nil {
		return err
	}
	if sameStream(d.video, chosen.video) && sameStream(d.audio, chosen.audio) {
		return nil
	}
	if err := d.end(); err != nil { // what is under way belongs to the old map
		return err
	}
	d.log.Debug("programme", "video", string(chosen.video.codec), "audio", string(chosen.audio.codec))
	d.feed.expect(chosen.video.codec != "", chosen.audio.codec != "")
	d.video, d.audio = d.pictures(chosen.video), d.sound(chosen.audio)
	return nil
}

// sameStream reports whether an elementary stream is the one that is chosen.
func sameStream(e *elementary, c candidate) bool {
	if e == nil || c.codec == "" {
		return e == nil && c.codec == ""
	}
	return e.pid == c.pid && e.kind == c.kind && string(e.descriptors) == string(c.descriptors)
}

func (d *demuxer) pictures(c candidate) *elementary {
	if c.codec == "" {
		return nil
	}
	v := newPictures(c.codec, d.feed, d.counters)
	return &elementary{stream: c.kept(), pes: pes{max: maxPicture}, decode: v.decode}
}

func (d *demuxer) sound(c candidate) *elementary {
	if c.codec == "" {
		return nil
	}
	a := newSound(c, d.feed, d.counters)
	return &elementary{stream: c.kept(), pes: pes{max: maxSound}, decode: a.decode, lost: a.lost}
}

// elementary takes a packet of a stream that is followed.
func (d *demuxer) elementary(e *elementary, p packet) error {
	if p.scrambled {
		d.counters.Scrambled.Add(1)
		return nil
	}
	again, gap := e.counter.next(p)
	if again || p.payload == nil {
		return nil
	}
	if gap {
		d.counters.Continuity.Add(1)
		e.pes.hurt = true
	}
	if p.starts {
		if err := d.finish(e); err != nil {
			return err
		}
		e.pes.begin(p.payload)
	} else if e.pes.started {
		e.pes.add(p.payload)
	}
	if e.pes.whole() {
		return d.finish(e)
	}
	return nil
}

// finish decodes the PES packet that is under way.
func (d *demuxer) finish(e *elementary) error {
	packet, ok, damaged := e.pes.finish()
	if damaged {
		d.counters.Damaged.Add(1)
		if e.lost != nil {
			e.lost()
		}
	}
	if !ok {
		return nil
	}
	return e.decode(packet)
}

var _ Session = (*ingest.Session)(nil)

package mpegts

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// frame is one frame of sound as its header tells it.
type frame struct {
	size    int    // of header and body, in bytes
	samples int64  // for each channel
	rate    int64  // of the samples
	config  []byte // media.Track.Config; nil where an earlier frame's goes on
	units   [][]byte
}

// parser reads the frame at the start of b. more is true where its end has not come yet; ok is false for what is none.
type parser func(b []byte) (f frame, more, ok bool)

// sound turns the PES packets of a stream of sound into units. A frame may begin in one packet and end in the next: the
// timestamp of a packet is that of the first frame that begins in it (2.4.3.7).
type sound struct {
	track    media.Track
	feed     *feed
	counters *Counters
	parse    parser // nil for Opus

	doubt int // frames in a row that differ from the configuration

	rest  []byte // of a frame that goes on in the next packet
	next  int64  // 90 kHz: when the next frame starts
	timed bool   // next is set
}

func newSound(c candidate, f *feed, counters *Counters) *sound {
	s := &sound{feed: f, counters: counters}
	s.track = media.Track{ID: audioTrack, Codec: c.codec, Language: c.language, Config: c.opus}
	switch {
	case c.codec == media.AC3:
		s.parse = parseAC3
	case c.codec == media.MPA:
		s.parse = parseMPA
	case c.kind == kindLATM:
		s.parse = new(latm).parse
	case c.codec == media.AAC:
		s.parse = parseADTS
	}
	return s
}

// lost forgets a frame whose end has not come.
func (s *sound) lost() { s.rest, s.timed = nil, false }

func (s *sound) decode(p payloadOf) error {
	if s.parse == nil {
		return s.opus(p)
	}
	carried := len(s.rest)
	data := make([]byte, 0, carried+len(p.data)) // never written again: units are slices of it
	data = append(append(data, s.rest...), p.data...)
	stamped := !p.hasPTS
	bad := false
	at := 0
	for at < len(data) {
		if !stamped && at >= carried {
			s.next, s.timed, stamped = p.pts, true, true
		}
		f, more, ok := s.parse(data[at:])
		if more {
			break
		}
		if !ok {
			bad = true
			at += max(1, f.size)
			continue
		}
		if err := s.write(f); err != nil {
			return err
		}
		at += f.size
	}
	if bad {
		s.counters.Damaged.Add(1)
	}
	s.rest = data[min(at, len(data)):]
	return nil
}

// convincing is how many frames in a row show that the configuration has changed, and not that a header is damaged.
const convincing = 3

// write hands the units of a frame on.
func (s *sound) write(f frame) error {
	if f.config == nil && s.track.Config == nil {
		return nil
	}
	if f.config != nil && !bytes.Equal(f.config, s.track.Config) {
		if s.doubt++; s.track.Config != nil && s.doubt < convincing {
			s.counters.Damaged.Add(1)
			s.next += f.samples * ticks / f.rate
			return nil
		}
		s.track.Config = f.config
		if err := s.feed.configure(s.track); err != nil {
			return err
		}
	}
	s.doubt = 0
	for _, u := range f.units {
		s.counters.Units.Add(1)
		if !s.timed {
			continue
		}
		if err := s.feed.write(ingest.Unit{Track: audioTrack, DTS: wrap(s.next), RandomAccess: true, Payload: u}); err != nil {
			return err
		}
		s.next += f.samples * ticks / f.rate
	}
	return nil
}

// opus reads the access units of a packet, each led by a control header (ETSI TS Opus v0.1.3-draft, 4).
func (s *sound) opus(p payloadOf) error {
	if !p.hasPTS {
		s.counters.Damaged.Add(1)
		return nil
	}
	if err := s.feed.configure(s.track); err != nil {
		return err
	}
	s.next, s.timed = p.pts, true
	data := bytes.Clone(p.data)
	for len(data) > 0 {
		var au substructs.OpusAccessUnit
		n, err := au.Unmarshal(data)
		if err != nil || n == 0 {
			s.counters.Damaged.Add(1)
			return nil
		}
		data = data[n:]
		if len(au.Packet) == 0 {
			continue
		}
		f := frame{samples: opusSamples(au.Packet), rate: 48000, units: [][]byte{au.Packet[:len(au.Packet):len(au.Packet)]}}
		if err := s.write(f); err != nil {
			return err
		}
	}
	return nil
}

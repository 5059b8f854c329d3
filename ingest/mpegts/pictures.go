package mpegts

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
	"github.com/stagecast/stagecast/internal/nal"
)

// pictures turns the PES packets of a stream of pictures, each an access unit, into units.
type pictures struct {
	codec    media.Codec
	feed     *feed
	counters *Counters

	sets      map[nal.Kind][][]byte // the newest parameter sets of each kind
	renewed   bool                  // sets are not those that the track was configured with
	ready     bool                  // the track is configured
	order     order
	reordered [][]byte // NAL units for order; reused
}

func newPictures(codec media.Codec, f *feed, c *Counters) *pictures {
	return &pictures{codec: codec, feed: f, counters: c, sets: make(map[nal.Kind][][]byte), order: order{codec: codec}}
}

// decode reads an access unit in the byte stream format.
func (v *pictures) decode(p payloadOf) error {
	if !p.hasPTS {
		v.counters.Damaged.Add(1)
		return nil
	}
	au := v.read(p.data)
	if !au.picture {
		v.counters.Damaged.Add(1)
		return nil
	}
	v.counters.Units.Add(1)
	if au.randomAccess && v.renewed {
		if err := v.configure(); err != nil {
			return err
		}
	}
	if !v.ready {
		return nil
	}
	dts := v.order.dts(p, v.reordered)
	return v.feed.write(ingest.Unit{
		Track: videoTrack, DTS: wrap(dts), Offset: apart(p.pts, dts), RandomAccess: au.randomAccess, Payload: au.payload,
	})
}

// accessUnit is what the NAL units of one come to.
type accessUnit struct {
	payload      []byte // with 4-byte lengths, without what is in the configuration
	picture      bool
	randomAccess bool
}

func (v *pictures) read(data []byte) (au accessUnit) {
	au.payload = make([]byte, 0, len(data)+16)
	v.reordered = v.reordered[:0]
	count := 0
	var fresh [nal.Filler + 1]bool // kinds of parameter sets that this unit has begun anew
	for unit := range nal.Units(data) {
		if count++; count > maxNALUnits {
			return accessUnit{}
		}
		kind := nal.KindOf(v.codec, unit[0])
		switch kind {
		case nal.VPS, nal.SPS, nal.PPS:
			v.keep(kind, unit, &fresh[kind])
		case nal.Slice, nal.RandomAccess, nal.Other:
			au.picture = au.picture || kind.Picture()
			au.randomAccess = au.randomAccess || kind == nal.RandomAccess || v.codec == media.H264 && nal.IsRecoveryPoint(unit)
			au.payload = append(binary.BigEndian.AppendUint32(au.payload, uint32(len(unit))), unit...)
		}
		if v.order.computes() {
			v.reordered = append(v.reordered, unit)
		}
	}
	return au
}

// keep takes a parameter set over. The first of its kind in an access unit takes the place of all earlier ones.
func (v *pictures) keep(kind nal.Kind, unit []byte, fresh *bool) {
	before := v.sets[kind]
	if !*fresh {
		*fresh = true
		if len(before) > 0 && bytes.Equal(before[0], unit) {
			return
		}
		v.sets[kind], v.renewed = [][]byte{bytes.Clone(unit)}, true
		return
	}
	if len(before) < maxSets && !slices.ContainsFunc(before, func(b []byte) bool { return bytes.Equal(b, unit) }) {
		v.sets[kind], v.renewed = append(before, bytes.Clone(unit)), true
	}
}

// configure describes the track, once its parameter sets are there and can be read.
func (v *pictures) configure() error {
	var config []byte
	var err error
	if v.codec == media.H264 {
		config, err = nal.AVCConfig(v.sets[nal.SPS], v.sets[nal.PPS])
	} else {
		config, err = nal.HEVCConfig(v.sets[nal.VPS], v.sets[nal.SPS], v.sets[nal.PPS])
	}
	if err != nil { // it may become better
		v.counters.Damaged.Add(1)
		return nil
	}
	v.ready, v.renewed = true, false
	return v.feed.configure(media.Track{ID: videoTrack, Codec: v.codec, Config: config})
}

// order finds decode times. A stream whose pictures are out of order has to send them (2.4.3.7); for one that does not,
// they are computed from the pictures themselves, from the random access point on after that has been noticed.
type order struct {
	codec    media.Codec
	sent     bool // the stream has sent a decode time
	last     int64
	known    bool // last is set
	computed interface {
		Extract(au [][]byte, pts int64) (int64, error)
	}
}

// computes reports whether dts will need the NAL units.
func (o *order) computes() bool { return o.computed != nil }

// dts is that of an access unit.
func (o *order) dts(p payloadOf, units [][]byte) int64 {
	o.sent = o.sent || p.hasDTS
	if o.sent {
		o.computed = nil
		return p.dts
	}
	if o.computed != nil {
		if dts, err := o.computed.Extract(units, p.pts); err == nil {
			return dts
		}
		return p.pts
	}
	if o.known && apart(p.pts, o.last) < 0 {
		o.computed = newExtractor(o.codec)
	}
	o.last, o.known = p.pts, true
	return p.pts
}

func newExtractor(codec media.Codec) interface {
	Extract(au [][]byte, pts int64) (int64, error)
} {
	if codec == media.H264 {
		e := &h264.DTSExtractor{}
		e.Initialize()
		return e
	}
	e := &h265.DTSExtractor{}
	e.Initialize()
	return e
}

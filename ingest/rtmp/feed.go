package rtmp

import (
	"bytes"
	"log/slog"
	"slices"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// feed turns the media messages of one publisher into what its Session takes: tracks and units.
//
// Which tracks there will be is nowhere declared for certain. Units are held back until both are known, or metadata says
// that there is one, or it has been long enough. A track that comes later joins. It is for one goroutine.
type feed struct {
	session   wire.Session
	drops     *wire.Drops
	log       *slog.Logger
	video     [maxTracks]track // by their number on the wire
	audio     [maxTracks]track
	meta      metadata
	described bool
	units     int // taken

	held      []ingest.Unit // before described
	heldBytes int
}

func newFeed(s wire.Session, d *wire.Drops, log *slog.Logger) *feed {
	f := &feed{session: s, drops: d, log: log}
	for i := range maxTracks {
		f.video[i].id, f.audio[i].id = 2*i+1, 2*i+2
	}
	return f
}

// media takes an audio or video message over.
func (f *feed) media(m message) error {
	if len(m.payload) == 0 {
		f.drops.Add(emptyMessage, 1, nil)
		return nil
	}
	return parseTags(m, func(t tag) error {
		if t.track >= maxTracks {
			t.content = foreign
		}
		switch t.content {
		case configuration:
			return f.configure(f.track(m.typeID, t), t)
		case coded:
			return f.unit(f.track(m.typeID, t), t, m)
		case foreign:
			f.drops.Add(otherTrack, 1, nil)
		case unknown:
			f.drops.Add(unknownPacket, 1, nil)
		}
		return nil
	})
}

func (f *feed) track(typeID uint8, t tag) *track {
	if typeID == typeVideo {
		return &f.video[t.track]
	}
	return &f.audio[t.track]
}

// data takes a data message. One that cannot be read is no reason to end a broadcast.
func (f *feed) data(m message) error {
	meta, ok, err := parseMetadata(m)
	if err != nil {
		f.drops.Add(badMetadata, 1, nil)
		return nil
	}
	if !ok {
		return nil
	}
	f.log.Debug("metadata", "encoder", meta.encoder, "video", meta.hasVideo, "audio", meta.hasAudio, "fps", meta.frameRate.String())
	f.meta = meta
	if f.described { // what a decoder needs has not changed
		return nil
	}
	return f.settle()
}

// configure takes a sequence header. Most encoders repeat it; only a new one matters.
func (f *feed) configure(tr *track, t tag) error {
	if tr.codec == t.codec && bytes.Equal(tr.header, t.body) {
		return nil
	}
	config, nal, err := decoderConfig(t.codec, t.body)
	if err != nil {
		return err
	}
	if tr.complete && !f.described { // what is held belongs to the old one
		if err := f.describe(); err != nil {
			return err
		}
	}
	*tr = track{
		id: tr.id, codec: t.codec, header: bytes.Clone(t.body), config: config, nal: nal, complete: isComplete(t.codec, config),
	}
	if !tr.complete {
		return nil
	}
	return f.settle()
}

// unit takes an access unit.
func (f *feed) unit(tr *track, t tag, m message) error {
	if tr.codec != t.codec || !tr.complete && !t.key {
		f.drops.Add(unconfigured, 1, nil)
		return nil
	}
	u, err := tr.unit(t, m)
	if err != nil {
		return err
	}
	if len(u.Payload) == 0 {
		f.drops.Add(emptyUnit, 1, nil)
		return nil
	}
	if !tr.complete {
		if err := tr.completeFrom(u.Payload); err != nil {
			return err
		}
		if err := f.settle(); err != nil {
			return err
		}
	}
	f.units++
	if f.described {
		return f.session.Write(u)
	}
	return f.hold(u)
}

// hold keeps a unit until the tracks are known.
func (f *feed) hold(u ingest.Unit) error {
	f.held = append(f.held, u)
	f.heldBytes += len(u.Payload)
	span := int32(uint32(u.DTS) - uint32(f.held[0].DTS)) // may be negative: the tracks need not begin together
	if max(span, -span) >= holdSpan || len(f.held) >= maxHeldUnits || f.heldBytes >= maxHeldBytes {
		return f.describe()
	}
	return nil
}

// settle describes the tracks once they are known, and again whenever what is known changes.
func (f *feed) settle() error {
	video, audio := anyComplete(f.video[:]), anyComplete(f.audio[:])
	only := f.meta.hasVideo != f.meta.hasAudio && f.meta.hasVideo == video && f.meta.hasAudio == audio
	if f.described || video && audio || only {
		return f.describe()
	}
	return nil
}

func anyComplete(tracks []track) bool {
	return slices.ContainsFunc(tracks, func(t track) bool { return t.complete })
}

// describe tells the Session what tracks are known, and writes what was held for that.
func (f *feed) describe() error {
	var tracks []media.Track
	for i := range f.video {
		if v := &f.video[i]; v.complete {
			t := media.Track{ID: v.id, Codec: v.codec, Config: v.config, Width: v.width, Height: v.height}
			if i == 0 { // what metadata says is about the default track
				t.FrameRate, t.Bitrate = f.meta.frameRate, f.meta.videoBitrate
			}
			tracks = append(tracks, t)
		}
	}
	for i := range f.audio {
		if a := &f.audio[i]; a.complete {
			t := media.Track{ID: a.id, Codec: a.codec, Config: a.config}
			if i == 0 {
				t.Bitrate = f.meta.audioBitrate
			}
			tracks = append(tracks, t)
		}
	}
	if err := f.session.Describe(tracks); err != nil {
		return err
	}
	held := f.held
	f.described, f.held, f.heldBytes = true, nil, 0
	for _, u := range held {
		if err := f.session.Write(u); err != nil {
			return err
		}
	}
	return nil
}

// end writes what is still held when the encoder has said goodbye, and reports what was dropped.
func (f *feed) end(err error) {
	if err == nil && len(f.held) > 0 {
		if err := f.describe(); err != nil {
			f.log.Debug("last units", "error", err)
		}
	}
	f.drops.End()
}

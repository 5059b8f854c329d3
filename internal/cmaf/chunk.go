package cmaf

import (
	"encoding/binary"

	"github.com/stagecast/stagecast/internal/media"
)

// Sample is one access unit in a chunk.
type Sample struct {
	Duration          uint32 // ticks of the track's clock, to the next sample's decode time
	CompositionOffset int32  // PTS−DTS in ticks
	RandomAccess      bool   // true for every sample of sound
	Payload           []byte // only read
}

// ChunkTrack is one track's share of a chunk.
type ChunkTrack struct {
	TrackID        uint32 // as in the CMAF header: 1, 2, …
	BaseDecodeTime uint64 // decode time of the first sample, in ticks of the track's clock
	Samples        []Sample
	Kind           media.Kind
}

// The sample flags of ISO/IEC 14496-12 that are used: sample_depends_on 2 (on no other), or 1 with
// sample_is_non_sync_sample.
const (
	syncFlags    = 0x02000000
	nonSyncFlags = 0x01010000
)

const (
	tfhdDefaultDuration   = 0x000008
	tfhdDefaultFlags      = 0x000020
	tfhdDefaultBaseIsMoof = 0x020000

	trunDataOffset = 0x000001
	trunDuration   = 0x000100
	trunSize       = 0x000200
	trunFlags      = 0x000400
	trunOffset     = 0x000800
)

// layout is which fields a track's tfhd and trun carry. What is equal for all samples stands in tfhd once.
type layout struct {
	tfhd, trun uint32
	perSample  int // bytes in trun
}

func (t *ChunkTrack) layout() layout {
	l := layout{tfhd: tfhdDefaultBaseIsMoof | tfhdDefaultDuration, trun: trunDataOffset | trunSize, perSample: 4}
	durations, offsets := false, false
	for i := range t.Samples {
		durations = durations || t.Samples[i].Duration != t.Samples[0].Duration
		offsets = offsets || t.Samples[i].CompositionOffset != 0
	}
	if durations {
		l.tfhd &^= tfhdDefaultDuration
		l.trun |= trunDuration
		l.perSample += 4
	}
	if offsets {
		l.trun |= trunOffset
		l.perSample += 4
	}
	if t.Kind == media.Audio {
		l.tfhd |= tfhdDefaultFlags
	} else {
		l.trun |= trunFlags
		l.perSample += 4
	}
	return l
}

func (l layout) tfhdSize() int {
	size := 16
	if l.tfhd&tfhdDefaultDuration != 0 {
		size += 4
	}
	if l.tfhd&tfhdDefaultFlags != 0 {
		size += 4
	}
	return size
}

func (l layout) trunSize(samples int) int { return 20 + samples*l.perSample }

const (
	mfhdSize = 16
	tfdtSize = 20
)

func (t *ChunkTrack) trafSize() int {
	l := t.layout()
	return 8 + l.tfhdSize() + tfdtSize + l.trunSize(len(t.Samples))
}

func (t *ChunkTrack) payloadSize() (size int) {
	for i := range t.Samples {
		size += len(t.Samples[i].Payload)
	}
	return size
}

func moofSize(tracks []ChunkTrack) int {
	size := 8 + mfhdSize
	for i := range tracks {
		size += tracks[i].trafSize()
	}
	return size
}

// ChunkSize is the exact number of bytes that AppendChunk adds for tracks.
func ChunkSize(tracks ...ChunkTrack) int {
	size := moofSize(tracks) + 8
	for i := range tracks {
		size += tracks[i].payloadSize()
	}
	return size
}

// AppendChunk appends one CMAF chunk, a moof and its mdat, to dst and returns it. With ChunkSize bytes of room in dst
// nothing is allocated. A chunk must stay below 4 GiB.
//
// Every address in a chunk is relative to its own moof, and nothing stands before that, so a CMAF segment is the byte
// concatenation of its chunks. sequence is the mfhd's, which rises along a track.
func AppendChunk(dst []byte, sequence uint32, tracks ...ChunkTrack) []byte {
	moof := moofSize(tracks)
	dst = appendBox(dst, moof, "moof")
	dst = appendFullBox(dst, mfhdSize, "mfhd", 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, sequence)
	offset := moof + 8 // of the track's first sample, from the start of moof
	for i := range tracks {
		dst = tracks[i].appendTraf(dst, offset)
		offset += tracks[i].payloadSize()
	}
	dst = appendBox(dst, offset-moof, "mdat")
	for i := range tracks {
		for j := range tracks[i].Samples {
			dst = append(dst, tracks[i].Samples[j].Payload...)
		}
	}
	return dst
}

func (t *ChunkTrack) appendTraf(dst []byte, offset int) []byte {
	l := t.layout()
	dst = appendBox(dst, t.trafSize(), "traf")

	dst = appendFullBox(dst, l.tfhdSize(), "tfhd", 0, l.tfhd)
	dst = binary.BigEndian.AppendUint32(dst, t.TrackID)
	if l.tfhd&tfhdDefaultDuration != 0 {
		duration := uint32(0)
		if len(t.Samples) > 0 {
			duration = t.Samples[0].Duration
		}
		dst = binary.BigEndian.AppendUint32(dst, duration)
	}
	if l.tfhd&tfhdDefaultFlags != 0 {
		dst = binary.BigEndian.AppendUint32(dst, syncFlags)
	}

	dst = appendFullBox(dst, tfdtSize, "tfdt", 1, 0)
	dst = binary.BigEndian.AppendUint64(dst, t.BaseDecodeTime)

	dst = appendFullBox(dst, l.trunSize(len(t.Samples)), "trun", 1, l.trun)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(t.Samples)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(offset))
	for i := range t.Samples {
		dst = t.Samples[i].appendFields(dst, l.trun)
	}
	return dst
}

func (s *Sample) appendFields(dst []byte, fields uint32) []byte {
	if fields&trunDuration != 0 {
		dst = binary.BigEndian.AppendUint32(dst, s.Duration)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s.Payload)))
	if fields&trunFlags != 0 {
		flags := uint32(nonSyncFlags)
		if s.RandomAccess {
			flags = syncFlags
		}
		dst = binary.BigEndian.AppendUint32(dst, flags)
	}
	if fields&trunOffset != 0 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(s.CompositionOffset))
	}
	return dst
}

func appendBox(dst []byte, size int, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(size)), kind...)
}

func appendFullBox(dst []byte, size int, kind string, version byte, flags uint32) []byte {
	return binary.BigEndian.AppendUint32(appendBox(dst, size, kind), uint32(version)<<24|flags)
}

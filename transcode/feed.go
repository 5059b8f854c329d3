package transcode

import (
	"io"

	"github.com/stagecast/stagecast/internal/cmaf"
	"github.com/stagecast/stagecast/internal/media"
)

// feed writes access units to a process as fragmented MP4, one unit in each fragment, so that none waits for another.
type feed struct {
	w        io.Writer
	base     int64 // seconds
	ids      map[int]uint32
	tracks   map[int]*media.Track
	buffer   []byte
	sequence uint32
}

// newFeed writes the header for tracks.
func newFeed(w io.Writer, base int64, tracks []*media.Track) (*feed, error) {
	header, err := cmaf.Header(tracks...)
	if err != nil {
		return nil, err
	}
	f := &feed{w: w, base: base, ids: make(map[int]uint32), tracks: make(map[int]*media.Track)}
	for i, t := range tracks {
		f.ids[t.ID] = uint32(i + 1)
		f.tracks[t.ID] = t
	}
	_, err = w.Write(header)
	return f, err
}

// has reports whether a track is fed.
func (f *feed) has(track int) bool { return f.tracks[track] != nil }

// write sends one unit of a track that is fed.
func (f *feed) write(u media.AccessUnit) error {
	t := f.tracks[u.Track]
	dts := u.DTS - f.base*t.ClockRate
	if dts < 0 {
		return nil
	}
	duration := u.Duration
	if duration == 0 {
		duration = t.ClockRate / 30 // only a hint: the next fragment says where it starts
	}
	f.sequence++
	f.buffer = cmaf.AppendChunk(f.buffer[:0], f.sequence, cmaf.ChunkTrack{
		TrackID: f.ids[u.Track], BaseDecodeTime: uint64(dts), Kind: t.Kind(),
		Samples: []cmaf.Sample{{
			Duration: uint32(duration), CompositionOffset: int32(u.PTS - u.DTS), RandomAccess: u.RandomAccess, Payload: u.Payload,
		}},
	})
	_, err := f.w.Write(f.buffer)
	return err
}

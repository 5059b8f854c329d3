package transcode

import (
	"context"
	"fmt"

	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// pictures is how many pictures a source has: more than one where its broadcaster has encoded the ladder.
func pictures(source *hub.Publication) (n int) {
	for i := range source.Tracks {
		if source.Tracks[i].Kind() == media.Video {
			n++
		}
	}
	return n
}

// pass hands the tracks of a source on as they come, until it ends. It returns the rungs that a source which is encoded after
// it goes on with.
func (p *Pool) pass(ctx context.Context, source *hub.Publication) []Rung {
	m := p.meter(source.Key.Stream)
	m.passing(source.Tracks)
	sub := source.Subscribe()
	defer sub.Close()
	ladder, err := p.hub.Publish(hub.Key{Stream: source.Key.Stream, Stage: hub.Ladder}, source.ID, source.Tracks)
	if err != nil {
		p.log.Error("ladder cannot be passed on", "stream", source.Key.Stream, "err", err)
		return nil
	}
	p.log.Info("ladder passed on as it comes", "stream", source.Key.Stream, "rungs", pictures(source))
	var units []media.AccessUnit
	for {
		if units, err = sub.Next(ctx, units); err != nil {
			break
		}
		for _, u := range units {
			ladder.Write(u)
		}
	}
	if ctx.Err() != nil {
		err = hub.ErrLost
	}
	ladder.Close(err)
	m.dropped(sub.Dropped())
	return ownRungs(source)
}

// ownRungs are those of a source that would be encoded alike, with the bit rates of ours.
func ownRungs(source *hub.Publication) (out []Rung) {
	for i := range source.Tracks {
		t := &source.Tracks[i]
		lines := min(t.Width, t.Height)
		if t.Codec == media.H264 && t.Rendition == fmt.Sprintf("%dp", lines) {
			out = append(out, Rung{Name: t.Rendition, Width: t.Width, Height: t.Height, Bitrate: nominal(lines), Codec: media.H264})
		}
	}
	return out
}

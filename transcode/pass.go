package transcode

import (
	"context"

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

// pass hands the tracks of a source on as they come, until it ends.
func (p *Pool) pass(ctx context.Context, source *hub.Publication) {
	m := p.meter(source.Key.Stream)
	m.passing(source.Tracks)
	sub := source.Subscribe()
	defer sub.Close()
	ladder, err := p.hub.Publish(hub.Key{Stream: source.Key.Stream, Stage: hub.Ladder}, source.ID, source.Tracks)
	if err != nil {
		p.log.Error("ladder cannot be passed on", "stream", source.Key.Stream, "err", err)
		return
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
}

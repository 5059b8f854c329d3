package rtsp

import (
	"context"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// Session is what this package needs of an admitted broadcaster. It is *ingest.Session, which says what the methods promise.
type Session interface {
	Stream() string
	Describe([]media.Track) error
	Write(ingest.Unit) error
	Link(ingest.Link)
	Done() <-chan struct{}
	Cause() error
	End(error)
}

// Gate is what a Server needs of *ingest.Gate.
type Gate[S Session] interface {
	Open(context.Context, ingest.Request) (S, error)
	Refuse(ingest.Request, error)
}

// door is a Gate without its type parameter.
type door struct {
	open   func(context.Context, ingest.Request) (Session, error)
	refuse func(ingest.Request, error)
}

func doorOf[S Session](g Gate[S]) door {
	return door{
		open: func(ctx context.Context, r ingest.Request) (Session, error) {
			s, err := g.Open(ctx, r)
			if err != nil {
				return nil, err // s may be a nil pointer, which as a Session would not be nil
			}
			return s, nil
		},
		refuse: g.Refuse,
	}
}

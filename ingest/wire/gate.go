package wire

import (
	"context"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/media"
)

// Session is what a door needs of an admitted broadcaster. It is *ingest.Session, which says what the methods promise.
type Session interface {
	Stream() string
	Describe([]media.Track) error
	Write(ingest.Unit) error
	Link(ingest.Link)
	Done() <-chan struct{}
	Cause() error
	End(error)
}

// Gate is what a door needs of *ingest.Gate.
type Gate[S Session] interface {
	Open(context.Context, ingest.Request) (S, error)
	Refuse(ingest.Request, error)
}

// Door is a Gate without its type parameter.
type Door struct {
	Open   func(context.Context, ingest.Request) (Session, error)
	Refuse func(ingest.Request, error)
}

// DoorOf leads to g.
func DoorOf[S Session](g Gate[S]) Door {
	return Door{
		Open: func(ctx context.Context, r ingest.Request) (Session, error) {
			s, err := g.Open(ctx, r)
			if err != nil {
				return nil, err // s may be a nil pointer, which as a Session would not be nil
			}
			return s, nil
		},
		Refuse: g.Refuse,
	}
}

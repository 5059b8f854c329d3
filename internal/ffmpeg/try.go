package ffmpeg

import (
	"context"
	"errors"
	"time"
)

// Spent is what a child that ran to its end has cost.
type Spent struct {
	CPU  time.Duration
	Wall time.Duration
}

// Try runs a child that needs no input to its end. Its error is an *ExitError, with TimedOut where ctx ended first. See Start
// for pass.
func Try(ctx context.Context, args []string, pass ...string) (Spent, error) {
	began := time.Now()
	p, err := Start(args, 0, pass...)
	if err != nil {
		return Spent{}, err
	}
	err = p.Wait(ctx)
	if exit := (*ExitError)(nil); ctx.Err() != nil && errors.As(err, &exit) {
		exit.Reason = TimedOut
	}
	return Spent{CPU: p.CPU(), Wall: time.Since(began)}, err
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/rtmppush"
)

// demo publishes a moving picture with a clock and a beep to the first stream, through the same door as any encoder, and
// goes on until ctx ends. The key stays in this process: ffmpeg only makes the FLV.
func (s *server) demo(ctx context.Context, address string) error {
	for ctx.Err() == nil {
		err := s.demoOnce(ctx, address)
		if ctx.Err() != nil {
			return nil
		}
		s.log.Warn("demo picture ended, starting it again", "err", err)
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	return nil
}

func (s *server) demoOnce(ctx context.Context, address string) error {
	flv, err := ffmpeg.TestPicture(ctx)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer flv.Close()
	return rtmppush.Run(ctx, rtmppush.Target{Address: address, App: "live", Key: s.streams.Key(s.names[0])}, flv)
}

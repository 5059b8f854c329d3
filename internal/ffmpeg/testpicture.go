package ffmpeg

import (
	"context"
	"io"
	"strconv"
)

// testPicture makes a moving picture with the wall clock burnt in and a beep at every second, in real time, as FLV.
var testPicture = []string{
	"-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
	"-re", "-f", "lavfi", "-i", "sine=frequency=220:beep_factor=4:sample_rate=48000",
	"-filter_complex", "[0:v]drawbox=y=(ih-150)/2:h=150:color=black@0.6:t=fill," +
		`drawtext=text='%{localtime\:%H\\\:%M\\\:%S}':fontsize=88:fontcolor=white:x=(w-tw)/2:y=(h-th)/2[v];[1:a]volume=0.3[a]`,
	"-map", "[v]", "-map", "[a]",
	"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k",
	"-g", strconv.Itoa(60), "-pix_fmt", "yuv420p",
	"-c:a", "aac", "-b:a", "128k", "-ac", "2",
	"-flvflags", "no_duration_filesize", "-flush_packets", "1", "-f", "flv", "pipe:3",
}

// TestPicture starts the test picture. The reader ends with ctx; Close ends it sooner.
func TestPicture(ctx context.Context) (io.ReadCloser, error) {
	p, err := Start(testPicture, 1)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Wait(ctx) }()
	return &picture{p: p, cancel: cancel, ended: ended}, nil
}

type picture struct {
	p      *Process
	cancel context.CancelFunc
	ended  chan error
}

// Read implements io.Reader; at the end of the process it returns how that ended.
func (t *picture) Read(b []byte) (int, error) {
	n, err := t.p.Outputs[0].Read(b)
	if err == io.EOF {
		if exit := <-t.ended; exit != nil {
			err = exit
		}
		t.ended <- err
	}
	return n, err
}

// Close ends the process and waits for that.
func (t *picture) Close() error {
	t.cancel()
	<-t.ended
	return nil
}

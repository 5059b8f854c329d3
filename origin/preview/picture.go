package preview

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/stagecast/stagecast/internal/ffmpeg"
	"github.com/stagecast/stagecast/internal/hls"
)

// poster is the first picture of the newest segment.
func (s *Server) poster(ctx context.Context, l *listing) ([]byte, error) {
	newest := l.newest()
	if newest == nil {
		return nil, errNone
	}
	scale := fmt.Sprintf("scale=-2:'min(%d,ih)'", posterLines)
	return s.picture(ctx, l, l.base+" poster "+strconv.FormatInt(newest.MSN, 10), []hls.ParsedSegment{*newest}, scale)
}

// sheet is one sheet of the storyboard as it is listed now.
func (s *Server) sheet(ctx context.Context, l *listing, name string) ([]byte, error) {
	for _, k := range l.sheets() {
		if k.name() != name {
			continue
		}
		rows := (len(k.segments) + columns - 1) / columns
		tiles := fmt.Sprintf("scale=%d:%d,tile=%dx%d", l.width, tileLines, columns, rows)
		return s.picture(ctx, l, l.base+" "+name, k.segments, tiles)
	}
	return nil, errNone
}

// picture makes one of the first pictures of segments with one header, once for all who ask meanwhile.
func (s *Server) picture(ctx context.Context, l *listing, key string, segments []hls.ParsedSegment, filter string) ([]byte, error) {
	if image := s.kept.get(key); image != nil {
		return image, nil
	}
	done := s.one.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within) // whoever asked first may leave
		defer cancel()
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
		case <-ctx.Done():
			return nil, errBusy
		}
		image, err := s.render(ctx, l, segments, filter)
		if err == nil {
			s.kept.put(key, image)
		}
		return image, err
	})
	select {
	case r := <-done:
		image, _ := r.Val.([]byte)
		return image, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// render feeds a process with the header and the segments, each as far as the key frame that it begins with.
func (s *Server) render(ctx context.Context, l *listing, segments []hls.ParsedSegment, filter string) ([]byte, error) {
	var in bytes.Buffer
	header, err := s.get(ctx, l.at(segments[0].Map.URI))
	if err != nil {
		return nil, err
	}
	in.Write(header)
	for i := range segments {
		media, err := s.get(ctx, l.at(segments[i].URI))
		if err != nil {
			return nil, err
		}
		in.Write(firstChunk(media))
	}
	p, err := ffmpeg.Start([]string{
		"-threads", "1", "-skip_frame", "nokey", "-f", "mp4", "-i", "pipe:0", "-vf", filter, "-frames:v", "1",
		"-c:v", "mjpeg", "-q:v", "5", "-f", "image2pipe", "pipe:3",
	}, 1)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	go func() {
		_, _ = io.Copy(p.Stdin, &in) // it may have seen enough before the end
		p.Stdin.Close()
	}()
	image, err := readAll(ctx, p)
	if exit := p.Wait(ctx); len(image) == 0 {
		return nil, fmt.Errorf("preview: no picture: %w", exit)
	}
	return image, err
}

// firstChunk is the beginning of a segment up to the end of its first mdat: it holds the key frame that the segment begins with. nil where
// there is none.
func firstChunk(segment []byte) []byte {
	for at := 0; len(segment)-at >= 8; {
		size := int(binary.BigEndian.Uint32(segment[at:]))
		if size < 8 || size > len(segment)-at {
			return nil
		}
		kind := string(segment[at+4 : at+8])
		if at += size; kind == "mdat" {
			return segment[:at]
		}
	}
	return nil
}

// readAll is what a process writes, until ctx ends.
func readAll(ctx context.Context, p *ffmpeg.Process) ([]byte, error) {
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	image, err := io.ReadAll(io.LimitReader(p.Outputs[0], mostImage))
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	return image, nil
}

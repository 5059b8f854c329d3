package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/stagecast/stagecast/ingest/hls"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/ingest/rtmp"
	"github.com/stagecast/stagecast/ingest/rtsp"
	"github.com/stagecast/stagecast/ingest/srt"
	"github.com/stagecast/stagecast/ingest/udp"
	"github.com/stagecast/stagecast/internal/auth"
)

// schemes are what streams can be fetched over, by the scheme of their URLs.
var schemes = map[string]func(*url.URL) (pull.Source, error){
	"rtsp":  func(u *url.URL) (pull.Source, error) { return rtsp.NewCamera(u) },
	"rtsps": func(u *url.URL) (pull.Source, error) { return rtsp.NewCamera(u) },
	"srt":   func(u *url.URL) (pull.Source, error) { return srt.NewCaller(u) },
	"rtmp":  func(u *url.URL) (pull.Source, error) { return rtmp.NewCaller(u) },
	"rtmps": func(u *url.URL) (pull.Source, error) { return rtmp.NewCaller(u) },
	"http":  func(u *url.URL) (pull.Source, error) { return hls.NewPlaylist(u) },
	"https": func(u *url.URL) (pull.Source, error) { return hls.NewPlaylist(u) },
	"udp":   func(u *url.URL) (pull.Source, error) { return udp.New(u) },
}

var errPulls = errors.New("pulls are STREAM=URL, separated by commas; a comma in a URL is %2C, and a # is %23")

// parsePulls reads "live=srt://host:8890?streamid=x,other=udp://239.0.0.1:5000", into pulls without their keys. Its errors
// hold nothing of a URL, where secrets may be.
func parsePulls(list string) ([]*pull.Pull, error) {
	var pulls []*pull.Pull
	seen := make(map[string]bool)
	for _, entry := range strings.Split(list, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		stream, text, _ := strings.Cut(entry, "=")
		if auth.CheckName(stream) != nil {
			return nil, errPulls
		}
		if seen[stream] {
			return nil, fmt.Errorf("stream %q is pulled twice", stream)
		}
		seen[stream] = true
		u, err := url.Parse(text)
		if err != nil || u.Fragment != "" {
			return nil, fmt.Errorf("the URL of %s: %w", stream, errPulls)
		}
		open, known := schemes[u.Scheme]
		if !known {
			return nil, fmt.Errorf("the URL of %s: its scheme is not one that can be pulled", stream)
		}
		source, err := open(u)
		if err != nil {
			return nil, fmt.Errorf("the URL of %s: %w", stream, err)
		}
		pulls = append(pulls, &pull.Pull{Stream: stream, From: u.Scheme + "://" + u.Host, Source: source})
	}
	return pulls, nil
}

// preparePulls reads what is to be fetched. Each comes in by the door that encoders use, with the stream's own key.
func (s *server) preparePulls() error {
	pulls, err := parsePulls(s.config.Pulls)
	if err != nil {
		return fmt.Errorf("pulls: %w", err)
	}
	for _, p := range pulls {
		if p.Key = s.streams.Key(p.Stream); p.Key == "" {
			return fmt.Errorf("pulls: there is no stream %q", p.Stream)
		}
	}
	s.pulls = pulls
	return nil
}

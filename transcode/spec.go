package transcode

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stagecast/stagecast/internal/media"
)

// ErrLadder says how a ladder is written.
var ErrLadder = errors.New("a ladder is auto, or rungs such as 1080p, 720p:2M or 720p:1500k:hevc, separated by commas")

// Ladders are what streams are encoded into, as the operator wishes it. The zero value is the default ladder for all.
type Ladders struct {
	all     Spec
	streams map[string]Spec
}

// Spec is the wish for one stream. The zero value is the default ladder.
type Spec struct {
	rungs    []wish        // none: the default ones
	more     []media.Codec // beside each rung of H.264
	audio    []int         // bit rates, best first; none: the default one
	priority int
	bottom   bool // where there is no room, rungs are dropped from the bottom
}

// wish is a rung that was asked for.
type wish struct {
	lines, bitrate int // bitrate 0: the nominal one
	codec          media.Codec
}

// Priority of a stream: the higher is encoded first where there is no room for all.
func (l Ladders) Priority(stream string) int { return l.Of(stream).priority }

// Of is the wish for a stream.
func (l Ladders) Of(stream string) Spec {
	if s, ok := l.streams[stream]; ok {
		return s
	}
	return l.all
}

// Streams that have a ladder of their own.
func (l Ladders) Streams() (out []string) {
	for name := range l.streams {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// ParseLadders reads "auto", "1080p:4M,720p,480p,hevc", or several of them behind semicolons, each but the first for one
// stream: "auto;show=1080p:6M,720p,priority=5".
func ParseLadders(text string) (l Ladders, err error) {
	l.streams = make(map[string]Spec)
	for i, part := range strings.Split(text, ";") {
		part = strings.TrimSpace(part)
		if i == 0 {
			if l.all, err = parseSpec(part); err != nil {
				return l, err
			}
			continue
		}
		name, spec, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, ",:") {
			return l, fmt.Errorf("%q: behind a semicolon stands STREAM=LADDER", part)
		}
		if _, twice := l.streams[name]; twice {
			return l, fmt.Errorf("stream %s has two ladders", name)
		}
		if l.streams[name], err = parseSpec(spec); err != nil {
			return l, fmt.Errorf("stream %s: %w", name, err)
		}
	}
	return l, nil
}

// mostRungs that one may ask for: each is a pipe, an encoder and a playlist.
const mostRungs = 16

func parseSpec(text string) (s Spec, err error) {
	for _, word := range strings.Split(text, ",") {
		if err := s.word(strings.TrimSpace(word)); err != nil {
			return s, err
		}
	}
	n := cmp.Or(len(s.rungs), len(steps)) * (1 + len(s.more))
	if n > mostRungs {
		return s, fmt.Errorf("%d rungs are more than %d", n, mostRungs)
	}
	slices.SortStableFunc(s.rungs, func(a, b wish) int { return b.lines - a.lines })
	for i := range s.rungs {
		for _, o := range s.rungs[:i] {
			if o.lines == s.rungs[i].lines && o.codec == s.rungs[i].codec {
				return s, fmt.Errorf("%dp stands twice", o.lines)
			}
		}
	}
	return s, nil
}

func (s *Spec) word(word string) error {
	name, value, valued := strings.Cut(word, "=")
	switch {
	case word == "auto":
	case word == "hevc" || word == "av1":
		if !slices.Contains(s.more, media.Codec(word)) {
			s.more = append(s.more, media.Codec(word))
		}
	case name == "priority" && valued:
		n, err := strconv.Atoi(value)
		if err != nil || n < -100 || n > 100 {
			return fmt.Errorf("%q: a priority is a number from -100 to 100, the higher going first", word)
		}
		s.priority = n
	case name == "drop" && (value == "top" || value == "bottom"):
		s.bottom = value == "bottom"
	case name == "audio" && valued:
		for _, rate := range strings.Split(value, "+") {
			n, err := parseBitrate(rate)
			if err != nil || n < 16_000 || n > 512_000 || len(s.audio) == 3 {
				return fmt.Errorf("%q: audio is one to three bit rates from 16k to 512k, such as audio=128k+64k", word)
			}
			s.audio = append(s.audio, n)
		}
		slices.SortFunc(s.audio, func(a, b int) int { return b - a })
	default:
		w, err := parseWish(word)
		if err != nil {
			return err
		}
		s.rungs = append(s.rungs, w)
	}
	return nil
}

// parseWish reads 720p, 720p:2M or 720p:2M:hevc.
func parseWish(text string) (w wish, err error) {
	parts := strings.Split(text, ":")
	lines, ok := strings.CutSuffix(parts[0], "p")
	if w.lines, err = strconv.Atoi(lines); err != nil || !ok || w.lines < 64 || w.lines > 4320 || w.lines%2 != 0 || len(parts) > 3 {
		return w, fmt.Errorf("%q: %w", text, ErrLadder)
	}
	w.codec = media.H264
	for _, part := range parts[1:] {
		if part == "hevc" || part == "av1" || part == "h264" {
			w.codec = media.Codec(part)
			continue
		}
		if w.bitrate, err = parseBitrate(part); err != nil || w.bitrate < 50_000 || w.bitrate > 100_000_000 {
			return w, fmt.Errorf("%q: %w, of 50k to 100M", text, ErrLadder)
		}
	}
	return w, nil
}

// parseBitrate reads 800k or 2.5M.
func parseBitrate(text string) (int, error) {
	if text == "" {
		return 0, ErrLadder
	}
	unit, known := map[byte]float64{'k': 1e3, 'M': 1e6}[text[len(text)-1]]
	n, err := strconv.ParseFloat(text[:len(text)-1], 64)
	if err != nil || !known || !(n > 0 && n < 1e6) {
		return 0, ErrLadder
	}
	return int(n*unit + 0.5), nil
}

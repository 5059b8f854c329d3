package packager_test

import (
	"github.com/stretchr/testify/require"

	media "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// faults are the rules that are found broken in the playlists and in the media that they list, but for those expected.
func (s *stage) faults(expected ...string) []string {
	s.sink.mu.Lock()
	names := s.sink.names
	s.sink.mu.Unlock()
	together := &media.Alignment{Report: s.sink.report}
	for _, name := range names {
		s.judge(name, together)
	}
	s.judgeMultivariant()
	return s.broken(append(expected, oneVideo)...)
}

// judge reads every segment of a rendition with its parts, as a player that misses nothing would.
func (s *stage) judge(name string, together *media.Alignment) {
	judge := &media.Rendition{Report: s.sink.report}
	next, epochs := int64(-1), int64(0)
	for _, u := range s.sink.of(name) {
		if u.Playlist == nil || u.Playlist.MediaSequence+int64(len(u.Playlist.Segments)) <= next {
			continue
		}
		p, err := hls.ParseMedia(u.Playlist.AppendTo(nil))
		require.NoError(s.t, err)
		for i := range p.Segments {
			if segment := &p.Segments[i]; segment.MSN >= next {
				s.segment(name, judge, segment, together)
				require.GreaterOrEqual(s.t, segment.Epoch, epochs)
				next, epochs = segment.MSN+1, segment.Epoch
			}
		}
	}
}

func (s *stage) segment(name string, judge *media.Rendition, segment *hls.ParsedSegment, together *media.Alignment) {
	if segment.Gap || segment.Discontinuity {
		judge.Lost()
	}
	if segment.Gap {
		return
	}
	in := media.Header(s.sink.report, segment.Map.URI, s.sink.object(name+"/"+segment.Map.URI))
	require.NotNil(s.t, in, "%s of %s", segment.Map.URI, name)
	var parts [][]byte
	for i := range segment.Parts {
		if part := &segment.Parts[i]; !part.Gap {
			b := s.sink.object(name + "/" + part.URI)
			require.NotEmpty(s.t, b, "%s is listed and has not been put", part.URI)
			judge.Part(in, part, b)
			parts = append(parts, b)
		}
	}
	b := s.sink.object(name + "/" + segment.URI)
	require.NotEmpty(s.t, b, "%s is listed and has not been put", segment.URI)
	if m := judge.Segment(in, segment, b, parts); m != nil {
		together.Add(media.StartOf(name, in, m, segment.Epoch, segment.DateTime))
	}
}

func (s *stage) judgeMultivariant() {
	if s.sink.presented().Multivariant == nil {
		return
	}
	p, err := hls.ParseMultivariant([]byte(s.sink.presented().Multivariant.String()))
	check.Grammar(s.sink.report, "index.m3u8", err)
	check.MultivariantPlaylist(s.sink.report, "index.m3u8", p)
}

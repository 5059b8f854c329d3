package rtsp

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/wire"
	"github.com/stagecast/stagecast/internal/media"
)

// announced is one media of a session description.
type announced struct {
	control string // what its URL ends with
	track   *track // nil where it is not taken
}

// parseDescription reads an encoder's session description (RFC 4566). One picture and one sound are taken, the first of
// each; more of them, and what is neither, is not. The error is an *ingest.Error, and holds nothing of the text.
func parseDescription(text []byte) ([]announced, error) {
	if err := checkDescription(text); err != nil {
		return nil, err
	}
	var raw sdp.SessionDescription
	if err := raw.Unmarshal(text); err != nil {
		return nil, ingest.Errorf(ingest.ReasonBadMedia, "a session description that cannot be read")
	}
	medias := make([]announced, len(raw.MediaDescriptions))
	described := make([]*description.Media, len(medias))
	for i, m := range raw.MediaDescriptions {
		medias[i].control, _ = m.Attribute("control")
		described[i] = &description.Media{}
		if err := described[i].Unmarshal(m); err != nil { // it has formats in a form that the parser does not know
			described[i] = &description.Media{Type: description.MediaType(m.MediaName.Media)}
		}
	}
	tracks, err := chooseTracks(described, true)
	for i, t := range tracks {
		medias[i].track = t
	}
	return medias, err
}

// checkDescription counts what is in a session description before anything is made of it.
func checkDescription(text []byte) error {
	if len(text) > maxSDP {
		return ingest.Errorf(ingest.ReasonBadMessage, "a session description of %d bytes", len(text))
	}
	medias := 0
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("m=")) {
			continue
		}
		if medias++; medias > maxMedias {
			return ingest.Errorf(ingest.ReasonBadMessage, "more than %d medias", maxMedias)
		}
		if len(bytes.Fields(line)) > 3+maxFormats {
			return ingest.Errorf(ingest.ReasonBadMessage, "more than %d formats in one media", maxFormats)
		}
	}
	return nil
}

// chooseTracks picks the first picture and the first sound that we take; the result is as long as medias. A kind of which
// there are only others is refused where strict, and left out otherwise, as long as there is one track.
func chooseTracks(medias []*description.Media, strict bool) ([]*track, error) {
	tracks := make([]*track, len(medias))
	taken := make(map[media.Kind]bool)
	refused := make(map[media.Kind]error)
	for i, m := range medias {
		kind := kindOf(m.Type)
		if kind != 0 && len(m.Formats) == 0 && refused[kind] == nil {
			refused[kind] = unsupported("a form of %s that is not known", m.Type)
		}
		for _, f := range m.Formats {
			t, err := newTrack(i+1, f)
			if err != nil {
				if kind != 0 && refused[kind] == nil {
					refused[kind] = err
				}
				continue
			}
			if kind := t.name.Kind(); !taken[kind] {
				taken[kind], tracks[i] = true, t
				break
			}
		}
	}
	for kind, err := range refused {
		if !taken[kind] && (strict || len(taken) == 0) {
			return nil, err
		}
	}
	if len(taken) == 0 {
		return nil, unsupported("neither picture nor sound")
	}
	return tracks, nil
}

func kindOf(t description.MediaType) media.Kind {
	switch t {
	case description.MediaTypeVideo:
		return media.Video
	case description.MediaTypeAudio:
		return media.Audio
	}
	return 0
}

// describeFormat is what the peer calls a format.
func describeFormat(f format.Format) string {
	if name := f.Codec(); name != "" && name != "Generic" {
		return name
	}
	if m := wire.Printable(f.RTPMap()); m != "" {
		return m
	}
	return fmt.Sprintf("payload type %d", f.PayloadType())
}

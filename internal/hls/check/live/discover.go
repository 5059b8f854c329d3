package live

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"

	cmaf "github.com/stagecast/stagecast/internal/cmaf/check"
	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/hls/check"
)

// discover fetches the playlist to begin with, and finds the renditions that it names.
func (r *runner) discover(ctx context.Context, base *url.URL) error {
	a, err := r.client.get(ctx, base.String())
	if err != nil {
		return fmt.Errorf("get %s: %w", base, err)
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("get %s: status %d", base, a.status)
	}
	if bytes.Contains(a.body, []byte("#EXT-X-TARGETDURATION")) {
		r.rendition(base, true)
		return nil
	}
	check.Headers(r.report, a.url, check.Multivariant, a.status, a.header, 0)
	p, err := hls.ParseMultivariant(a.body)
	check.Grammar(r.report, a.url, err)
	if p == nil || len(p.Variants) == 0 {
		return fmt.Errorf("get %s: no Media Playlist and no variant: %v", base, err)
	}
	check.MultivariantPlaylist(r.report, a.url, p)
	r.base, r.playlist = base, p
	for i := range p.Variants {
		v := &p.Variants[i]
		if err := r.declare(v.URI, check.IsVideo(v)); err != nil {
			return err
		}
	}
	for _, m := range p.Media {
		if m.URI == "" || m.Type != "AUDIO" && m.Type != "VIDEO" {
			continue
		}
		if err := r.declare(m.URI, m.Type == "VIDEO"); err != nil {
			return err
		}
	}
	return nil
}

// declare adds a rendition that the Multivariant Playlist names, unless it is there already.
func (r *runner) declare(uri string, video bool) error {
	u, err := r.base.Parse(uri)
	if err != nil {
		return fmt.Errorf("uri %q: %w", uri, err)
	}
	if r.find(uri) == nil {
		r.rendition(u, video)
		r.checker.Declare(u.String(), video)
	}
	return nil
}

func (r *runner) rendition(u *url.URL, video bool) {
	plain := *u
	plain.RawQuery = ""
	r.renditions = append(r.renditions, &rendition{url: &plain, video: video})
}

// find is the rendition of a URI in the Multivariant Playlist.
func (r *runner) find(uri string) *rendition {
	u, err := r.base.Parse(uri)
	if err != nil {
		return nil
	}
	for _, t := range r.renditions {
		if t.url.Path == u.Path && t.url.Host == u.Host {
			return t
		}
	}
	return nil
}

// conclude checks what can only be said at the end.
func (r *runner) conclude() {
	r.checker.Finish()
	if r.playlist == nil {
		return
	}
	for i := range r.playlist.Variants {
		v := &r.playlist.Variants[i]
		main := r.find(v.URI)
		if main == nil || main.media.header == nil {
			continue
		}
		sound, rates := r.group(v.Audio)
		cmaf.Variant(r.report, r.base.Path, v, main.media.header, sound, main.media.checks.FrameRate())
		check.Bandwidth(r.report, main.url.Path, v, &main.media.rates, rates)
	}
}

// group is the rendition of an audio group with the highest bit rate; nil where the variant has no group.
func (r *runner) group(id string) (*cmaf.Init, *check.Rates) {
	var in *cmaf.Init
	var rates *check.Rates
	for _, m := range r.playlist.Media {
		if m.Type != "AUDIO" || m.GroupID != id || m.URI == "" {
			continue
		}
		t := r.find(m.URI)
		if rates == nil || t.media.rates.Peak() > rates.Peak() {
			in, rates = t.media.header, &t.media.rates
		}
	}
	return in, rates
}

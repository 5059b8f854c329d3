// Package hls fetches streams from HLS servers elsewhere: playlists and their segments -> units. The best variant is taken,
// in the pace of its media.
//
// It owns what may be asked of whom: every connection, for a playlist, a segment or where a redirect leads, goes to an
// address that package pull allows, and no answer is read without a bound. How playlists and segments are read is
// gohlslib's.
package hls

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/ingest/pull"
	"github.com/stagecast/stagecast/internal/media"
)

// ErrURL says what the URL of a playlist must look like.
var ErrURL = errors.New("http://HOST/PATH.m3u8 or https://…, with USER:PASSWORD@ and a query where the server wants them")

// The bounds of a fetch.
const (
	maxBody        = 32 << 20 // bytes of an answer: a segment of ten seconds at 25 Mb/s
	maxRedirects   = 3
	maxRequests    = 16
	connectTimeout = 10 * time.Second
	headerTimeout  = 20 * time.Second // a playlist may be held until it has a new part
	answerTimeout  = 40 * time.Second // for all of an answer
)

// wireClock is that of all tracks, whatever their own in the segments.
var wireClock = ingest.WireClock{Rate: media.VideoClockRate, Bits: 64}

// Playlist is a stream of an HLS server elsewhere. It is a pull.Source.
type Playlist struct {
	url *url.URL // may hold secrets

	// MediaTimeout is the time to the first picture or sound, and from each to the next.
	MediaTimeout time.Duration
}

// NewPlaylist reads the URL of a playlist. The error is ErrURL: nothing of the URL is in it, as that holds secrets.
func NewPlaylist(u *url.URL) (*Playlist, error) {
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !strings.HasSuffix(u.Path, ".m3u8") || u.Fragment != "" {
		return nil, ErrURL
	}
	return &Playlist{url: u, MediaTimeout: 30 * time.Second}, nil
}

// Protocol implements pull.Source.
func (*Playlist) Protocol() string { return "hls-pull" }

// Fetch implements pull.Source.
func (p *Playlist) Fetch(ctx context.Context, admit pull.Admit, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	f := &fetching{ctx: ctx, place: p, admit: admit, log: log.With("remote", p.url.Host)}
	defer f.watching.Wait()
	defer cancel()
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: connectTimeout, Control: pull.Control}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: headerTimeout,
		MaxConnsPerHost:       8,
	} // no proxy: it would be the one that connects
	defer transport.CloseIdleConnections()
	quiet := func(string) {}
	f.client = &gohlslib.Client{
		URI: p.url.String(), OnTracks: f.tracks, OnDownloadPrimaryPlaylist: quiet, OnDownloadStreamPlaylist: quiet, OnDownloadSegment: quiet,
		OnDownloadPart: quiet, OnDecodeError: func(error) { f.log.Debug("media that cannot be read") },
		HTTPClient: &http.Client{Transport: bounded{transport, make(chan struct{}, maxRequests), f.unanswered}, Timeout: answerTimeout, CheckRedirect: checkRedirect},
	}
	if err := f.start(); err != nil {
		return err
	}
	defer f.silence.Stop()
	// The end that anybody else wants closes the client; its own end ends the wait.
	defer context.AfterFunc(ctx, func() { f.stop(&ingest.Error{Reason: ingest.ReasonShutdown}) })()
	return f.end(f.client.Wait2())
}

// start has the client begin, which calls us at once.
func (f *fetching) start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.client.Start(); err != nil {
		return &ingest.Error{Reason: ingest.ReasonUnreachable, Err: ErrURL}
	}
	f.silence = time.AfterFunc(f.place.MediaTimeout, func() {
		f.stop(ingest.Errorf(ingest.ReasonTimeout, "nothing came for %v", f.place.MediaTimeout))
	})
	return nil
}

func checkRedirect(_ *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return ingest.Errorf(ingest.ReasonRefused, "more than %d redirects", maxRedirects)
	}
	return nil
}

// bounded cuts answers off that are longer than any segment, and refuses to ask for more at a time than a stream has: a
// playlist may name any number of others.
type bounded struct {
	http.RoundTripper
	places chan struct{}
	failed func(error)
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
	default:
		err := ingest.Errorf(ingest.ReasonUnsupported, "more than %d playlists and segments at a time", maxRequests)
		b.failed(err)
		return nil, err
	}
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		err = badStatus(answer.StatusCode)
	}
	if err != nil {
		if answer != nil {
			answer.Body.Close()
		}
		if r.Context().Err() == nil { // else it is the client that ends
			b.failed(err)
		}
		return nil, err
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, maxBody)
	return answer, nil
}

// badStatus is an answer that is no media, as an *ingest.Error.
func badStatus(code int) error {
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return ingest.Errorf(ingest.ReasonRefused, "the server answers %d", code)
	case code >= 400:
		return ingest.Errorf(ingest.ReasonUnreachable, "the server answers %d", code)
	}
	return nil
}

// fetching is one attempt. The client calls it from goroutines of its own, one for each track.
type fetching struct {
	ctx      context.Context
	place    *Playlist
	client   *gohlslib.Client
	admit    pull.Admit
	log      *slog.Logger
	stops    sync.WaitGroup // of the client
	watching sync.WaitGroup // for the session to end

	mu      sync.Mutex // guards everything below
	silence *time.Timer
	cause   error // why we have closed the client; the first counts
	session *ingest.Session
	picture *picture // nil: none
	sound   *media.Track
}

// stop closes the client from outside of its goroutines.
func (f *fetching) stop(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause == nil {
		f.cause = cause
		f.stops.Go(f.client.Close) // which waits for the goroutine that may be calling us
	}
}

// unanswered ends an attempt that has not come to media yet: the client would wait without an end for what has failed.
func (f *fetching) unanswered(err error) {
	f.mu.Lock()
	played := f.session != nil
	f.mu.Unlock()
	if e := (*ingest.Error)(nil); !played && errors.As(err, &e) {
		f.stop(e)
	} else if !played {
		f.stop(ingest.Errorf(ingest.ReasonUnreachable, "the server does not answer"))
	}
}

// end closes the session with the reason of the client's end.
func (f *fetching) end(err error) error {
	f.stops.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cause != nil {
		err = f.cause
	} else {
		err = reason(err, f.session != nil)
	}
	if f.session != nil {
		f.session.End(err)
	}
	return err
}

// reason is an error of the client as one of ours, without its text: URLs are in it.
func reason(err error, played bool) error {
	if errors.Is(err, gohlslib.ErrClientEOS) {
		return nil
	}
	if e := (*ingest.Error)(nil); errors.As(err, &e) {
		return e
	}
	network := (*url.Error)(nil)
	tooLong := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &tooLong):
		return ingest.Errorf(ingest.ReasonBadMessage, "an answer of more than %d bytes", maxBody)
	case played && (errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF)):
		return ingest.Errorf(ingest.ReasonDisconnected, "the server does not answer any more")
	case errors.As(err, &network):
		return ingest.Errorf(ingest.ReasonUnreachable, "the server does not answer")
	}
	return ingest.Errorf(ingest.ReasonBadMedia, "a playlist or a segment that cannot be read")
}

// guard calls f under the lock, and stops the fetch where that fails: one bad source never takes the node.
func (f *fetching) guard(do func() error) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			f.log.Error("panic", "panic", r)
			err = ingest.Errorf(ingest.ReasonInternal, "panic of an HLS source")
		}
		if err != nil && f.cause == nil {
			f.cause = err
			f.stops.Go(f.client.Close)
		}
	}()
	if f.cause != nil {
		return nil
	}
	return do()
}

// tracks is called once it is known what there is: it opens the session, and has the media of one picture and one sound come.
func (f *fetching) tracks(all []*gohlslib.Track) error {
	return f.guard(func() error {
		for _, t := range all {
			f.choose(t)
		}
		if f.picture == nil && f.sound == nil {
			return ingest.Errorf(ingest.ReasonUnsupported, "no H.264, HEVC, AAC or Opus among %d tracks", len(all))
		}
		session, err := f.admit(f.ctx, ingest.Request{Remote: f.place.url.Host, Clock: wireClock})
		if err != nil {
			return err
		}
		f.session = session
		f.watching.Go(func() {
			select {
			case <-session.Done():
				f.stop(session.Cause())
			case <-f.ctx.Done():
			}
		})
		return f.describe()
	})
}

// choose takes a track where it is the first of its kind that we carry.
func (f *fetching) choose(t *gohlslib.Track) {
	switch c := t.Codec.(type) {
	case *codecs.H264:
		f.watch(t, newPicture(media.H264, c.SPS, c.PPS))
	case *codecs.H265:
		f.watch(t, newPicture(media.HEVC, c.VPS, c.SPS, c.PPS))
	case *codecs.MPEG4Audio:
		if config, err := c.Config.Marshal(); err == nil && f.sound == nil {
			f.sound = &media.Track{ID: soundID, Codec: media.AAC, Config: config}
			f.client.OnDataMPEG4Audio(t, func(pts int64, frames [][]byte) { f.hear(t, pts, frames, 1024) })
		}
	case *codecs.Opus:
		if f.sound == nil {
			f.sound = &media.Track{ID: soundID, Codec: media.Opus, Config: []byte{0, byte(c.ChannelCount), 0, 0, 0, 0, 0xBB, 0x80, 0, 0, 0}}
			f.client.OnDataOpus(t, func(pts int64, packets [][]byte) { f.hear(t, pts, packets, 960) })
		}
	}
}

func (f *fetching) watch(t *gohlslib.Track, p *picture) {
	if f.picture != nil {
		return
	}
	f.picture = p
	f.client.OnDataH26x(t, func(pts, dts int64, units [][]byte) {
		_ = f.guard(func() error {
			u, changed, err := p.unit(units)
			if err != nil || len(u.Payload) == 0 {
				return err
			}
			if changed {
				if err := f.describe(); err != nil {
					return err
				}
			}
			u.DTS = media.Rescale(dts, int64(t.ClockRate), wireClock.Rate)
			u.Offset = media.Rescale(pts, int64(t.ClockRate), wireClock.Rate) - u.DTS
			return f.write(u)
		})
	})
}

// hear takes frames of sound that follow each other, each of as many samples.
func (f *fetching) hear(t *gohlslib.Track, pts int64, frames [][]byte, samples int64) {
	_ = f.guard(func() error {
		for i, frame := range frames {
			at := media.Rescale(pts+int64(i)*samples, int64(t.ClockRate), wireClock.Rate)
			if err := f.write(ingest.Unit{Track: soundID, DTS: at, RandomAccess: true, Payload: frame}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fetching) write(u ingest.Unit) error {
	f.silence.Reset(f.place.MediaTimeout)
	return f.session.Write(u)
}

// describe tells the session what tracks are known. A picture whose parameter sets have not come yet is none.
func (f *fetching) describe() error {
	var tracks []media.Track
	if f.picture != nil && f.picture.config != nil {
		tracks = append(tracks, media.Track{ID: pictureID, Codec: f.picture.codec, Config: f.picture.config})
	}
	if f.sound != nil {
		tracks = append(tracks, *f.sound)
	}
	if len(tracks) == 0 {
		return nil
	}
	return f.session.Describe(tracks)
}

package packager

import (
	"slices"
	"time"

	"github.com/stagecast/stagecast/internal/hls"
	"github.com/stagecast/stagecast/internal/media"
)

// Past is what a stream had listed when its server ended, however it did.
type Past struct {
	Presentation Presentation
	Renditions   map[string]PastRendition // by name; those that Presentation does not have are over
}

// PastRendition is one Media Playlist as it was listed last.
type PastRendition struct {
	Playlist *hls.MediaPlaylist
	Sizes    []int64       // bytes of Playlist.Segments
	Open     int64         // bytes of Playlist.Open
	Lag      time.Duration // as in Update
	Listed   time.Time     // when something new was listed
}

// resume goes on from the past as after the loss of an encoder: the time since then is a gap. Where the stream cannot go on,
// because nobody would wait for it any more or its profile is another, it ends. It returns how long it waits for the encoder.
func (p *Packager) resume(now time.Time) <-chan time.Time {
	past := p.config.Past
	p.config.Past = nil
	if past == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pr := past.Presentation
	p.token, p.since, p.generation, p.state, p.arrived = pr.Token, pr.Since, pr.Generation, Reconnecting, now
	var listed time.Time
	ended := false
	for _, d := range pr.Renditions {
		was, ok := past.Renditions[d.Track.Rendition]
		if !ok || was.Playlist == nil || len(was.Playlist.Segments) == 0 {
			continue
		}
		config := p.config
		config.Profile = pr.Profile // until the next publication begins
		r := newRendition(config, p.token)
		if err := r.use(d.Track); err != nil {
			p.log.Error("a rendition cannot go on", "err", err)
			continue
		}
		r.recall(was, d.Peak)
		p.target = was.Playlist.TargetDuration
		ended = ended || was.Playlist.Ended
		if was.Listed.After(listed) {
			listed = was.Listed
		}
		p.byName[d.Track.Rendition] = r
		p.order = append(p.order, r)
		if d.Track.Kind() == media.Video && !d.Track.Aligned && p.lead.leader == nil {
			p.lead.leader = r
		}
	}
	for name := range past.Renditions {
		if p.byName[name] == nil {
			p.ended(name)
		} else if track, life := lifeOf(name); life > p.lives[track] {
			p.lives[track] = life
		}
	}
	p.signature = p.sign()
	if len(p.order) == 0 {
		p.state = Idle
		return nil
	}
	if pr.State == Ended {
		p.state = Ended
		p.present()
		p.target = 0
		return nil
	}
	p.published = true
	if ended || pr.Profile != p.config.Profile || now.Sub(listed) > p.config.Grace {
		p.log.Info("the broadcast before the restart is over", "down", now.Sub(listed))
		p.finish()
		return nil
	}
	p.away = true
	p.owe()
	if slices.ContainsFunc(p.order, (*rendition).endsInMedia) {
		p.cutLost()
	}
	p.fillAll(now)
	for _, r := range p.order {
		p.put(r, nil, nil, false)
	}
	p.present()
	p.log.Info("going on after a restart, waiting for the encoder", "down", now.Sub(listed), "grace", p.config.Grace)
	return time.After(p.config.Grace)
}

// recall takes over what was listed.
func (r *rendition) recall(was PastRendition, peak int64) {
	list := was.Playlist
	r.number = list.MediaSequence + int64(len(list.Segments))
	r.discs, r.peak, r.lag, r.listedAt, r.arrived = list.DiscontinuitySequence, peak, was.Lag, was.Listed, was.Listed
	for i, s := range list.Segments {
		if s.Discontinuity {
			r.discs++
		}
		l := &listing{segment: s, at: recallTicks(s.ProgramDateTime), disc: r.discs}
		if !s.Gap && i < len(was.Sizes) {
			l.bits = was.Sizes[i] * 8
		}
		r.listed = append(r.listed, l)
		r.bits += l.bits
	}
	if list.OpenHead != nil && len(list.Open) > 0 {
		head := *list.OpenHead
		r.head, r.parts = &head, slices.Clone(list.Open)
		r.headAt, r.kept = recallTicks(head.ProgramDateTime), was.Open
		if head.Discontinuity {
			r.discs++
		}
		for _, part := range r.parts {
			r.opened = r.opened || !part.Gap
			r.ticks += int64((part.Duration*time.Duration(r.track.ClockRate) + time.Second/2) / time.Second)
		}
	}
	r.lastUnit = r.unitLength()
}

// owe finds the discontinuities that some renditions had listed when the server ended, and others had not come to yet.
//
// RFC 8216bis, 6.2.4: matching content has the same Discontinuity Sequence Number in all Media Playlists.
func (p *Packager) owe() {
	breaks := make(map[int64]bool)
	for _, o := range p.order {
		for i, l := range o.listed {
			if l.segment.Discontinuity {
				breaks[o.number-int64(len(o.listed)-i)] = true
			}
		}
		if o.head != nil && o.head.Discontinuity {
			breaks[o.number] = true
		}
	}
	for _, r := range p.order {
		for number := range breaks {
			if number > r.number || number == r.number && r.head == nil {
				r.owed = append(r.owed, number)
			}
		}
		for _, o := range p.order { // of a publication that began within the slot
			if p.lead.leader == nil && r.head == nil && o.number == r.number && o.opened && o.head.Discontinuity {
				r.openGap(o.head.ProgramDateTime)
			}
		}
	}
}

// unitLength is about how long a unit is, in ticks.
func (r *rendition) unitLength() int64 {
	switch rate := r.track.FrameRate; {
	case r.track.Kind() == media.Audio:
		return 1024
	case rate.Known():
		return max(1, r.track.ClockRate*rate.Den/rate.Num)
	}
	return r.track.ClockRate / 30
}

// recallTicks is a date-time in ticks of media.VideoClockRate, from which it was rounded down.
func recallTicks(at time.Time) int64 {
	return media.Ticks(at.Add(time.Second/media.VideoClockRate/2), media.VideoClockRate)
}

// endsInMedia reports that what is listed last is no gap: it has not been said yet that the media end there.
func (r *rendition) endsInMedia() bool {
	if len(r.parts) > 0 {
		return !r.inGap()
	}
	return !r.gapBefore()
}

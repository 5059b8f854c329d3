package check

import (
	"time"

	"github.com/stagecast/stagecast/internal/hls"
)

// Media checks the rules that one Media Playlist keeps or breaks by itself. In a delta update, what depends on skipped
// lines is left to the merged playlist.
func Media(r *Report, where string, p *hls.ParsedMedia) {
	m := &media{r: r, where: where, p: p}
	m.version()
	m.targetDuration()
	m.control()
	m.order()
	m.segments()
	m.parts()
	m.hints()
	m.dateTimes()
	m.skip()
}

// media is one pass over one Media Playlist.
type media struct {
	r     *Report
	where string
	p     *hls.ParsedMedia
}

func (m *media) expect(rule string, ok bool, format string, args ...any) bool {
	return m.r.Expect(rule, ok, m.where, format, args...)
}

// target is the target duration as a time.
func target(p *hls.ParsedMedia) time.Duration { return time.Duration(p.TargetDuration) * time.Second }

func (m *media) version() {
	need, why := requiredVersion(m.p.Lines)
	if m.p.Skip == nil {
		m.expect("L05", m.p.Version >= need, "version %d, but %s needs %d", m.p.Version, why, need)
	} else {
		m.expect("L57", m.p.Version >= need, "version %d, but %s needs %d", m.p.Version, why, need)
	}
	m.expect("L06", m.p.Version <= need, "version %d where %d is enough (%s)", m.p.Version, need, why)
}

func (m *media) targetDuration() {
	p := m.p
	if !m.expect("L07", p.TargetDuration >= 1, "EXT-X-TARGETDURATION is absent or 0") {
		return
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		m.expect("L07", s.Duration.Round(time.Second) <= target(p), "line %d: EXTINF %v, target duration %d", s.Line, s.Duration, p.TargetDuration)
	}
}

// control checks EXT-X-SERVER-CONTROL and EXT-X-PART-INF.
func (m *media) control() {
	p, c := m.p, m.p.Control
	hasParts := len(p.Open.Parts) > 0
	for i := range p.Segments {
		hasParts = hasParts || len(p.Segments[i].Parts) > 0
	}
	if hasParts {
		m.expect("L20", p.PartTarget > 0, "parts, but no EXT-X-PART-INF with a PART-TARGET")
	}
	if c == nil {
		c = &hls.ServerControl{}
	}
	if !p.Ended {
		m.expect("L34", c.CanBlockReload, "no CAN-BLOCK-RELOAD=YES")
	}
	if p.PartTarget > 0 && m.expect("L21", c.PartHoldBack >= 2*p.PartTarget, "PART-HOLD-BACK %v, PART-TARGET %v", c.PartHoldBack, p.PartTarget) {
		m.expect("L22", c.PartHoldBack >= 3*p.PartTarget, "PART-HOLD-BACK %v, PART-TARGET %v", c.PartHoldBack, p.PartTarget)
	}
	if c.HoldBack > 0 {
		m.expect("L23", c.HoldBack >= 3*target(p), "HOLD-BACK %v, target duration %d", c.HoldBack, p.TargetDuration)
	}
	if c.CanSkipUntil > 0 {
		m.expect("L24", c.CanSkipUntil >= 6*target(p), "CAN-SKIP-UNTIL %v, target duration %d", c.CanSkipUntil, p.TargetDuration)
	}
	m.expect("L24", !c.CanSkipDateRanges || c.CanSkipUntil > 0, "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL")
	if p.Skip == nil && p.Length() > 2*time.Minute {
		m.expect("L60", c.CanSkipUntil > 0, "%v of segments and no CAN-SKIP-UNTIL", p.Length())
	}
}

// segments checks what each segment needs.
func (m *media) segments() {
	p := m.p
	if p.Skip != nil {
		return
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		m.expect("L13", s.Map != nil || s.Gap || transportStream(s.URI), "line %d: %s has no EXT-X-MAP", s.Line, s.URI)
	}
	if n := len(p.Open.Parts); n > 0 {
		last := p.Open.Parts[n-1]
		m.expect("L13", p.Open.Map != nil || transportStream(last.URI), "line %d: part %s has no EXT-X-MAP", last.Line, last.URI)
	}
}

// hints checks the preload hints.
func (m *media) hints() {
	p := m.p
	n := 0
	for _, h := range p.Hints {
		if h.Type == "PART" {
			n++
		}
	}
	switch {
	case p.Ended:
		m.expect("L36", len(p.Hints) == 0, "EXT-X-PRELOAD-HINT beside EXT-X-ENDLIST")
	case p.PartTarget > 0:
		m.expect("L36", n == 1, "%d hints of TYPE=PART", n)
	}
}

// skip checks EXT-X-SKIP's place; that it stands once is a matter of grammar.
func (m *media) skip() {
	if m.p.Skip == nil {
		return
	}
	for _, l := range m.p.Lines {
		if segmentTag(l) {
			m.expect("L57", l.Number > m.p.Skip.Line, "EXT-X-SKIP on line %d stands behind a segment's tag on line %d", m.p.Skip.Line, l.Number)
			return
		}
	}
}

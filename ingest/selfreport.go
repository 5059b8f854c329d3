package ingest

import (
	"time"

	"github.com/stagecast/stagecast/internal/bpm"
	"github.com/stagecast/stagecast/internal/media"
)

// SelfReport is what an encoder says of itself, where it does (OBS with Multitrack Video): counts since the session began.
type SelfReport struct {
	Rendered  int64   `json:"rendered"`  // pictures drawn
	Lagged    int64   `json:"lagged"`    // drawn too late
	Dropped   int64   `json:"dropped"`   // not sent, because the network did not take them
	Output    int64   `json:"output"`    // sent, of all sizes together
	Skipped   int64   `json:"skipped"`   // that the encoders had no time for, of all sizes together
	EncodeMs  float64 `json:"encodeMs"`  // from drawing the newest key frame to handing it out
	ArrivalMs float64 `json:"arrivalMs"` // from drawing it to its arrival here, by the two clocks
}

// selfReports adds up what comes with each key frame.
type selfReports struct {
	sum     SelfReport
	any     bool
	lately  bpm.Report    // of the best picture
	skipped map[int]int64 // of the last report of each track
}

// add takes a report. Counts of the whole come with every track, each counted on its own: the best picture's are taken.
func (s *selfReports) add(track int, best bool, r bpm.Report, now time.Time) {
	s.any = true
	if s.skipped == nil {
		s.skipped = make(map[int]int64)
	}
	s.skipped[track] = int64(r.Skipped)
	s.sum.Skipped += int64(r.Skipped)
	if !best {
		return
	}
	s.lately = r
	s.sum.Rendered += int64(r.Rendered)
	s.sum.Lagged += int64(r.Lagged)
	s.sum.Dropped += int64(r.Dropped)
	s.sum.Output += int64(r.Output)
	if !r.Composed.IsZero() {
		s.sum.ArrivalMs = milliseconds(now.Sub(r.Composed))
		if !r.Sent.IsZero() {
			s.sum.EncodeMs = milliseconds(r.Sent.Sub(r.Composed))
		}
	}
}

func milliseconds(d time.Duration) float64 { return round(float64(d.Microseconds()) / 1000) }

// lossy is the share of pictures, between two key frames, from which on a loss is worth a warning: one in a hundred.
const lossy = 100

// warnings are about what the encoder has said last.
func (s *selfReports) warnings() (out []Warning) {
	all := int64(s.lately.Rendered)
	var skipped int64
	for _, n := range s.skipped {
		skipped = max(skipped, n)
	}
	if int64(s.lately.Dropped)*lossy > all {
		out = append(out, Warning{"encoder drops pictures", "The encoder leaves pictures out because its network does not take them.",
			"Lower the bitrate, or use a cable instead of Wi-Fi."})
	}
	if int64(s.lately.Lagged)*lossy > all {
		out = append(out, Warning{"encoder draws too slowly", "The encoder's machine draws pictures too late.",
			"OBS: close other programs that use the graphics card, or lower the frame rate."})
	}
	if skipped*lossy > all {
		out = append(out, Warning{"encoder is overloaded", "The encoder leaves pictures out because encoding takes too long.",
			"Choose a faster preset, a hardware encoder, or fewer sizes."})
	}
	return out
}

// selfReport reads what an encoder says of itself with a key frame.
func (m *meter) selfReport(t *media.Track, u *media.AccessUnit, now time.Time) {
	r, ok := bpm.Read(t.Codec, u.Payload)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.self.add(t.ID, t.ID == m.tracks[0].ID, r, now)
}

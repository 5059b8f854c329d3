package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/hub"
	"github.com/stagecast/stagecast/internal/media"
)

// sizes is a broadcaster of several sizes, or of one, that sends until it is cut. Key frames are two seconds apart.
type sizes struct {
	key     string
	tracks  []media.Track
	from    time.Duration
	until   time.Duration
	session *ingest.Session
}

// together plays broadcasters in real time, while the gate looks twenty times a second.
func (d *desk) together(long time.Duration, all ...*sizes) {
	began := d.now
	for k := int64(0); time.Duration(k)*40*time.Millisecond < long; k++ {
		at := time.Duration(k) * 40 * time.Millisecond
		d.now = began.Add(at)
		for _, b := range all {
			switch {
			case at < b.from || at > b.until:
				continue
			case b.session == nil:
				b.session = opened(d, b.key)
				require.NoError(d.t, b.session.Describe(b.tracks))
			case at == b.until:
				b.session.End(errCut)
				continue
			}
			ms := (at - b.from).Milliseconds()
			for _, t := range b.tracks {
				d.write(b.session, ingest.Unit{Track: t.ID, DTS: ms, RandomAccess: ms%2000 == 0, Payload: []byte{1, 2, 3, 4, 5, 6, 7}})
			}
		}
		d.gate.Look()
		d.drain()
	}
}

// Players decode several sizes as they are: a switch to or from them begins a publication of its own, and nothing goes back
// in time.
func TestSwitchesBetweenSeveralSizesAndOne(t *testing.T) {
	three, one := []media.Track{large, middle, small, voice}, []media.Track{size(1, 1280, 720), voice}
	for name, c := range map[string]struct {
		pass            bool
		primary, backup []media.Track
	}{
		"three to three":            {false, three, three},
		"three to one":              {false, three, one},
		"one to three":              {false, one, three},
		"three to one, passed on":   {true, three, one},
		"three to three, passed on": {true, three, three},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, ingest.Config{PassedOn: c.pass})
			d.together(20*time.Second,
				&sizes{key: primaryKey, tracks: c.primary, until: 7 * time.Second},
				&sizes{key: backupKey, tracks: c.backup, from: 600 * time.Millisecond, until: time.Minute})
			require.Len(t, d.read, 2, "one for each")
			require.ErrorIs(t, d.read[0].pub.Err(), hub.ErrReplaced)
			last := d.last()
			require.Len(t, last.pub.Tracks, len(c.backup))
			var end int64
			for _, u := range d.read[0].of(d.read[0].pub.Tracks[0].ID) {
				end = max(end, u.PTS)
			}
			for i := range last.pub.Tracks {
				track := &last.pub.Tracks[i]
				units := last.of(track.ID)
				require.Greater(t, len(units), 200, track.Rendition)
				require.True(t, units[0].RandomAccess)
				if track.Kind() == media.Video && len(c.backup) > 2 {
					require.Greater(t, units[0].PTS, end)
					require.Equal(t, last.of(last.pub.Tracks[0].ID)[0].PTS, units[0].PTS, "all sizes begin together")
				}
			}
			last.keepsPromises(t)
		})
	}
}

package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stagecast/stagecast/ingest"
	"github.com/stagecast/stagecast/internal/bpm"
	"github.com/stagecast/stagecast/internal/bpm/bpmtest"
	"github.com/stagecast/stagecast/internal/media"
)

func TestEncoderThatReportsOnItself(t *testing.T) {
	d := newDesk(t, ingest.Config{})
	s := d.open()
	defer s.End(nil)
	describe(t, s, fps30, nil)
	key := func(at int64, r bpm.Report) {
		r.Composed, r.Sent = d.now.Add(-200*time.Millisecond), d.now.Add(-150*time.Millisecond)
		d.write(s, ingest.Unit{Track: picture, DTS: at, RandomAccess: true, Payload: append(bpmtest.Units(media.H264, r), 0, 0, 0, 1, 0x65)})
	}
	d.write(s, shot(0, true))
	require.Nil(t, d.gate.Inputs()[0].Self)
	key(33, bpm.Report{Rendered: 1, Output: 1, Input: 1, Coded: 1})
	key(2033, bpm.Report{Rendered: 60, Output: 60, Input: 60, Coded: 60})
	in := d.gate.Inputs()[0]
	require.Equal(t, &ingest.SelfReport{Rendered: 61, Output: 61, EncodeMs: 50, ArrivalMs: 200}, in.Self)

	key(4033, bpm.Report{Rendered: 60, Lagged: 3, Dropped: 2, Output: 58, Skipped: 5})
	in = d.gate.Inputs()[0]
	require.Equal(t, &ingest.SelfReport{Rendered: 121, Lagged: 3, Dropped: 2, Output: 119, Skipped: 5, EncodeMs: 50, ArrivalMs: 200}, in.Self)
	var names []string
	for _, w := range in.Warnings {
		names = append(names, w.Name)
	}
	require.Subset(t, names, []string{"encoder drops pictures", "encoder draws too slowly", "encoder is overloaded"})
	key(6033, bpm.Report{Rendered: 60, Output: 60})
	for _, w := range d.gate.Inputs()[0].Warnings {
		require.NotContains(t, w.Name, "encoder", "it has recovered")
	}
}

// Every size has a report of its own, in which the counts of the whole are the same.
func TestReportsOfSeveralSizesAreNotAddedUp(t *testing.T) {
	l := newLadder(t, media.Track{ID: 1, Codec: media.H264, Config: plainAVC}, media.Track{ID: 3, Codec: media.H264, Config: plainAVC})
	for _, id := range []int{1, 3} {
		l.write(l.s, ingest.Unit{Track: id, RandomAccess: true, Payload: append(bpmtest.Units(media.H264, bpm.Report{Rendered: 60, Output: 120, Skipped: 1}), 0, 0, 0, 1, 0x65)})
	}
	require.EqualValues(t, 60, l.gate.Inputs()[0].Self.Rendered)
	require.EqualValues(t, 120, l.gate.Inputs()[0].Self.Output)
	require.EqualValues(t, 2, l.gate.Inputs()[0].Self.Skipped)
}
